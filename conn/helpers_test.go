package conn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// both lists the roles, for tests that hold for either.
var both = []Role{Server, Client}

// quiet are options without a keepalive, for tests in which time stands still.
func quiet() *Options { return &Options{PingInterval: -1, MinProgress: -1} }

// pair returns two connections that talk to each other in memory.
func pair(t testing.TB, o *Options) (client, server *Conn) {
	t.Helper()
	a, b := wiretest.Pipe(0)
	client, server = New(a, Setup{Role: Client}, o), New(b, Setup{Role: Server}, o)
	t.Cleanup(func() { client.CloseNow(); server.CloseNow() })
	return client, server
}

// peer is the far end of a connection under test, driven by the test frame by
// frame or byte by byte.
type peer struct {
	t    testing.TB
	nc   *wiretest.Conn
	role Role   // of the peer
	in   []byte // arrived and not parsed
}

// newPeer returns a connection in our role and its peer in the other.
func newPeer(t testing.TB, role Role, o *Options) (*Conn, *peer) {
	t.Helper()
	near, far := wiretest.Pipe(0)
	c := New(near, Setup{Role: role}, o)
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	return c, &peer{t: t, nc: far, role: 1 - role}
}

// frameOf is a frame as one in that role sends it.
func frameOf(role Role, fin bool, op frame.Opcode, payload string) []byte {
	h := frame.Header{Fin: fin, Opcode: op, Length: int64(len(payload))}
	if role == Client {
		h.Masked, h.Key = true, [4]byte{0x37, 0xfa, 0x21, 0x3d}
	}
	b := h.Append(nil)
	n := len(b)
	b = append(b, payload...)
	if h.Masked {
		frame.Mask(b[n:], h.Key, 0)
	}
	return b
}

// closePayload is the body of a Close frame.
func closePayload(code CloseCode, reason string) string {
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

// frame is a frame as the peer sends it.
func (p *peer) frame(fin bool, op frame.Opcode, payload string) []byte {
	return frameOf(p.role, fin, op, payload)
}

// send sends bytes as they are.
func (p *peer) send(bs ...[]byte) {
	p.t.Helper()
	for _, b := range bs {
		if _, err := p.nc.Write(b); err != nil {
			p.t.Fatalf("peer cannot write: %v", err)
		}
	}
}

// message sends a message in one frame.
func (p *peer) message(op frame.Opcode, payload string) {
	p.t.Helper()
	const fin = true
	p.send(p.frame(fin, op, payload))
}

// next reads the next frame, unmasked.
func (p *peer) next() (frame.Header, string, error) {
	buf := make([]byte, 4096)
	for {
		h, err := frame.ParseHeader(p.in)
		if err == nil && int64(len(p.in)-h.Len()) >= h.Length {
			b := p.in[h.Len():][:h.Length]
			p.in = p.in[h.Len()+len(b):]
			if h.Masked {
				frame.Mask(b, h.Key, 0)
			}
			return h, string(b), nil
		}
		if err != nil && err != frame.ErrShort {
			return h, "", err
		}
		n, err := p.nc.Read(buf)
		if err != nil {
			return h, "", err
		}
		p.in = append(p.in, buf[:n]...)
	}
}

// expect reads the next frame and wants this one, whole and masked as it must be.
func (p *peer) expect(op frame.Opcode, payload string) {
	p.t.Helper()
	h, got, err := p.next()
	if err != nil || h.Opcode != op || got != payload || !h.Fin || h.Masked != (p.role == Server) {
		p.t.Fatalf("peer got %+v %q, %v; want a final %v frame %q", h, got, err, op, payload)
	}
}

// expectClose wants a Close with this code, whatever its reason; 1005 is an empty one.
func (p *peer) expectClose(code CloseCode) {
	p.t.Helper()
	h, got, err := p.next()
	if err != nil || h.Opcode != frame.Close {
		p.t.Fatalf("peer got %+v %q, %v; want a Close", h, got, err)
	}
	if c, _, err := frame.ParseClose([]byte(got)); c != code || err != nil {
		p.t.Fatalf("peer got a Close with %v, %v; want %v", c, err, code)
	}
}

// expectEnd wants the end of our stream and no byte before it.
func (p *peer) expectEnd() {
	p.t.Helper()
	if h, got, err := p.next(); err != io.EOF {
		p.t.Fatalf("peer got %+v %q, %v; want io.EOF", h, got, err)
	}
}

// expectNothing wants that we send nothing for a second.
func (p *peer) expectNothing() {
	p.t.Helper()
	p.nc.SetReadDeadline(time.Now().Add(time.Second))
	defer p.nc.SetReadDeadline(time.Time{})
	if h, got, err := p.next(); !isTimeout(err) || len(p.in) > 0 {
		p.t.Fatalf("peer got %+v %q %x, %v; want nothing", h, got, p.in, err)
	}
}

// closeError is err as the error that ended a connection.
func closeError(t testing.TB, err error) *CloseError {
	t.Helper()
	var e *CloseError
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a *CloseError", err)
	}
	return e
}

// brokenRule is the close code of the rule that err says was broken, 0 if none.
func brokenRule(err error) CloseCode {
	var e *frame.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code
}

// tcpConns is pair over loopback TCP.
func tcpConns(t testing.TB, o *Options) (client, server *Conn) {
	t.Helper()
	a, b := loopback(t)
	client, server = New(a, Setup{Role: Client}, o), New(b, Setup{Role: Server}, o)
	t.Cleanup(func() { client.CloseNow(); server.CloseNow() })
	return client, server
}

// loopback returns the two ends of a loopback TCP connection.
func loopback(t testing.TB) (dialed, accepted *net.TCPConn) {
	t.Helper()
	a, b := connected(t, "tcp", "127.0.0.1:0")
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

// connected returns the two ends of a connection over a socket of the system.
func connected(t testing.TB, network, address string) (dialed, accepted net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if dialed, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed, accepted
}

// spinUntil waits for what comes soon.
func spinUntil(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("what has to come does not")
		}
	}
}

// leaders counts the goroutines of pollers.
func leaders() (n int) {
	buf := make([]byte, 8<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for _, one := range bytes.Split(buf, []byte("\n\n")) {
		if leading.Match(one) {
			n++
		}
	}
	return n
}

// leading is the stack of a leader, also of one that has not run yet.
var leading = regexp.MustCompile(`conn\.(\(\*poller\)\.lead\(|newPoller\.gowrap|\(\*poller\)\.overtake\.gowrap)`)
