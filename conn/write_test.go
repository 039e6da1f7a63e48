package conn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	bad := [][]byte{{0xff}, {'a', 0xc3}, {0xed, 0xa0, 0x80}, {0xc0, 0x80}, {0xf4, 0x90, 0x80, 0x80}}
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

// A large one has never been if its first byte was not sent. Otherwise writing ends
// with it, so that nothing follows half a frame; reading goes on.
func TestLargeWriteCanceledAtEveryByte(t *testing.T) {
	msg := text(100_000)
	for _, role := range both {
		size := 10 + 4*int(role) + len(msg)
		for _, n := range places(size) {
			synctest.Test(t, func(t *testing.T) {
				c, p := room(t, role, n, quiet())
				ctx, cancel := context.WithCancel(t.Context())
				before := c.Stats()
				result := started(func() error { return c.Write(ctx, Binary, msg) })
				cancel()
				if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
					t.Fatalf("%v, room for %d bytes: Write = %v", role, n, err)
				}
				if n == 0 {
					if after := c.Stats(); after != before {
						t.Errorf("a message that has never been counts: %+v", after)
					}
					wantGoesOn(t, c, p)
				} else {
					wantHalf(t, c, p, n)
				}
			})
		}
	}
}

// wantGoesOn wants a connection from room on which nothing was sent yet to go on.
func wantGoesOn(t *testing.T, c *Conn, p *peer) {
	t.Helper()
	result := started(func() error { return c.Write(t.Context(), Text, []byte("next")) })
	p.roomByte()
	p.expect(frame.Text, "next")
	if err := returned(t, "Write", result); err != nil || c.Err() != nil {
		t.Fatalf("next Write = %v, Err = %v; want nil", err, c.Err())
	}
}

// wantHalf wants writing to have ended behind n bytes, reading not.
func wantHalf(t *testing.T, c *Conn, p *peer, n int) {
	t.Helper()
	err := c.Write(t.Context(), Text, []byte("never"))
	if e := closeError(t, err); !errors.Is(e, errHalfWritten) || e.Remote || errors.Is(err, context.Canceled) {
		t.Fatalf("next Write = %v (remote %v), want %v", err, e.Remote, errHalfWritten)
	}
	go p.message(frame.Text, "still read")
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "still read" {
		t.Fatalf("Read = %q, %v; a failed write must not end reading", got, err)
	}
	begun := time.Now()
	rest, err := io.ReadAll(p.nc) // until the close timeout cuts the connection
	if len(rest) != n+1 || time.Since(begun) != defaultCloseTimeout {
		t.Fatalf("peer got %d bytes, %v, after %v; want %d, and the end after %v",
			len(rest), err, time.Since(begun), n+1, defaultCloseTimeout)
	}
	if err := c.Err(); !errors.Is(err, errHalfWritten) {
		t.Fatalf("Err = %v, want the first failure: %v", err, errHalfWritten)
	}
}

// With others' frames before it in the same system call, those are sent whole.
func TestLargePreparedCanceledBehindASmallOne(t *testing.T) {
	small, _ := Prepare(Text, []byte("small"))
	large, _ := Prepare(Binary, text(100_000))
	for _, role := range both {
		first := 2 + 4*int(role) + len("small")
		for n := range first + 3 {
			synctest.Test(t, func(t *testing.T) {
				c, p := room(t, role, n, quiet())
				ctx, cancel := context.WithCancel(t.Context())
				result := started(func() error { return c.WritePrepared(ctx, small, large) })
				cancel()
				if err := returned(t, "WritePrepared", result); !errors.Is(err, context.Canceled) {
					t.Fatalf("%v, room for %d bytes: WritePrepared = %v", role, n, err)
				}
				if n > first {
					wantHalf(t, c, p, n)
					return
				}
				if s := c.Stats(); s.FramesOut != 1 || s.BytesOut != 5 || s.WireOut != int64(first) {
					t.Errorf("%v, room for %d bytes: %+v; only the small one counts", role, n, s)
				}
				p.roomByte()
				p.expect(frame.Text, "small")
				result = started(func() error { return c.Write(t.Context(), Text, []byte("next")) })
				p.expect(frame.Text, "next")
				if err := returned(t, "Write", result); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// A large Write in line for the write turn leaves when its context ends.
func TestLargeWriteLeavesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := room(t, Server, 1, quiet())
		first := started(func() error { return c.Write(t.Context(), Text, []byte("first")) })
		ctx, cancel := context.WithCancel(t.Context())
		second := started(func() error { return c.Write(ctx, Binary, text(100_000)) })
		cancel()
		if err := returned(t, "the large Write", second); !errors.Is(err, context.Canceled) {
			t.Errorf("large Write = %v, want %v", err, context.Canceled)
		}
		p.roomByte()
		p.expect(frame.Text, "first")
		if err := returned(t, "Write", first); err != nil {
			t.Errorf("Write = %v", err)
		}
		p.expectNothing()
		if s := c.Stats(); s.FramesOut != 1 || s.Queued != 0 {
			t.Errorf("%+v, want one frame sent and none queued", s)
		}
	})
}

// take reads n bytes of the stream every pause, until all bytes are there.
func (p *peer) take(all, n int, pause time.Duration) {
	for b := make([]byte, n); all > 0; all -= n {
		<-time.After(pause) // fake time
		io.ReadFull(p.nc, b[:min(n, all)])
	}
}

func TestWriteTimeoutIsTimeInWhichNothingIsTaken(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := narrow(t, role, 1<<10, quiet())
			taken := started(func() error { p.take(10+4*int(role)+1<<20, 1<<10, 5*time.Second); return nil })
			begun := time.Now()
			if err := c.Write(t.Context(), Binary, text(1<<20)); err != nil {
				t.Errorf("Write = %v after %v; 1 KiB every 5 s is not standing still", err, time.Since(begun))
			}
			if took := time.Since(begun); took < time.Hour {
				t.Errorf("Write of 1 MiB took %v of fake time, want over an hour", took)
			}
			<-taken
		})
	}
}

func TestSocketThatTakesNothingEndsWriting(t *testing.T) {
	for _, role := range both {
		for name, send := range map[string]func(c *Conn) error{
			"small": func(c *Conn) error { return c.Write(context.Background(), Text, []byte("small")) },
			"large": func(c *Conn) error { return c.Write(context.Background(), Text, text(100_000)) },
			"post": func(c *Conn) error {
				if err := c.Post(Text, []byte("posted")); err != nil {
					return err
				}
				<-time.After(defaultWriteTimeout) // the flusher's business
				synctest.Wait()
				return c.Write(context.Background(), Text, nil)
			},
		} {
			t.Run(fmt.Sprint(role, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { wantStuck(t, role, send) })
			})
		}
	}
}

func wantStuck(t *testing.T, role Role, send func(c *Conn) error) {
	c, p := room(t, role, 0, quiet())
	begun := time.Now()
	err := send(c)
	if e := closeError(t, err); !errors.Is(e, errStuck) || e.Remote || e.Code != CloseAbnormal {
		t.Fatalf("error %v (%+v), want %v", err, e, errStuck)
	}
	if took := time.Since(begun); took != defaultWriteTimeout {
		t.Errorf("writing ended after %v, want %v", took, defaultWriteTimeout)
	}
	if again := c.Write(t.Context(), Text, nil); again != err {
		t.Errorf("next Write = %v, want the same %v", again, err)
	}
	// What the peer sent before still arrives, above all its Close.
	go p.send(p.frame(true, frame.Text, "bye"), p.frame(true, frame.Close, closePayload(CloseGoingAway, "reason")))
	if _, got, err := c.Read(t.Context()); string(got) != "bye" || err != nil {
		t.Errorf("Read = %q, %v; want what came before", got, err)
	}
	_, _, err = c.Read(t.Context())
	if e := closeError(t, err); e.Code != CloseGoingAway || e.Reason != "reason" || !e.Remote || e.Sent != 0 {
		t.Errorf("Read = %+v, want the peer's Close", e)
	}
	if role == Client {
		p.nc.CloseWrite() // a client waits for the server's end
	}
	<-c.Done()
	if took := time.Since(begun); took != defaultWriteTimeout {
		t.Errorf("ended %v after the beginning, want %v: nobody is there to wait for", took, defaultWriteTimeout)
	}
}

// With WriteTimeout off, a Write waits as long as its context lets it.
func TestWriteTimeoutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.WriteTimeout = -1
		c, p := room(t, Client, 0, o)
		result := started(func() error { return c.Write(t.Context(), Text, []byte("patience")) })
		<-time.After(24 * time.Hour) // fake time
		p.roomByte()
		p.expect(frame.Text, "patience")
		if err := returned(t, "Write", result); err != nil {
			t.Errorf("Write = %v", err)
		}
	})
}

// writeWays are all the calls that write.
var writeWays = map[string]func(ctx context.Context, c *Conn) error{
	"Write small": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, []byte("x")) },
	"Write large": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, text(100_000)) },
	"Writer": func(ctx context.Context, c *Conn) error {
		w, err := c.Writer(ctx, Text)
		if err == nil {
			err = w.Close()
		}
		return err
	},
	"Post": func(_ context.Context, c *Conn) error { return c.Post(Text, []byte("x")) },
	"WritePrepared": func(ctx context.Context, c *Conn) error {
		m, _ := Prepare(Text, []byte("x"))
		return c.WritePrepared(ctx, m)
	},
	"PostPrepared": func(_ context.Context, c *Conn) error {
		m, _ := Prepare(Text, []byte("x"))
		return c.PostPrepared(m)
	},
	"WriteJSON": func(ctx context.Context, c *Conn) error { return WriteJSON(ctx, c, 1) },
	"Ping":      func(ctx context.Context, c *Conn) error { _, err := c.Ping(ctx); return err },
}

var writeEndings = map[string]struct {
	end  func(t *testing.T, c *Conn, p *peer)
	want func(err error) bool
}{
	"our BeginClose": {
		func(t *testing.T, c *Conn, p *peer) { c.BeginClose(CloseNormal, "") },
		func(err error) bool { return errors.Is(err, ErrClosed) },
	},
	"the peer's Close": {
		func(t *testing.T, c *Conn, p *peer) {
			p.message(frame.Close, closePayload(4000, "enough"))
			c.Read(t.Context())
		},
		func(err error) bool { var e *CloseError; return errors.As(err, &e) && e.Code == 4000 && e.Remote },
	},
	"a broken rule": {
		func(t *testing.T, c *Conn, p *peer) { p.send([]byte{0x83, 0x80, 0, 0, 0, 0}); c.Read(t.Context()) },
		func(err error) bool { return brokenRule(err) == CloseProtocolError },
	},
	"the peer's end": {
		func(t *testing.T, c *Conn, p *peer) { p.nc.Close(); c.Read(t.Context()) },
		func(err error) bool { return errors.Is(err, io.EOF) },
	},
	"CloseNow": {
		func(t *testing.T, c *Conn, p *peer) { c.CloseNow() },
		func(err error) bool { return errors.Is(err, ErrClosed) && errors.Is(err, net.ErrClosed) },
	},
	"a reset": {
		func(t *testing.T, c *Conn, p *peer) { p.nc.Reset(); c.pong(nil) },
		func(err error) bool {
			var e *CloseError
			return errors.As(err, &e) && e.Code == CloseAbnormal && e.Remote
		},
	},
}

// Checklist: G7
func TestEveryWriteCallReturnsTheSameErrorForEver(t *testing.T) {
	for _, role := range both {
		for name, ending := range writeEndings {
			t.Run(fmt.Sprint(role, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, p := newPeer(t, role, quiet())
					open, _ := c.Writer(t.Context(), Text)
					ending.end(t, c, p)
					synctest.Wait()
					out := p.nc.Buffered()
					want := c.Write(t.Context(), Text, nil)
					if want == nil || !ending.want(want) {
						t.Fatalf("Write = %v", want)
					}
					for range 3 {
						for way, call := range writeWays {
							if err := call(t.Context(), c); err != want && way != "Ping" || err == nil {
								t.Errorf("%s = %v, want %v", way, err, want)
							}
						}
						if _, err := open.Write(text(fragmentSize)); err != want {
							t.Errorf("Write to a Writer = %v, want %v", err, want)
						}
						if err := open.Close(); err != want {
							t.Errorf("Close of a Writer = %v, want %v", err, want)
						}
					}
					if p.nc.Buffered() > out {
						t.Errorf("%d bytes were sent behind the end", p.nc.Buffered()-out)
					}
				})
			})
		}
	}
}

// Each call that waits in the line of writers returns when writing ends.
func TestEndWakesEveryWriter(t *testing.T) {
	for name, end := range map[string]func(c *Conn){
		"CloseNow":   func(c *Conn) { c.CloseNow() },
		"BeginClose": func(c *Conn) { c.BeginClose(CloseNormal, "") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := room(t, Client, 0, quiet())
				stuck := started(func() error { return c.Write(t.Context(), Text, text(copyMax)) })
				var line []chan error
				for range 6 { // committed until there is no room, then in line
					line = append(line, started(func() error { return c.Write(t.Context(), Text, text(copyMax)) }))
				}
				large := started(func() error { return c.Write(t.Context(), Text, text(copyMax+1)) })
				end(c)
				failed := 0
				for _, result := range line {
					if err := returned(t, "Write", result); errors.Is(err, ErrClosed) {
						failed++
					} else if err != nil {
						t.Errorf("Write = %v, want nil or %v", err, ErrClosed)
					}
				}
				if err := returned(t, "large Write", large); !errors.Is(err, ErrClosed) || failed != 3 {
					t.Errorf("large Write = %v, %d others in line failed; want %v, 3", err, failed, ErrClosed)
				}
				<-c.Done()
				if err := returned(t, "Write", stuck); !errors.Is(err, ErrClosed) {
					t.Errorf("stuck Write = %v, want %v", err, ErrClosed)
				}
			})
		})
	}
}

// CloseNow and the write that it wakes tell one story, also if that write is first
// to speak.
func TestErrorOfACutIsNotThatOfTheWriteItWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(1)
		defer far.Close()
		woken := make(chan struct{})
		c := New(&slowToClose{Conn: near, after: woken}, Setup{Role: Server}, quiet())
		result := started(func() error {
			defer close(woken)
			return c.Write(t.Context(), Text, nil)
		})
		c.CloseNow()
		if e := closeError(t, c.Err()); !errors.Is(e, ErrClosed) || e.Remote {
			t.Errorf("Err = %v (remote %v), want %v", e, e.Remote, ErrClosed)
		}
		if err := returned(t, "Write", result); !errors.Is(err, ErrClosed) {
			t.Errorf("Write = %v, want %v", err, ErrClosed)
		}
	})
}

// slowToClose is closed at once, but Close returns only after something else.
type slowToClose struct {
	net.Conn
	after chan struct{}
}

func (s *slowToClose) Close() error {
	err := s.Conn.Close()
	<-s.after
	return err
}

// A connection without deadlines is closed to end a Write, and says so.
func TestCanceledWriteWithoutDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(1)
		c := New(wiretest.NoDeadlines(near), Setup{Role: Server}, quiet())
		defer far.Close()
		ctx, cancel := context.WithCancel(t.Context())
		result := started(func() error { return c.Write(ctx, Text, []byte("stuck")) })
		cancel()
		if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled Write = %v, want %v", err, context.Canceled)
		}
		err := c.Write(t.Context(), Text, nil)
		if e := closeError(t, err); !errors.Is(e, errHalfWritten) || e.Remote {
			t.Errorf("next Write = %v (remote %v), want %v", err, e.Remote, errHalfWritten)
		}
		<-c.Done()
	})
}
