package conntest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
)

// defaultPatience is longer than every timeout that conn has for an answer.
const defaultPatience = 15 * time.Second

// Peer is the other end of a connection without any rules of its own: it sends what
// it is told, legal or not, and nothing by itself. What it expects and does not get
// fails the test.
//
// The methods are for one goroutine, that of the test.
type Peer struct {
	// Patience is how long an expectation, or a Send into a full stream, waits.
	// Default 15 s. Inside testing/synctest hours cost nothing.
	Patience time.Duration

	t    testing.TB
	role conn.Role
	wire *Wire
	in   []byte // arrived, not looked at
}

// NewPeer returns a peer that plays the role, and the connection at the other end
// of its wire, which has the other role. The end of the test cuts both. No more
// than one *Options may be given.
func NewPeer(t testing.TB, role conn.Role, o ...*Options) (*Peer, *conn.Conn) {
	t.Helper()
	opt := one(t, o)
	a, b := Pipe(opt.Size)
	p := &Peer{Patience: defaultPatience, t: t, role: role, wire: a}
	t.Cleanup(func() { a.Close() })
	return p, opt.end(t, other(role), b)
}

func other(role conn.Role) conn.Role {
	if role == conn.Client {
		return conn.Server
	}
	return conn.Client
}

// Wire is the peer's end of the stream: to split, merge, stall, half-close, reset
// or close it. What it reads there by itself is lost to the expectations.
func (p *Peer) Wire() *Wire { return p.wire }

// Send sends frames in one Write, each with its true length, and masked if the peer
// is a client.
func (p *Peer) Send(fs ...Frame) {
	p.t.Helper()
	p.SendBytes(p.Encode(fs...))
}

// SendHeader sends a header as it is, whether or not its length and its mask are
// right; SendBytes may follow with a payload.
func (p *Peer) SendHeader(h frame.Header) {
	p.t.Helper()
	p.SendBytes(h.Append(nil))
}

// SendBytes sends any bytes.
func (p *Peer) SendBytes(b []byte) {
	p.t.Helper()
	p.wire.SetWriteDeadline(time.Now().Add(p.Patience))
	if n, err := p.wire.Write(b); err != nil {
		p.t.Fatalf("conntest: peer sent %d of %d bytes: %v", n, len(b), err)
	}
}

// Encode returns the bytes that Send would send, to be cut, changed or joined.
func (p *Peer) Encode(fs ...Frame) []byte {
	var b []byte
	for _, f := range fs {
		b = f.Append(b, p.role)
	}
	return b
}

// Next returns the next frame of the connection. It fails the test if none comes,
// or one with a broken layout, or one that is masked as only this peer's may be
// (RFC 6455, section 5.1).
func (p *Peer) Next() Frame {
	p.t.Helper()
	f, err := p.next()
	if err != nil {
		p.t.Fatalf("conntest: peer waits for a frame: %v", err)
	}
	return f
}

// Expect wants exactly these frames next, with these fragments and payloads.
func (p *Peer) Expect(want ...Frame) {
	p.t.Helper()
	for _, w := range want {
		f, err := p.next()
		switch {
		case err != nil:
			p.t.Fatalf("conntest: peer waits for %v: %v", w, err)
		case !f.equal(w):
			p.t.Fatalf("conntest: peer got %v, want %v", f, w)
		}
	}
}

// ExpectClose wants a Close with this code next, 1005 for an empty one, and returns
// its reason.
func (p *Peer) ExpectClose(code conn.CloseCode) (reason string) {
	p.t.Helper()
	want := CloseFrame(code, "")
	f, err := p.next()
	if err != nil {
		p.t.Fatalf("conntest: peer waits for %v: %v", want, err)
	}
	if f.Header.Opcode != frame.Close {
		p.t.Fatalf("conntest: peer got %v, want %v", f, want)
	}
	got, reason, err := frame.ParseClose(f.Payload)
	if err != nil || got != code {
		p.t.Fatalf("conntest: peer got %v, want %v", f, want)
	}
	return reason
}

// ExpectEOF wants the connection to end its half of the stream in good order, and
// nothing before it.
func (p *Peer) ExpectEOF() {
	p.t.Helper()
	err := p.fill()
	if err != io.EOF {
		p.t.Fatalf("conntest: peer got %v, want the end of the stream", p.arrived(err))
	}
}

// ExpectSilence wants that the connection sends nothing for a while.
func (p *Peer) ExpectSilence(d time.Duration) {
	p.t.Helper()
	err := p.fillFor(d)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("conntest: peer got %v, want %v of silence", p.arrived(err), d)
	}
}

// arrived says what a failed expectation met.
func (p *Peer) arrived(err error) string {
	if err == nil {
		return fmt.Sprintf("bytes % x", p.in[:min(len(p.in), shown)])
	}
	return err.Error()
}

// next reads one frame.
func (p *Peer) next() (Frame, error) {
	h, err := frame.ParseHeader(p.in)
	for err == frame.ErrShort {
		if err = p.more(); err == nil {
			h, err = frame.ParseHeader(p.in)
		}
	}
	if err != nil {
		return Frame{}, err
	}
	// A client masks every frame, a server none (RFC 6455, section 5.1).
	if fromClient := p.role == conn.Server; h.Masked != fromClient {
		return Frame{}, fmt.Errorf("got a frame that is wrongly masked, from a %v: header % x", other(p.role), p.in[:h.Len()])
	}
	for int64(len(p.in)-h.Len()) < h.Length {
		if err := p.more(); err != nil {
			return Frame{}, err
		}
	}
	end := h.Len() + int(h.Length)
	f := Frame{Header: h, Payload: p.in[h.Len():end:end]}
	p.in = p.in[end:]
	frame.Mask(f.Payload, h.Key, 0)
	f.Header.Key = [4]byte{}
	return f, nil
}

// more waits for bytes. Inside a frame the stream must not end.
func (p *Peer) more() error {
	before := len(p.in)
	err := p.read(p.Patience)
	if err == io.EOF && before > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill waits for bytes unless there are some.
func (p *Peer) fill() error { return p.fillFor(p.Patience) }

func (p *Peer) fillFor(d time.Duration) error {
	if len(p.in) > 0 {
		return nil
	}
	return p.read(d)
}

func (p *Peer) read(d time.Duration) error {
	p.wire.SetReadDeadline(time.Now().Add(d))
	var b [4 << 10]byte
	n, err := p.wire.Read(b[:])
	p.in = append(p.in, b[:n]...)
	return err
}
