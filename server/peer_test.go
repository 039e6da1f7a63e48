package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="     // RFC 6455, section 1.3
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // RFC 6455, section 1.3
)

// accepted is the whole answer to request() without extras.
const accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: " + sampleAccept + "\r\n\r\n"

// request is a good opening handshake with further lines.
func request(lines ...string) string {
	return head(append([]string{
		"GET /chat?room=1 HTTP/1.1",
		"Host: example.com",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Key: " + sampleKey,
		"Sec-WebSocket-Version: 13",
	}, lines...)...)
}

func head(lines ...string) string {
	var b bytes.Buffer
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	return b.String() + "\r\n"
}

// A peer is a client that speaks bytes.
type peer struct {
	t  testing.TB
	nc net.Conn
	in *bufio.Reader
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	return &peer{t: t, nc: nc, in: bufio.NewReader(nc)}
}

func (p *peer) send(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.nc, s); err != nil {
		p.t.Fatalf("sending %.40q: %v", s, err)
	}
}

// head reads a response's head, as bytes.
func (p *peer) head() string {
	p.t.Helper()
	var b []byte
	for !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
		c, err := p.in.ReadByte()
		if err != nil {
			p.t.Fatalf("reading a response: %v behind %q", err, b)
		}
		b = append(b, c)
	}
	return string(b)
}

// opens makes the opening handshake.
func (p *peer) opens(lines ...string) *peer {
	p.t.Helper()
	p.send(request(lines...))
	if got := p.head(); got[:12] != "HTTP/1.1 101" {
		p.t.Fatalf("response = %q, want a 101", got)
	}
	return p
}

// refused reads a whole response, and then the end of the stream (RFC 6455, section 4.2.2, and checklist R7).
func (p *peer) refused(status int) (*http.Response, string) {
	p.t.Helper()
	r, err := http.ReadResponse(p.in, nil)
	if err != nil {
		p.t.Fatalf("ReadResponse = %v, want status %d", err, status)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		p.t.Fatalf("response = %d, body %q, %v; want status %d and a whole body", r.StatusCode, body, err, status)
	}
	if !r.Close {
		p.t.Errorf("status %d without Connection: close: %v", status, r.Header)
	}
	p.gone()
	return r, string(body)
}

// gone wants the end of the stream and nothing before it.
func (p *peer) gone() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.in); err != nil || len(rest) > 0 {
		p.t.Fatalf("got %q, %v; want the end of the stream", rest, err)
	}
	p.nc.Close()
}

// frame reads one frame. A server does not mask (RFC 6455, section 5.1).
func (p *peer) frame() (frame.Header, []byte) {
	p.t.Helper()
	var b []byte
	for {
		h, err := frame.ParseHeader(b)
		if err == nil && !h.Masked {
			payload := make([]byte, h.Length)
			if _, err := io.ReadFull(p.in, payload); err != nil {
				p.t.Fatalf("reading a payload: %v", err)
			}
			return h, payload
		}
		if !errors.Is(err, frame.ErrShort) {
			p.t.Fatalf("header % x: %v, masked %v", b, err, h.Masked)
		}
		c, err := p.in.ReadByte()
		if err != nil {
			p.t.Fatalf("reading a frame: %v behind % x", err, b)
		}
		b = append(b, c)
	}
}

// text wants a text message.
func (p *peer) text(want string) {
	p.t.Helper()
	if h, got := p.frame(); h.Opcode != frame.Text || string(got) != want {
		p.t.Fatalf("got %v %q, want text %q", h.Opcode, got, want)
	}
}

// closed wants a Close frame.
func (p *peer) closed(code conn.CloseCode, reason string) {
	p.t.Helper()
	h, payload := p.frame()
	if h.Opcode != frame.Close {
		p.t.Fatalf("got %v %q, want a Close", h.Opcode, payload)
	}
	if c, r, err := frame.ParseClose(payload); c != code || r != reason || err != nil {
		p.t.Fatalf("Close = %v %q, %v; want %v %q", c, r, err, code, reason)
	}
}

// endsWith wants a Close frame, answers it, and wants the server to close TCP (RFC 6455, section 7.1.1).
func (p *peer) endsWith(code conn.CloseCode, reason string) {
	p.t.Helper()
	p.closed(code, reason)
	payload, err := frame.AppendClose(nil, code, "")
	if err != nil {
		p.t.Fatalf("AppendClose(%v): %v", code, err)
	}
	p.send(masked(frame.Close, string(payload)))
	p.gone()
}

// masked is one frame of a client.
func masked(op frame.Opcode, payload string) string {
	h := frame.Header{Fin: true, Opcode: op, Masked: true, Key: [4]byte{1, 2, 3, 4}, Length: int64(len(payload))}
	p := []byte(payload)
	frame.Mask(p, h.Key, 0)
	return string(append(h.Append(nil), p...))
}

// byeFrame is a client's Close with 1000.
func byeFrame() string { return masked(frame.Close, "\x03\xe8") }

// A listener is what a door of this package is behind.
type listener struct {
	*wiretest.Listener
	t testing.TB
}

func (l listener) dial() *peer {
	l.t.Helper()
	nc, err := l.Dial(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	return newPeer(l.t, nc)
}

// serveHTTP runs h on net/http; the server ends with the test.
func serveHTTP(t testing.TB, s *http.Server) listener {
	l := wiretest.Listen(0)
	if s.ErrorLog == nil {
		s.ErrorLog = log.New(io.Discard, "", 0)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return listener{l, t}
}

// serveRaw runs UpgradeConn for every connection and then serve.
func serveRaw(t testing.TB, o *Options, serve func(c *conn.Conn, r *handshake.Request), failed func(error)) listener {
	l := wiretest.Listen(0)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				c, r, err := UpgradeConn(nc, o)
				if err != nil {
					failed(err)
					return
				}
				serve(c, r)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return listener{l, t}
}

// A door is one of the three ways in; a test that does not care goes through all of them. failed hears what Upgrade and
// UpgradeConn return; Handler does not tell.
type door struct {
	name string
	open func(t testing.TB, o *Options, serve func(c *conn.Conn), failed func(error)) listener
}

var doors = []door{
	{"Upgrade", func(t testing.TB, o *Options, serve func(c *conn.Conn), failed func(error)) listener {
		return serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := Upgrade(w, r, o)
			if err != nil {
				failed(err)
				return
			}
			serve(c)
		})})
	}},
	{"Handler", func(t testing.TB, o *Options, serve func(c *conn.Conn), failed func(error)) listener {
		return serveHTTP(t, &http.Server{Handler: Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
			serve(c)
			return nil
		}, o)})
	}},
	{"UpgradeConn", func(t testing.TB, o *Options, serve func(c *conn.Conn), failed func(error)) listener {
		return serveRaw(t, o, func(c *conn.Conn, _ *handshake.Request) { serve(c) }, failed)
	}},
}

// echo sends back every message and closes.
func echo(c *conn.Conn) {
	ctx := context.Background()
	for {
		kind, p, err := c.Read(ctx)
		if err != nil {
			c.Close()
			return
		}
		c.Write(ctx, kind, p)
	}
}

// never is a serve function that must not run.
func never(t testing.TB) func(*conn.Conn) {
	return func(c *conn.Conn) {
		t.Error("a connection was opened")
		c.CloseNow()
	}
}

func ignore(error) {}
