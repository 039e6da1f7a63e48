package conntest

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
)

var roles = []conn.Role{conn.Client, conn.Server}

// eachRole runs a test with a peer of either role, inside synctest.
func eachRole(t *testing.T, test func(t *testing.T, p *Peer, c *conn.Conn)) {
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, c := NewPeer(t, role)
				test(t, p, c)
			})
		})
	}
}

func TestPeerTalksToAConn(t *testing.T) {
	eachRole(t, func(t *testing.T, p *Peer, c *conn.Conn) {
		p.Send(TextFrame("Hel").More(), PingFrame([]byte("?")), LastFrame([]byte("lo")), CloseFrame(4001, "bye"))
		wantText(t, c, "Hello")
		c.Write(t.Context(), conn.Binary, []byte{1, 2, 3})
		_, _, err := c.Read(t.Context())
		var e *conn.CloseError
		if !errors.As(err, &e) || e.Code != 4001 || e.Reason != "bye" {
			t.Errorf("Read: got %v, want the peer's Close", err)
		}
		p.Expect(PongFrame([]byte("?")), BinaryFrame([]byte{1, 2, 3}))
		if reason := p.ExpectClose(4001); reason != "" {
			t.Errorf("the answer has the reason %q", reason)
		}
		if p.role == conn.Server {
			p.Wire().CloseWrite()
		}
		p.ExpectEOF()
	})
}

func TestPeerSeesLargeFramesInPieces(t *testing.T) {
	eachRole(t, func(t *testing.T, p *Peer, c *conn.Conn) {
		p.Wire().Split(1000)
		go c.Write(t.Context(), conn.Binary, make([]byte, 1<<20))
		if f := p.Next(); len(f.Payload) != 1<<20 || f.Header.Opcode != frame.Binary || f.Header.Key != [4]byte{} {
			t.Errorf("got %v with key %v", f, f.Header.Key)
		}
		p.ExpectSilence(time.Second)
	})
}

func TestPeerBreaksRules(t *testing.T) {
	for _, role := range roles {
		for _, tt := range []struct {
			name string
			send func(p *Peer)
			code conn.CloseCode
		}{
			{"mask", func(p *Peer) { p.SendHeader(frame.Header{Fin: true, Opcode: frame.Text, Masked: role == conn.Server}) }, 1002},
			{"length", func(p *Peer) {
				p.SendHeader(frame.Header{Opcode: frame.Binary, Masked: role == conn.Client, Length: 1 << 62})
			}, 1009},
			{"opcode", func(p *Peer) { p.SendBytes([]byte{0x8b, 0x00}) }, 1002},
			{"utf8", func(p *Peer) { p.Send(TextFrame("\xff")) }, 1007},
			{"close", func(p *Peer) { p.Send(CloseFrame(1006, "")) }, 1002},
			{"cut", func(p *Peer) { b := p.Encode(PingFrame(make([]byte, 126))); p.SendBytes(b[:2]) }, 1002},
		} {
			t.Run(role.String()+"/"+tt.name, func(t *testing.T) {
				p, c := NewPeer(t, role)
				tt.send(p)
				if _, _, err := c.Read(t.Context()); err == nil {
					t.Error("Read: got a message, want a broken rule")
				}
				p.ExpectClose(tt.code)
				p.ExpectEOF()
			})
		}
	}
}

func TestPeerFailures(t *testing.T) {
	hello := []byte("Hello")
	for _, tt := range []struct {
		name string
		test func(t testing.TB, p *Peer, c *conn.Conn)
		want []string
	}{
		{"other frame", func(t testing.TB, p *Peer, c *conn.Conn) {
			c.Post(conn.Text, hello)
			p.Expect(TextFrame("Hallo"))
		}, []string{`got text "Hello", want text "Hallo"`}},
		{"no frame", func(t testing.TB, p *Peer, c *conn.Conn) { p.Expect(TextFrame("Hallo")) },
			[]string{`waits for text "Hallo"`, "timeout"}},
		{"nothing at all", func(t testing.TB, p *Peer, c *conn.Conn) { p.Next() }, []string{"waits for a frame", "timeout"}},
		{"no frame but the end", func(t testing.TB, p *Peer, c *conn.Conn) { c.CloseNow(); p.Next() }, []string{"EOF"}},
		{"half a frame", func(t testing.TB, p *Peer, c *conn.Conn) {
			WireOf(c).Write(TextFrame("Hello").Append(nil, other(p.role))[:3])
			c.CloseNow()
			p.Next()
		}, []string{"unexpected EOF"}},
		{"broken layout", func(t testing.TB, p *Peer, c *conn.Conn) {
			WireOf(c).Write([]byte{0x83, 0x00})
			p.Next()
		}, []string{"(RFC 6455, section 5.2)"}},
		{"wrongly masked", func(t testing.TB, p *Peer, c *conn.Conn) {
			WireOf(c).Write(TextFrame("Hello").Append(nil, p.role))
			p.Next()
		}, []string{"wrongly masked", "header 81 "}},
		{"no close", func(t testing.TB, p *Peer, c *conn.Conn) { p.ExpectClose(1000) }, []string{"waits for close 1000", "timeout"}},
		{"no close but text", func(t testing.TB, p *Peer, c *conn.Conn) {
			c.Post(conn.Text, hello)
			p.ExpectClose(1000)
		}, []string{`got text "Hello", want close 1000`}},
		{"other close", func(t testing.TB, p *Peer, c *conn.Conn) {
			c.BeginClose(1001, "bye")
			p.ExpectClose(1000)
		}, []string{`got close 1001 (going away) "bye", want close 1000`}},
		{"no end", func(t testing.TB, p *Peer, c *conn.Conn) { p.ExpectEOF() }, []string{"timeout", "want the end of the stream"}},
		{"no end but a frame", func(t testing.TB, p *Peer, c *conn.Conn) {
			c.Post(conn.Text, hello)
			p.ExpectEOF()
		}, []string{"got bytes 81 ", "want the end of the stream"}},
		{"no end but a frame that has arrived", func(t testing.TB, p *Peer, c *conn.Conn) {
			c.PostPrepared(prepared(t), prepared(t))
			p.Next()
			p.ExpectEOF()
		}, []string{"got bytes 81 "}},
		{"no silence", func(t testing.TB, p *Peer, c *conn.Conn) {
			c.Post(conn.Text, hello)
			p.ExpectSilence(time.Second)
		}, []string{"got bytes 81 ", "want 1s of silence"}},
		{"no silence but the end", func(t testing.TB, p *Peer, c *conn.Conn) {
			c.CloseNow()
			p.ExpectSilence(time.Second)
		}, []string{"got EOF, want 1s of silence"}},
		{"a full stream", func(t testing.TB, p *Peer, c *conn.Conn) { p.Send(BinaryFrame(make([]byte, 1<<20))) },
			[]string{"peer sent 65536 of 1048", "timeout"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, role := range roles {
				synctest.Test(t, func(t *testing.T) {
					wantFailure(t, func(t testing.TB) {
						p, c := NewPeer(t, role)
						tt.test(t, p, c)
					}, tt.want...)
				})
			}
		})
	}
}

func prepared(t testing.TB) *conn.Prepared {
	m, err := conn.Prepare(conn.Text, []byte("Hello"))
	if err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	return m
}

func TestPeerHasPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := NewPeer(t, conn.Client)
		p.Patience = time.Hour
		go c.Discard(t.Context())
		start := time.Now()
		if f := p.Next(); f.Header.Opcode != frame.Ping { // of the keepalive
			t.Errorf("got %v, want a ping", f)
		}
		if waited := time.Since(start); waited < 20*time.Second {
			t.Errorf("the ping came after %v", waited)
		}
	})
}

func TestPeerEndsWithTheTest(t *testing.T) {
	var p *Peer
	var c *conn.Conn
	t.Run("inner", func(t *testing.T) { p, c = NewPeer(t, conn.Server) })
	if _, err := p.Wire().Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the peer's Read: got %v, want it closed", err)
	}
	if c.Err() == nil {
		t.Error("the connection goes on")
	}
}
