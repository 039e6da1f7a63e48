package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tidewire/websocket"
)

// agreements are what we and a peer want of compression, and the parameters that the
// handshake has to end with, whoever is the server.
var agreements = []struct {
	name     string
	ours     websocket.Compression
	theirs   deflate
	asServer string // the response when we are the server, sorted
	asClient string // and as client, if that differs
}{
	{
		name:     "each message by itself",
		asServer: "client_no_context_takeover; permessage-deflate; server_no_context_takeover",
	},
	{
		name:     "takeover with the largest windows",
		ours:     websocket.Compression{Takeover: true, WindowBits: 15, PeerWindowBits: 15},
		asServer: "permessage-deflate",
	},
	{
		name:     "takeover as it is by default",
		ours:     websocket.Compression{Takeover: true, Threshold: -1},
		asServer: "client_max_window_bits=12; permessage-deflate; server_max_window_bits=12",
	},
	{
		name:     "the smallest windows",
		ours:     websocket.Compression{Takeover: true, Threshold: -1, WindowBits: 8, PeerWindowBits: 9, Level: websocket.BetterCompression},
		asServer: "client_max_window_bits=9; permessage-deflate; server_max_window_bits=8",
		asClient: "client_max_window_bits=8; permessage-deflate; server_max_window_bits=9",
	},
	{
		name:     "the peer wants smaller windows",
		ours:     websocket.Compression{Takeover: true, Threshold: -1, WindowBits: 15, PeerWindowBits: 15},
		theirs:   deflate{ServerMaxWindowBits: 10, ClientMaxWindowBits: 10},
		asServer: "client_max_window_bits=10; permessage-deflate; server_max_window_bits=10",
	},
	{
		name:     "the peer wants no takeover",
		ours:     websocket.Compression{Takeover: true, Threshold: -1, WindowBits: 15, PeerWindowBits: 15},
		theirs:   deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true},
		asServer: "client_no_context_takeover; permessage-deflate; server_no_context_takeover",
	},
}

// Checklist: P3, P4, P5, P6

// TestCompression has both ends send everything under every agreement.
func TestCompression(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		for _, a := range agreements {
			t.Run(a.name, func(t *testing.T) {
				s.compression, s.deflate = &a.ours, &a.theirs
				c, p, open := s.connect(t)
				want := a.asServer
				if s.peerRole == "server" && a.asClient != "" {
					want = a.asClient
				}
				if ours, theirs := sorted(c.Extensions()), sorted(open.Extensions); ours != want || theirs != want {
					t.Errorf("agreed on: we say %q, the peer %q, want %q", ours, theirs, want)
				}

				all := slices.Concat(messages, sized())
				fromPeer(t, c, p, all)
				toPeer(t, c, p, all)
				isCompressed(t, c.Stats())

				p.tell(command{Do: "close", Code: websocket.CloseNormal})
				_, _, err := c.Read(bounded(t))
				var closed *websocket.CloseError
				if !errors.As(err, &closed) || closed.Code != websocket.CloseNormal {
					t.Errorf("Read: got %v, want the peer's Close", err)
				}
			})
		}
	})
}

// sorted are the elements of a response with one extension.
func sorted(extension string) string {
	elements := strings.Split(extension, ";")
	for i, e := range elements {
		elements[i] = strings.TrimSpace(e)
	}
	slices.Sort(elements)
	return strings.Join(elements, "; ")
}

// fromPeer has the peer send all messages.
func fromPeer(t *testing.T, c *websocket.Conn, p *peer, all []message) {
	t.Helper()
	for _, m := range all {
		p.tell(command{Do: "send", Type: m.mtype.String(), Parts: m.parts})
		mt, got, err := c.Read(bounded(t))
		if want := bytes.Join(m.parts, nil); err != nil || mt != m.mtype || !bytes.Equal(got, want) {
			t.Fatalf("%s: got %v of %d bytes, error %v; want %v of %d bytes", m.name, mt, len(got), err, m.mtype, len(want))
		}
	}
}

// toPeer sends all messages in each of the ways there are.
func toPeer(t *testing.T, c *websocket.Conn, p *peer, all []message) {
	t.Helper()
	for _, m := range all {
		whole := bytes.Join(m.parts, nil)
		for i, way := range ways {
			if i > 0 && len(whole) > 1<<17 {
				break // the other ways do nothing new with more
			}
			if err := way.send(bounded(t), c, m); err != nil {
				t.Fatalf("%s of %s: %v", way.name, m.name, err)
			}
			got := p.expect("message")
			if got.Type != m.mtype.String() || !bytes.Equal(got.Data, whole) {
				t.Fatalf("%s of %s: peer got %s of %d bytes, want %v of %d bytes", way.name, m.name, got.Type, len(got.Data), m.mtype, len(whole))
			}
		}
	}
}

// ways are how a message may be sent. In this order each compressed one meets a
// window that another way has left behind.
var ways = []struct {
	name string
	send func(context.Context, *websocket.Conn, message) error
}{
	{"Write, or a Writer", send},
	{"WritePrepared", func(ctx context.Context, c *websocket.Conn, m message) error {
		p, err := websocket.Prepare(m.mtype, bytes.Join(m.parts, nil))
		if err != nil {
			return err
		}
		return c.WritePrepared(ctx, p)
	}},
	{"Write, uncompressed", func(ctx context.Context, c *websocket.Conn, m message) error {
		return c.Write(ctx, m.mtype.Uncompressed(), bytes.Join(m.parts, nil))
	}},
	{"Write", func(ctx context.Context, c *websocket.Conn, m message) error {
		return c.Write(ctx, m.mtype, bytes.Join(m.parts, nil))
	}},
}

// isCompressed holds both directions against their bytes before compression. A
// quarter of ours is sent uncompressed on purpose, and a third of all is noise.
func isCompressed(t *testing.T, s websocket.Stats) {
	t.Helper()
	if s.WireIn > s.BytesIn*8/10 {
		t.Errorf("the peer's messages: %d bytes came as %d on the wire", s.BytesIn, s.WireIn)
	}
	if s.WireOut > s.BytesOut*9/10 {
		t.Errorf("our messages: %d bytes went out as %d on the wire", s.BytesOut, s.WireOut)
	}
}

// Checklist: P10, X7

// TestPeerWithoutCompression declines or does not offer.
func TestPeerWithoutCompression(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		s.compression = &websocket.Compression{Takeover: true, Threshold: -1}
		c, p, open := s.connect(t)
		if c.Extensions() != "" || open.Extensions != "" {
			t.Errorf("agreed on: we say %q, the peer %q, want nothing", c.Extensions(), open.Extensions)
		}
		fromPeer(t, c, p, messages)
		toPeer(t, c, p, messages)
		if s := c.Stats(); s.WireOut < s.BytesOut || s.WireIn < s.BytesIn {
			t.Errorf("less on the wire than there is in the messages: %+v", s)
		}
	})
}

// sized are messages of many sizes around the borders of frames, of the threshold and
// of windows: alike, as programs send them, and not to be compressed at all.
func sized() (all []message) {
	for _, n := range []int{0, 1, 2, 125, 126, 511, 512, 1000, 4095, 16_384, 32_768, 65_535, 65_536, 100_000} {
		all = append(all,
			message{fmt.Sprintf("JSON of %d bytes", n), websocket.Text, [][]byte{records(n)}},
			message{fmt.Sprintf("JSON of %d bytes in fragments", n), websocket.Text, cut(records(n), 3)},
			message{fmt.Sprintf("noise of %d bytes", n), websocket.Binary, [][]byte{noise(n)}})
	}
	return all
}

// records makes n bytes of what looks like JSON.
func records(n int) []byte {
	b := []byte{}
	r := rand.New(rand.NewPCG(7, uint64(n)))
	for len(b) < n {
		b = fmt.Appendf(b, `{"id":%d,"name":"user %d","tags":["alpha","beta"],"score":%.3f},`, r.Uint32(), r.IntN(100), r.Float64())
	}
	return b[:n]
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// cut cuts b into n parts.
func cut(b []byte, n int) (parts [][]byte) {
	for ; n > 1; n-- {
		k := len(b) / n
		parts, b = append(parts, b[:k]), b[k:]
	}
	return append(parts, b)
}
