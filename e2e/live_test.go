package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/tidewire/websocket"
)

// message is one message in the fragments that it is sent in.
type message struct {
	name  string
	mtype websocket.MessageType
	parts [][]byte
}

var messages = []message{
	{"text", websocket.Text, split("hello")},
	{"binary", websocket.Binary, split("\x00\xff\x80\x01")},
	{"empty text", websocket.Text, split("")},
	{"empty binary", websocket.Binary, split("")},
	{"unicode", websocket.Text, split("κόσμε 世界 🌊 \u0000\uffff\U0010ffff")},
	{"fragmented text", websocket.Text, split("one ", "two ", "three")},
	{"fragmented binary", websocket.Binary, split("\x00", "\xff\xfe", "\x80")},
	{"cut inside a character", websocket.Text, split("\xf0\x9f", "\x8c\x8a")},
	{"empty fragments", websocket.Text, split("", "in the middle", "")},
	{"126 bytes", websocket.Binary, [][]byte{pattern(126)}},
	{"64 KiB", websocket.Binary, [][]byte{pattern(65536)}},
	{"1 MiB", websocket.Binary, [][]byte{pattern(1 << 20)}},
	{"1 MiB of text in fragments", websocket.Text, [][]byte{letters(1 << 19), letters(1 << 19)}},
}

func split(parts ...string) (b [][]byte) {
	for _, p := range parts {
		b = append(b, []byte(p))
	}
	return b
}

// pattern makes n bytes without a short period.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i>>3 ^ i)
	}
	return b
}

func letters(n int) []byte { return bytes.Repeat([]byte("abcdefgh"), n/8) }

func TestMessagesFromPeer(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		c, p, _ := s.connect(t)
		fromPeer(t, c, p, messages)
	})
}

func TestMessagesToPeer(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		c, p, _ := s.connect(t)
		toPeer(t, c, p, messages)
	})
}

// send writes a message of several parts through a Writer.
func send(ctx context.Context, c *websocket.Conn, m message) error {
	if len(m.parts) == 1 {
		return c.Write(ctx, m.mtype, m.parts[0])
	}
	w, err := c.Writer(ctx, m.mtype)
	if err != nil {
		return err
	}
	for _, p := range m.parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return w.Close()
}

func TestPing(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		c, p, _ := s.connect(t)
		rtt, err := c.Ping(bounded(t))
		if err != nil || rtt <= 0 {
			t.Errorf("Ping: got %v, error %v", rtt, err)
		}

		go c.Discard(t.Context()) // a reader, which answers pings
		p.tell(command{Do: "ping"})
		p.expect("pong")
	})
}

func TestPingInsideMessage(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		c, p, _ := s.connect(t)
		w, err := c.Writer(bounded(t), websocket.Binary)
		if err != nil {
			t.Fatal(err)
		}
		want := pattern(100_000) // several frames
		if _, err := w.Write(want[:50_000]); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Ping(bounded(t)); err != nil {
			t.Errorf("Ping between the frames of a message: %v", err)
		}
		if _, err := w.Write(want[50_000:]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := p.expect("message"); !bytes.Equal(got.Data, want) {
			t.Errorf("peer got %d bytes, want %d", len(got.Data), len(want))
		}
	})
}

func TestBothSidesWriteAtOnce(t *testing.T) {
	const count = 100
	everySide(t, func(t *testing.T, s side) {
		c, p, _ := s.connect(t)
		wrote := make(chan error, 1)
		go func() {
			for i := range count {
				if err := c.Write(bounded(t), websocket.Text, fmt.Appendf(nil, "ours %d", i)); err != nil {
					wrote <- err
					return
				}
			}
			wrote <- nil
		}()
		for i := range count {
			p.tell(command{Do: "send", Type: "text", Parts: split(fmt.Sprintf("theirs %d", i))})
		}
		for i := range count {
			if _, got, err := c.Read(bounded(t)); err != nil || string(got) != fmt.Sprintf("theirs %d", i) {
				t.Fatalf("message %d: got %q, error %v", i, got, err)
			}
			if got := p.expect("message"); string(got.Data) != fmt.Sprintf("ours %d", i) {
				t.Fatalf("message %d at the peer: got %q", i, got.Data)
			}
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
	})
}

func TestSubprotocol(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		c, _, open := s.connect(t, "chat.v2", "chat.v1")
		if c.Subprotocol() != "chat.v2" || open.Subprotocol != "chat.v2" {
			t.Errorf("subprotocol: we have %q, the peer %q, want chat.v2", c.Subprotocol(), open.Subprotocol)
		}
	})
}

// endings are close codes with reasons, up to the longest that fits.
var endings = []struct {
	code   websocket.CloseCode
	reason string
}{
	{1000, ""},
	{1000, "bye"},
	{1001, "going away"},
	{1003, ""},
	{1011, "it broke"},
	{3000, "registered"},
	{4001, "κόσμε 世界 🌊"},
	{4999, string(letters(120)) + "123"},
	{1005, ""},
}

func TestPeerCloses(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		for _, e := range endings {
			t.Run(fmt.Sprint(e.code, e.reason), func(t *testing.T) {
				c, p, _ := s.connect(t)
				p.tell(command{Do: "close", Code: e.code, Reason: e.reason})
				_, _, err := c.Read(bounded(t))
				var closed *websocket.CloseError
				if !errors.As(err, &closed) || closed.Code != e.code || closed.Reason != e.reason || !closed.Remote {
					t.Errorf("Read: got %v, want the peer's %d %q", err, e.code, e.reason)
				}
				if got := p.expect("close"); got.Code != e.code {
					t.Errorf("the peer ended with %d %q, want our echo of %d", got.Code, got.Reason, e.code)
				}
			})
		}
	})
}

func TestWeClose(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		for _, e := range endings {
			t.Run(fmt.Sprint(e.code, e.reason), func(t *testing.T) {
				c, p, _ := s.connect(t)
				if err := c.CloseWith(bounded(t), e.code, e.reason); err != nil {
					t.Errorf("CloseWith: %v", err)
				}
				if got := p.expect("close"); got.Code != e.code || got.Reason != e.reason {
					t.Errorf("the peer got %d %q, want %d %q", got.Code, got.Reason, e.code, e.reason)
				}
				var closed *websocket.CloseError
				if err := c.Err(); !errors.As(err, &closed) || closed.Code != e.code || closed.Sent != e.code {
					t.Errorf("Err: got %v, want the peer's echo of %d", err, e.code)
				}
			})
		}
	})
}

func TestTooLargeMessage(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		c, p, _ := s.connect(t)
		p.tell(command{Do: "send", Type: "binary", Parts: [][]byte{pattern(1<<20 + 1)}})
		if _, _, err := c.Read(bounded(t)); err == nil {
			t.Errorf("Read of more than the limit: got no error")
		}
		if got := p.expect("close"); got.Code != websocket.CloseTooBig {
			t.Errorf("the peer ended with %d %q, want 1009", got.Code, got.Reason)
		}
	})
}

func TestForeignOriginIsRefused(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if _, err := websocket.Upgrade(w, r, nil); err == nil {
					t.Error("Upgrade: got no error")
				}
			})
			p := l.start(t, setup{Role: "client", URL: url, Origin: "https://elsewhere.example"})
			if got := p.expect("refused"); got.Status != http.StatusForbidden {
				t.Errorf("the peer got status %d, want 403", got.Status)
			}
		})
	}
}

func TestRefusalOfPeer(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			p := l.start(t, setup{Role: "server", Refuse: http.StatusUnauthorized})
			url := fmt.Sprintf("ws://127.0.0.1:%d/", p.expect("listening").Port)
			_, err := websocket.Dial(bounded(t), url, nil)
			var refused *websocket.HandshakeError
			if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
				t.Errorf("Dial: got %v, want a HandshakeError with 401", err)
			}
		})
	}
}

// bounded is a context for one call.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
