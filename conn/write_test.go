package conn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// narrow is newPeer over a stream that holds size bytes in each direction.
func narrow(t testing.TB, role Role, size int, o *Options) (*Conn, *peer) {
	t.Helper()
	near, far := wiretest.Pipe(size)
	c := New(near, Setup{Role: role}, o)
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	return c, &peer{t: t, nc: far, role: 1 - role}
}

// room is narrow, for tests that count: n bytes of ours fit before the stream is
// full, none at all with n = 0. The peer has to drop one byte first.
func room(t testing.TB, role Role, n int, o *Options) (*Conn, *peer) {
	t.Helper()
	near, far := wiretest.Pipe(n + 1)
	near.Write([]byte{0})
	c := New(near, Setup{Role: role}, o)
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	return c, &peer{t: t, nc: far, role: 1 - role}
}

// roomByte takes the byte of room off the stream.
func (p *peer) roomByte() {
	p.t.Helper()
	if n, err := p.nc.Read(make([]byte, 1)); n != 1 {
		p.t.Fatalf("reading the filling: %v", err)
	}
}

// started runs f in the background and returns when it has returned or waits.
func started(f func() error) chan error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	synctest.Wait()
	return result
}

// returned is the result of a call that must have returned.
func returned(t testing.TB, what string, result chan error) error {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-result:
		return err
	default:
		t.Fatalf("%s waits; it must have returned", what)
		return nil
	}
}

// within waits in real time for a call that should return.
func within(t testing.TB, what string, result chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(20 * time.Second):
		t.Fatalf("%s still waits after 20 s", what)
		return nil
	}
}

// frames is a stream of frames as they stand on it, for any net.Conn.
type frames struct{ r *bufio.Reader }

func framesOf(r io.Reader) *frames { return &frames{bufio.NewReader(r)} }

// next is the next frame, unmasked.
func (f *frames) next() (h frame.Header, p []byte, err error) {
	b, err := f.r.Peek(2)
	if err != nil {
		return h, nil, err
	}
	if b, err = f.r.Peek(frame.HeaderLen(b[1])); err != nil {
		return h, nil, err
	}
	if h, err = frame.ParseHeader(b); err != nil {
		return h, nil, err
	}
	f.r.Discard(len(b))
	p = make([]byte, h.Length)
	if _, err = io.ReadFull(f.r, p); h.Masked {
		frame.Mask(p, h.Key, 0)
	}
	return h, p, err
}

// text is n bytes of text that differ from place to place.
func text(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = 'a' + byte(i*7/3%26)
	}
	return p
}

var headers = []struct {
	size   int
	t      MessageType
	server []byte // with the client's, the second byte has its high bit set and a key follows
}{
	{0, Text, []byte{0x81, 0}},                                      // FIN+text, no byte
	{1, Binary, []byte{0x82, 1}},                                    // FIN+binary
	{5, Text, []byte{0x81, 5}},                                      // as in RFC 6455, section 5.7
	{125, Text, []byte{0x81, 125}},                                  // the last of the short form
	{126, Binary, []byte{0x82, 126, 0, 126}},                        // the first of 16 bits
	{16 << 10, Text, []byte{0x81, 126, 0x40, 0}},                    // the last that is copied
	{16<<10 + 1, Text, []byte{0x81, 126, 0x40, 1}},                  // sent from the caller's memory
	{65535, Text, []byte{0x81, 126, 0xff, 0xff}},                    // the last of 16 bits
	{65536, Binary, []byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}},      // the first of 64 bits
	{200_000, Binary, []byte{0x82, 127, 0, 0, 0, 0, 0, 3, 0xd, 64}}, // over three chunks of a client
}

// Checklist: F1, F3, F9, F10, G8, K2
func TestMessageIsOneFrameWithTheShortestHeader(t *testing.T) {
	for _, role := range both {
		for _, tt := range headers {
			for name, send := range map[string]func(*Conn, MessageType, []byte) error{
				"Write": func(c *Conn, t MessageType, p []byte) error { return c.Write(context.Background(), t, p) },
				"Post":  func(c *Conn, t MessageType, p []byte) error { return c.Post(t, p) },
				"WritePrepared": func(c *Conn, t MessageType, p []byte) error {
					m, err := Prepare(t, p)
					return errors.Join(err, c.WritePrepared(context.Background(), m))
				},
			} {
				t.Run(fmt.Sprint(role, " ", name, " ", tt.size), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { wantWire(t, role, tt.t, tt.size, tt.server, send) })
				})
			}
		}
	}
}

func wantWire(t *testing.T, role Role, typ MessageType, size int, header []byte, send func(*Conn, MessageType, []byte) error) {
	c, p := narrow(t, role, 1<<20, quiet())
	payload := text(size)
	if err := send(c, typ, payload); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	want := bytes.Clone(header)
	if role == Client {
		want[1] |= 0x80 // every frame of a client is masked (RFC 6455, section 5.1)
	}
	got := make([]byte, p.nc.Buffered())
	io.ReadFull(p.nc, got)
	if !bytes.HasPrefix(got, want) {
		t.Fatalf("%d bytes begin with % x, want % x", size, got[:min(len(got), 14)], want)
	}
	body := got[len(want):]
	if role == Client {
		key := body[:4]
		body = body[4:]
		for i := range body {
			body[i] ^= key[i%4]
		}
	}
	if !bytes.Equal(body, payload) {
		t.Fatalf("payload of %d bytes arrives as %d bytes, or other ones", size, len(body))
	}
}

// Checklist: T6
func TestWriteRefusesTextThatIsNotUTF8(t *testing.T) {
	bad := [][]byte{{0xff}, {'a', 0xc3}, []byte("half \xe2\x82"), []byte("ok\xed\xa0\x80"), {0xc0, 0x80}, {0xf4, 0x90, 0x80, 0x80}}
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			for _, b := range bad {
				if err := c.Write(t.Context(), Text, b); err != errNotText {
					t.Errorf("Write(Text, % x) = %v, want %v", b, err, errNotText)
				}
				if err := c.Post(Text, b); err != errNotText {
					t.Errorf("Post(Text, % x) = %v, want %v", b, err, errNotText)
				}
				if _, err := Prepare(Text, b); err != errNotText {
					t.Errorf("Prepare(Text, % x) = %v, want %v", b, err, errNotText)
				}
			}
			p.expectNothing()
			c.Write(t.Context(), Binary, bad[0]) // bytes are no text
			p.expect(frame.Binary, "\xff")
			if err := c.Err(); err != nil {
				t.Errorf("Err = %v after refused text, want nil", err)
			}
		})
	}
}

// Checklist: T6
func TestTrustTextTurnsTheCheckOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.TrustText = true
		c, p := newPeer(t, Server, o)
		if err := c.Write(t.Context(), Text, []byte{0xff}); err != nil {
			t.Fatal(err)
		}
		p.expect(frame.Text, "\xff")
		w, _ := c.Writer(t.Context(), Text)
		w.Write([]byte{0xc3})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		p.expect(frame.Text, "\xc3")
	})
}

func TestTypeMustBeTextOrBinary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		for _, typ := range []MessageType{0, 3, 8, 9, 0x7f} {
			_, werr := c.Writer(t.Context(), typ)
			_, perr := Prepare(typ, nil)
			for _, err := range []error{c.Write(t.Context(), typ, nil), c.Post(typ, nil), werr, perr} {
				if err == nil || !strings.Contains(err.Error(), "section 5.6") {
					t.Errorf("type %d: %v, want a refusal by section 5.6", typ, err)
				}
			}
		}
		p.expectNothing()
		c.Write(t.Context(), Text.Uncompressed(), []byte("x"))
		p.expect(frame.Text, "x")
	})
}

func TestCanceledWriteThatIsNotCommittedSendsNothing(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			over, cancel := context.WithCancel(t.Context())
			cancel()
			if err := c.Write(over, Text, []byte("no")); !errors.Is(err, context.Canceled) {
				t.Errorf("Write with an ended context = %v", err)
			}
			w, _ := c.Writer(t.Context(), Text) // holds the message turn
			for _, size := range []int{1, 100_000} {
				ctx, cancel := context.WithCancel(t.Context())
				result := started(func() error { return c.Write(ctx, Binary, text(size)) })
				cancel()
				if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
					t.Errorf("canceled Write of %d bytes behind a Writer = %v", size, err)
				}
			}
			io.WriteString(w, "yes")
			w.Close()
			p.expect(frame.Text, "yes")
			c.Write(t.Context(), Text, []byte("on"))
			p.expect(frame.Text, "on")
			p.expectNothing()
			if err := c.Err(); err != nil {
				t.Errorf("Err = %v, want nil: a context bounds the call", err)
			}
		})
	}
}

// A canceled call at every place where the socket can stand still: a message up to
// 16 KiB that is committed goes out whole, and the connection goes on.
func TestSmallWriteCanceledAtEveryByteIsSentWhole(t *testing.T) {
	msg := text(130)
	for _, role := range both {
		for n := range 134 + 4*int(role) {
			synctest.Test(t, func(t *testing.T) {
				c, p := room(t, role, n, quiet())
				ctx, cancel := context.WithCancel(t.Context())
				result := started(func() error { return c.Write(ctx, Binary, msg) })
				cancel()
				if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
					t.Fatalf("%v, room for %d bytes: Write = %v", role, n, err)
				}
				result = started(func() error { return c.Write(t.Context(), Text, []byte("next")) })
				p.roomByte()
				p.expect(frame.Binary, string(msg))
				p.expect(frame.Text, "next")
				if err := returned(t, "Write", result); err != nil || c.Err() != nil {
					t.Fatalf("%v, room for %d bytes: next Write = %v, Err = %v", role, n, err, c.Err())
				}
			})
		}
	}
}

// places are where in a large frame of size bytes a stream is tried to stop: every
// byte of the header, round the chunks, at the end.
func places(size int) []int {
	var all []int
	for _, about := range []int{8, piece, copyMax + 4, bigBuffer, size - 8} {
		for n := about - 8; n <= about+8; n++ {
			if n >= 0 && n < size {
				all = append(all, n)
			}
		}
	}
	return all
}

// Every frame that leaves is masked by a client and bare from a server, and has
// its length in the shortest form.
//
// Checklist: F1, F3, F9, G8
func TestFramesWeSendKeepTheLayout(t *testing.T) {
	sizes := []int{0, 1, 124, 125, 126, 127, 65_535, 65_536, 70_000}
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			go func() {
				for _, n := range sizes {
					c.Write(t.Context(), Binary, make([]byte, n))
				}
				w, _ := c.Writer(t.Context(), Text)
				w.Write(make([]byte, fragmentSize+1))
				w.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				c.Ping(ctx)
				c.Close()
			}()
			p.message(frame.Ping, "ping")
			for _, n := range sizes {
				p.expectAmongPongs(t, frame.Binary, true, n)
			}
			p.expectAmongPongs(t, frame.Text, false, fragmentSize)
			p.expectAmongPongs(t, frame.Continuation, true, 1)
			p.expectAmongPongs(t, frame.Ping, true, 8)
			p.expectAmongPongs(t, frame.Close, true, 2)
		})
	}
}

// expectAmongPongs wants this frame next; parsing it wants the shortest length.
func (p *peer) expectAmongPongs(t *testing.T, op frame.Opcode, fin bool, n int) {
	t.Helper()
	h, _, err := p.next()
	for err == nil && h.Opcode == frame.Pong {
		if h.Masked != (p.role == Server) {
			t.Errorf("Pong masked %t", h.Masked)
		}
		h, _, err = p.next()
	}
	if err != nil || h.Opcode != op || h.Fin != fin || h.Length != int64(n) || h.Masked != (p.role == Server) || h.RSV1 || h.RSV2 || h.RSV3 {
		t.Fatalf("peer got %+v, %v; want %v, fin %t, %d bytes", h, err, op, fin, n)
	}
}
