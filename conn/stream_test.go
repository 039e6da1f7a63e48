package conn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

func TestStreamHasNoBorders(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			s := Stream(c, Binary)
			p.message(frame.Text, "one ")
			p.message(frame.Binary, "")
			p.send(p.frame(!fin, frame.Binary, "t"), p.frame(fin, frame.Ping, ""), p.frame(fin, frame.Continuation, "wo "))
			p.message(frame.Text, "three")
			p.message(frame.Close, closePayload(1001, ""))
			got := make([]byte, 2)
			if n, err := io.ReadFull(s, got); n != 2 || string(got) != "on" || err != nil {
				t.Fatalf("Read = %q, %v", got[:n], err)
			}
			rest, err := io.ReadAll(s)
			if string(rest) != "e two three" || err != nil {
				t.Errorf("the rest is %q, %v; want a clean end", rest, err)
			}
			for range 2 {
				if n, err := s.Read(got); n != 0 || err != io.EOF {
					t.Errorf("Read at the end = %d, %v; want io.EOF", n, err)
				}
			}
		})
	}
}

func TestStreamEndsWithTheErrorOfTheConnection(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(p *peer)
		want error
	}{
		"EOF between messages": {func(p *peer) { p.nc.CloseWrite() }, io.EOF},
		"EOF inside one":       {func(p *peer) { p.send(p.frame(!fin, frame.Text, "")); p.nc.CloseWrite() }, io.ErrUnexpectedEOF},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Client, quiet())
			test.end(p)
			_, err := Stream(c, Text).Read(make([]byte, 9))
			// A stream that ended without a Close did not end well: never a bare io.EOF.
			if err == io.EOF || !errors.Is(err, test.want) || closeError(t, err).Code != CloseAbnormal {
				t.Errorf("%s: Read = %v", name, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		p.message(frame.Close, closePayload(4000, "why"))
		if _, err := Stream(c, Text).Read(make([]byte, 9)); closeError(t, err).Code != 4000 {
			t.Errorf("Read = %v, want the Close", err)
		}
	})
}

func TestStreamWritesMessages(t *testing.T) {
	text := strings.Repeat("aé€😀", 5000) // 50 KB
	for _, typ := range []MessageType{Text, Binary} {
		synctest.Test(t, func(t *testing.T) {
			client, server := pair(t, quiet())
			s := Stream(client, typ)
			go func() {
				if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
					t.Errorf("Write = %d, %v; want %d", n, err, len(text))
				}
				if n, err := s.Write(nil); n != 0 || err != nil {
					t.Errorf("Write(nil) = %d, %v", n, err)
				}
				s.Close()
			}()
			var got []byte
			for m, err := range server.Messages(t.Context()) {
				if err != nil || m.Type != typ || len(m.Data) > copyMax || len(m.Data) == 0 {
					t.Fatalf("%v of %d bytes, %v; want up to %d", m.Type, len(m.Data), err, copyMax)
				}
				got = append(got, m.Data...)
			}
			if string(got) != text {
				t.Errorf("%d bytes came, want %d", len(got), len(text))
			}
		})
	}
}

func TestStreamRefusesTextThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		s := Stream(c, Text)
		if n, err := s.Write([]byte("\xff")); n != 0 || err == nil {
			t.Errorf("Write(ff) = %d, %v; want an error", n, err)
		}
		long := append(bytes.Repeat([]byte("x"), copyMax+1), 0x80)
		go func() {
			if n, err := s.Write(long); n != copyMax || err == nil {
				t.Errorf("Write = %d, %v; want what was text, and an error", n, err)
			}
		}()
		p.expectAmongPongs(t, frame.Text, true, copyMax)
		p.expectNothing()
	})
}

// A deadline ends the call and not the connection.
func TestStreamDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		s := Stream(c, Binary)
		buf := make([]byte, 9)
		timeout := func(what string, n int, err error, after time.Duration, start time.Time) {
			t.Helper()
			var ne net.Error
			if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("%s = %d, %v; want a timeout", what, n, err)
			}
			if d := time.Since(start); d != after {
				t.Errorf("%s took %v, want %v", what, d, after)
			}
		}
		start := time.Now()
		s.SetReadDeadline(start.Add(time.Second))
		n, err := s.Read(buf)
		timeout("Read", n, err, time.Second, start)
		n, err = s.Read(buf)
		timeout("Read behind a deadline", n, err, time.Second, start)

		// Moved while a Read waits: later, then sooner.
		start = time.Now()
		s.SetReadDeadline(start.Add(time.Second))
		time.AfterFunc(time.Second/2, func() { s.SetReadDeadline(start.Add(time.Hour)) })
		time.AfterFunc(2*time.Second, func() { s.SetDeadline(start.Add(3 * time.Second)) })
		n, err = s.Read(buf)
		timeout("Read with a moved deadline", n, err, 3*time.Second, start)

		// What had begun goes on.
		s.SetDeadline(time.Time{})
		p.send(p.frame(!fin, frame.Text, "be"))
		if n, err := s.Read(buf); n != 2 || err != nil {
			t.Fatalf("Read = %d, %v", n, err)
		}
		s.SetReadDeadline(time.Now().Add(-time.Second))
		n, err = s.Read(buf)
		timeout("Read with a deadline in the past", n, err, 0, time.Now())
		s.SetReadDeadline(time.Time{})
		p.send(p.frame(fin, frame.Continuation, "gun"))
		if n, err := s.Read(buf); string(buf[:n]) != "gun" || err != nil {
			t.Errorf("Read = %q, %v", buf[:n], err)
		}
		s.SetWriteDeadline(time.Now().Add(-time.Second))
		n, err = s.Write([]byte("x"))
		timeout("Write with a deadline in the past", n, err, 0, time.Now())
		if err := c.Err(); err != nil {
			t.Errorf("Err = %v, want nil", err)
		}
	})
}

// A Write that its deadline ends says how much is on its way, and that arrives.
func TestStreamWriteCutByItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		s := Stream(c, Binary)
		s.SetWriteDeadline(time.Now().Add(time.Second))
		in := bytes.Repeat([]byte("0123456789"), 100_000)
		n, err := s.Write(in)
		if n == 0 || n >= len(in) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write into a full socket = %d, %v", n, err)
		}
		s.SetWriteDeadline(time.Time{})
		go func() {
			s.Write([]byte("behind it"))
			s.Close()
		}()
		var got []byte
		for {
			h, b, err := p.next()
			if err != nil || h.Opcode == frame.Close {
				break
			}
			got = append(got, b...)
		}
		if want := string(in[:n]) + "behind it"; string(got) != want {
			t.Errorf("%d bytes came, want the %d that were reported, and 9", len(got), n)
		}
	})
}

func TestStreamIsAConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, quiet())
		s := Stream(client, Binary)
		if s.LocalAddr() != client.LocalAddr() || s.RemoteAddr() != client.RemoteAddr() {
			t.Errorf("addresses %v %v", s.LocalAddr(), s.RemoteAddr())
		}
		go server.Discard(t.Context())
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if _, err := s.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write behind Close = %v, want net.ErrClosed", err)
		}
	})
}
