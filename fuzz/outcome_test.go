package fuzz

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/protocol"
	"github.com/tidewire/websocket/internal/wiretest"
)

// message is one message as it was delivered.
type message struct {
	t   conn.MessageType
	p   string
	cut bool // p is its beginning: the rest was abandoned
}

// isOf reports whether m is what came of sent.
func (m message) isOf(sent message) bool {
	return m == sent || m.cut && m.t == sent.t && strings.HasPrefix(sent.p, m.p)
}

// pieces gives the lengths that cuts names, one more each, again and again; no cuts
// are one large piece.
func pieces(cuts []byte) func() int {
	if len(cuts) == 0 {
		return wiretest.Fixed(1 << 20)
	}
	i := 0
	return func() int {
		i++
		return 1 + int(cuts[(i-1)%len(cuts)])
	}
}

// way is a method of reading.
type way byte

const (
	byRead way = iota
	byAppend
	byReader
	byMessages
	ways
)

// readAll reads in one way until the connection ends, and returns its messages and
// that end.
func readAll(ctx context.Context, c *conn.Conn, by way) (got []message, err error) {
	switch by {
	case byMessages:
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return got, err
			}
			got = append(got, message{t: m.Type, p: string(m.Data)})
		}
		_, _, err := c.Read(ctx) // the loop is silent about a normal end
		return got, err
	case byAppend:
		buf := make([]byte, 3, 10)
		for {
			t, b, err := c.ReadAppend(ctx, buf)
			if err != nil {
				return got, err
			}
			got = append(got, message{t: t, p: string(b[len(buf):])})
		}
	case byReader:
		for {
			m, err := readStream(ctx, c)
			if err != nil {
				return got, err
			}
			got = append(got, m)
		}
	}
	for {
		t, b, err := c.Read(ctx)
		if err != nil {
			return got, err
		}
		got = append(got, message{t: t, p: string(b)})
	}
}

// readStream reads one message through Reader.
func readStream(ctx context.Context, c *conn.Conn) (message, error) {
	t, r, err := c.Reader(ctx)
	if err != nil {
		return message{}, err
	}
	b, err := io.ReadAll(r)
	return message{t: t, p: string(b)}, err
}

// documented fails the test unless err is what a call on a connection may return:
// it names the package, and it is a context's only if that context has ended.
func documented(t *testing.T, ctx context.Context, what string, err error) {
	t.Helper()
	var e *conn.CloseError
	switch {
	case err == nil, errors.As(err, &e), errors.Is(err, conn.ErrClosed), errors.Is(err, conn.ErrQueueFull):
		notContexts(t, what, err)
	case ctx.Err() == nil || !errors.Is(err, ctx.Err()):
		t.Errorf("%s: got %v, want a documented error; its context: %v", what, err, ctx.Err())
	}
}

func notContexts(t *testing.T, what string, err error) {
	t.Helper()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: the permanent error %v is a context's", what, err)
	}
}

// ended fails the test unless c has ended as the documentation says, for ever.
func ended(t *testing.T, c *conn.Conn) *conn.CloseError {
	t.Helper()
	select {
	case <-c.Done():
	default:
		t.Fatal("the connection goes on")
	}
	var e *conn.CloseError
	if err := c.Err(); !errors.As(err, &e) {
		t.Fatalf("Err: got %v, want a *CloseError", err)
	}
	notContexts(t, "Err", e)
	ctx := context.Background()
	_, _, err1 := c.Read(ctx)
	_, _, err2 := c.Reader(ctx)
	if err1 == nil || err1 != err2 || err1 != c.Discard(ctx) {
		t.Errorf("reading failed with %v, then with %v", err1, err2)
	}
	notContexts(t, "Read", err1)
	werr := c.Write(ctx, conn.Text, nil)
	if werr == nil || werr != c.Post(conn.Binary, nil) {
		t.Errorf("writing failed with %v, then otherwise", werr)
	}
	documented(t, ctx, "Write", werr)
	if _, err := c.Ping(ctx); err == nil {
		t.Error("Ping: got an answer behind the end")
	}
	if err := c.Close(); (err == nil) != conn.IsNormal(e) {
		t.Errorf("Close behind the end: got %v, Err is %v", err, e)
	}
	return e
}

// rest returns what has arrived at an end whose peer has closed.
func rest(t *testing.T, nc net.Conn) []byte {
	b, err := io.ReadAll(nc)
	if err != nil {
		t.Errorf("what we sent was lost: %v", err)
	}
	return b
}

// legal reads what our end of the given role sent, and fails the test unless these
// are frames that it may send: by the rules, none behind a Close. It returns the
// code of the Close, 0 without one, how many other frames there are, and what the
// Pongs among them carry. A frame may be cut off at the end only if the connection
// was.
func legal(t *testing.T, role conn.Role, b []byte, whole bool) (sent conn.CloseCode, others int, pongs []string) {
	t.Helper()
	const rsv1 = false
	in := protocol.NewInbound(1-role, rsv1, 0)
	for len(b) > 0 {
		h, err := frame.ParseHeader(b)
		if !whole && (err == frame.ErrShort || err == nil && int64(len(b)-h.Len()) < h.Length) {
			return sent, others, pongs
		}
		if err == nil {
			err = in.Header(h)
		}
		if err != nil || int64(len(b)-h.Len()) < h.Length {
			t.Fatalf("a %v sent an illegal frame: %v; % x", role, err, b[:min(len(b), 64)])
		}
		end := h.Len() + int(h.Length)
		p := b[h.Len():end]
		if err := in.Payload(p); err != nil {
			t.Fatalf("a %v sent an illegal payload: %v; %q", role, err, p)
		}
		if _, err := in.End(); err != nil {
			t.Fatalf("a %v sent an illegal frame: %v; %q", role, err, p)
		}
		b = b[end:]
		others++
		switch h.Opcode {
		case frame.Pong:
			pongs = append(pongs, string(p))
		case frame.Close:
			others--
			if sent, _, err = frame.ParseClose(p); err != nil {
				t.Fatalf("a %v sent an illegal Close: %v", role, err)
			}
			if len(b) > 0 {
				t.Fatalf("a %v sent % x behind its Close", role, b[:min(len(b), 64)])
			}
		}
	}
	return sent, others, pongs
}
