package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

// A readCall is one kind of call that reads, as a function that returns what was
// delivered: whole says that it was a whole message.
type readCall struct {
	name string
	do   func(ctx context.Context, c *Conn) (got string, whole bool, err error)
}

// errSilent is how the end of Messages looks that has no error.
var errSilent = errors.New("Messages ended")

// readCalls are all kinds of them.
var readCalls = []readCall{
	{"Read", func(ctx context.Context, c *Conn) (string, bool, error) {
		_, p, err := c.Read(ctx)
		return string(p), err == nil, err
	}},
	{"ReadAppend", func(ctx context.Context, c *Conn) (string, bool, error) {
		buf := append(make([]byte, 0, 200), "mine"...)
		_, p, err := c.ReadAppend(ctx, buf)
		got, mine := bytes.CutPrefix(p, []byte("mine"))
		if !mine {
			return "", false, fmt.Errorf("ReadAppend changed what it appends to: %q", p)
		}
		got = bytes.Clone(got)
		// The memory is the caller's again, also after a canceled call.
		clear(buf[:cap(buf)])
		return string(got), err == nil, err
	}},
	{"Reader", func(ctx context.Context, c *Conn) (string, bool, error) {
		_, r, err := c.Reader(ctx)
		if err != nil {
			return "", false, err
		}
		p, err := io.ReadAll(r)
		return string(p), err == nil, err
	}},
	{"Messages", func(ctx context.Context, c *Conn) (string, bool, error) {
		for m, err := range c.Messages(ctx) {
			return string(m.Data), err == nil, err
		}
		return "", false, errSilent
	}},
	{"Discard", func(ctx context.Context, c *Conn) (string, bool, error) {
		return "", false, c.Discard(ctx)
	}},
	{"Ping", func(ctx context.Context, c *Conn) (string, bool, error) {
		_, err := c.Ping(ctx)
		return "", false, err
	}},
}

// outcome is what a readCall has returned.
type outcome struct {
	got   string
	whole bool
	err   error
}

// start runs a call in the background.
func (r readCall) start(ctx context.Context, c *Conn) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		got, whole, err := r.do(ctx, c)
		done <- outcome{got, whole, err}
	}()
	return done
}

// torn is a text message in four frames, one of them empty, cut inside code
// points, with control frames between them.
const tornText = "aé€😀 ende"

func torn(role Role) []byte {
	const fin = true
	return bytes.Join([][]byte{
		frameOf(role, !fin, frame.Text, tornText[:2]), // a and half of é
		frameOf(role, fin, frame.Ping, "one"),
		frameOf(role, !fin, frame.Continuation, ""),
		frameOf(role, !fin, frame.Continuation, tornText[2:8]), // up to the middle of the emoji
		frameOf(role, fin, frame.Pong, "nobody asked"),
		frameOf(role, fin, frame.Ping, ""),
		frameOf(role, fin, frame.Continuation, tornText[8:]),
	}, nil)
}

// openAt says after how many of its bytes a torn message has begun: with its first
// header.
func openAt(role Role) int {
	if role == Client {
		return 6
	}
	return 2
}

func TestCanceledReadsKeepEveryByte(t *testing.T) {
	for _, role := range both {
		for _, a := range readCalls {
			for _, b := range readCalls {
				t.Run(fmt.Sprintf("%v/%s/%s", role, a.name, b.name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { cancelBetweenBytes(t, role, a, b) })
				})
			}
		}
	}
}

// cancelBetweenBytes delivers a message byte by byte; a and b take turns waiting
// for a byte each and are canceled behind it.
func cancelBetweenBytes(t *testing.T, role Role, a, b readCall) {
	c, p := newPeer(t, role, quiet())
	in := torn(p.role)
	gone, handed := false, false
	last := len(in) - 1
	for i := range last {
		call := a
		if i%2 == 1 {
			call = b
		}
		if handed && call.name != "Ping" {
			gone = true // a Reader that handed out bytes has given up its message
		}
		r := cancelBehind(t, c, p, call, in, i)
		handed = handed || r.got != ""
		gone = gone || call.name == "Discard" && i+1 >= openAt(p.role)
	}
	p.send(in[last:])
	p.message(frame.Binary, "behind it")
	if !gone && !handed {
		wantMessage(t, c, Text, tornText)
	}
	wantMessage(t, c, Binary, "behind it")
	wantPongs(t, p, "one", "")
}

// cancelBehind has byte i of in come while a call waits, and cancels the call then.
func cancelBehind(t *testing.T, c *Conn, p *peer, call readCall, in []byte, i int) outcome {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result := call.start(ctx, c)
	synctest.Wait()
	p.send(in[i : i+1])
	synctest.Wait()
	cancel()
	r := <-result
	if !errors.Is(r.err, context.Canceled) || c.Err() != nil {
		t.Fatalf("%s canceled behind byte %d: got %q, %v, want context.Canceled; Err %v, want nil", call.name, i, r.got, r.err, c.Err())
	}
	return r
}

// wantMessage reads the next message.
func wantMessage(t testing.TB, c *Conn, want MessageType, wantText string) {
	t.Helper()
	typ, p, err := c.Read(t.Context())
	if typ != want || string(p) != wantText || err != nil {
		t.Fatalf("Read = %v, %q, %v; want %v, %q, nil", typ, p, err, want, wantText)
	}
}

// wantPongs wants these Pongs next, among Pings of ours.
func wantPongs(t *testing.T, p *peer, want ...string) {
	t.Helper()
	for len(want) > 0 {
		h, got, err := p.next()
		switch {
		case err == nil && h.Opcode == frame.Ping:
		case err == nil && h.Opcode == frame.Pong && got == want[0]:
			want = want[1:]
		default:
			t.Fatalf("peer got %+v %q, %v; want a Pong %q", h, got, err, want[0])
		}
	}
}

// A call that was canceled at any byte is followed by one that may finish: it
// gets the message whole, or, if that was given up, the next one.
func TestNextCallGoesOnWhereCanceledOneStopped(t *testing.T) {
	for _, role := range both {
		for _, a := range readCalls {
			for _, b := range readCalls {
				t.Run(fmt.Sprintf("%v/%s/%s", role, a.name, b.name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						for at := range torn(1 - role) {
							goOnAt(t, role, a, b, at)
						}
					})
				})
			}
		}
	}
}

func goOnAt(t *testing.T, role Role, a, b readCall, at int) {
	c, p := newPeer(t, role, quiet())
	defer c.CloseNow()
	in := torn(p.role)
	two, three := p.frame(true, frame.Text, "two"), p.frame(true, frame.Text, "three")
	goOnFrom(c, p, a, b, at, in, two, three, []string{tornText, "two", "three"})
}

// goOnFrom has the call a canceled when the peer has sent in[:at], and the call b go on
// there, which gets the rest and the frame second. Then every message of want has come,
// unless a has handed out part of the first.
func goOnFrom(c *Conn, p *peer, a, b readCall, at int, in, second, third []byte, want []string) {
	t := p.t
	ctx, cancel := context.WithCancel(t.Context())
	result := a.start(ctx, c)
	p.send(in[:at])
	synctest.Wait()
	cancel()
	r := <-result
	if !errors.Is(r.err, context.Canceled) {
		t.Fatalf("%s canceled at %d: got %d bytes, %v; want context.Canceled", a.name, at, len(r.got), r.err)
	}
	gone := r.got != "" || a.name == "Discard" && at >= openAt(p.role)

	ctx, cancel = context.WithCancel(t.Context())
	result = b.start(ctx, c)
	p.send(in[at:], second)
	synctest.Wait()
	cancel()
	r = <-result
	if gone {
		want = want[1:]
	}
	switch {
	case b.name == "Discard":
		want = want[len(want)-1:]
	case b.name != "Ping":
		if r.got != want[0] || !r.whole || r.err != nil {
			t.Fatalf("%s at %d, then %s: got %.100q, %v; want %.100q, nil", a.name, at, b.name, r.got, r.err, want[0])
		}
		want = want[1:]
	}
	p.send(third)
	for _, w := range want {
		wantMessage(t, c, Text, w)
	}
}

func TestThousandExpiredReadsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range both {
			c, p := newPeer(t, role, quiet())
			for range 1000 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("Read from a silent peer: %v, want context.DeadlineExceeded", err)
				}
				cancel()
			}
			if err := c.Err(); err != nil {
				t.Fatalf("Err = %v, want nil", err)
			}
			p.message(frame.Text, "here I am")
			wantMessage(t, c, Text, "here I am")
		}
	})
}

// Every kind of call looks at its context first: data that is there does not hide
// that it has ended.
func TestEndedContextIsSeenAlthoughDataIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, call := range readCalls {
			c, p := newPeer(t, Server, quiet())
			p.message(frame.Text, "one")
			p.message(frame.Text, "two")
			wantMessage(t, c, Text, "one") // and now the other one is in the buffer
			if got, _, err := call.do(ended, c); got != "" || !errors.Is(err, context.Canceled) {
				t.Errorf("%s = %q, %v; want context.Canceled", call.name, got, err)
			}
			_, r, err := c.Reader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.(*messageReader).ctx = ended
			if n, err := r.Read(make([]byte, 9)); n != 0 || !errors.Is(err, context.Canceled) {
				t.Errorf("Read of a Reader = %d, %v; want context.Canceled", n, err)
			}
			wantMessage(t, c, Text, "two")
		}
	})
}

// A canceled call in line for the read turn leaves it, and takes nothing along.
func TestCanceledCallLeavesTheLine(t *testing.T) {
	for _, call := range readCalls {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Client, quiet())
			reading := readCalls[0].start(t.Context(), c)
			synctest.Wait()
			ctx, cancel := context.WithCancel(t.Context())
			waiting := call.start(ctx, c)
			synctest.Wait()
			cancel()
			if r := <-waiting; !errors.Is(r.err, context.Canceled) {
				t.Errorf("%s in line: %v, want context.Canceled", call.name, r.err)
			}
			p.message(frame.Text, "for the first")
			if r := <-reading; r.got != "for the first" || r.err != nil {
				t.Errorf("Read = %q, %v", r.got, r.err)
			}
		})
	}
}

// foreign is a connection of somebody else's making whose Reads fail.
type foreign struct {
	net.Conn
	err error
}

func (f foreign) Read([]byte) (int, error) { return 0, f.err }

func TestPermanentErrorNeverMatchesContexts(t *testing.T) {
	for _, cause := range []error{
		context.Canceled,
		context.DeadlineExceeded,
		fmt.Errorf("tunnel: %w", context.Canceled),
		&net.OpError{Op: "read", Err: context.DeadlineExceeded},
	} {
		for _, call := range readCalls {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				go io.Copy(io.Discard, far)
				c := New(foreign{near, cause}, Setup{Role: Client}, quiet())
				defer far.Close()
				defer c.CloseNow()
				_, _, err := call.do(t.Context(), c)
				e := closeError(t, err)
				if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s over a connection that fails with %v: %v matches a context's error", call.name, cause, err)
				}
				if !strings.Contains(e.Error(), cause.Error()) || e.Code != CloseAbnormal {
					t.Errorf("%s: %v with code %v; want 1006 and %q in the text", call.name, err, e.Code, cause)
				}
				if _, _, again := c.Read(t.Context()); again != error(e) {
					t.Errorf("the next Read: %v, want the same error", again)
				}
			})
		}
	}
}

// A timeout that no context of ours asked for is the connection's own failure; to
// try again and again would burn a processor.
func TestForeignTimeoutEndsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := New(foreign{near, os.ErrDeadlineExceeded}, Setup{Role: Server}, quiet())
		defer c.CloseNow()
		_, _, err := c.Read(t.Context())
		if closeError(t, err).Code != CloseAbnormal || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want the timeout as a permanent error", err)
		}
	})
}

// countingContext is a context that counts who waits for its end.
type countingContext struct {
	context.Context
	mu   sync.Mutex
	live int
	made int
}

func newCountingContext() (*countingContext, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	return &countingContext{Context: ctx}, cancel
}

// AfterFunc is what context.AfterFunc asks for.
func (c *countingContext) AfterFunc(f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live++
	c.made++
	stop := context.AfterFunc(c.Context, f)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !stop() {
			return false
		}
		c.live--
		return true
	}
}

// Value hides the context inside, so that package context asks this one.
func (c *countingContext) Value(any) any { return nil }

func TestNoWatcherOutlivesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, end := range []func(c *Conn, p *peer){
			func(c *Conn, p *peer) { c.CloseNow() },
			func(c *Conn, p *peer) { p.nc.Close() },
			func(c *Conn, p *peer) { p.message(frame.Close, ""); synctest.Wait(); p.nc.Close() },
			func(c *Conn, p *peer) { p.message(frame.Opcode(3), "no such frame") },
		} {
			ctx, cancel := newCountingContext()
			c, p := newPeer(t, Server, quiet())
			for range 5 {
				result := readCalls[0].start(ctx, c)
				synctest.Wait()
				p.message(frame.Text, "x")
				<-result
			}
			if ctx.live != 1 || ctx.made != 2 {
				t.Errorf("5 reads with one context: %d watchers live, %d made; want 1 kept, 2 made", ctx.live, ctx.made)
			}
			result := readCalls[0].start(ctx, c)
			synctest.Wait()
			end(c, p)
			<-result
			p.nc.Close()
			<-c.Done()
			synctest.Wait()
			c.Read(ctx)
			if ctx.live != 0 {
				t.Errorf("%d watchers left on the context of a connection that has ended", ctx.live)
			}
			cancel()
		}
	})
}

func TestNewContextEachCallLeavesNoWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		for range 5 {
			ctx, cancel := newCountingContext()
			defer cancel()
			result := readCalls[0].start(ctx, c)
			synctest.Wait()
			p.message(frame.Text, "x")
			<-result
			if ctx.live != 0 || ctx.made != 1 {
				t.Errorf("after the call %d watchers live, %d made; want 0, 1", ctx.live, ctx.made)
			}
		}
	})
}

// fakeDeadline remembers what a watch sets.
type fakeDeadline struct {
	mu sync.Mutex
	at time.Time
}

func (d *fakeDeadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
}

func (d *fakeDeadline) interrupted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at.Equal(past)
}

func TestWatchSeesEndBetweenTwoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		var d fakeDeadline
		w.init(d.set)
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			w.begin(ctx)
			w.end(ctx)
		}
		// The kept watcher fires while nobody waits, after the next call has looked at
		// its context and before it waits.
		cancel()
		synctest.Wait()
		if d.interrupted() {
			t.Fatal("a watcher interrupted although nobody waits")
		}
		w.begin(ctx)
		synctest.Wait()
		if !d.interrupted() {
			t.Error("a call that waits with an ended context was not interrupted")
		}
	})
}

func TestLateCallbackDoesNotEndTheNextRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		var d fakeDeadline
		w.init(d.set)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		next, stop := context.WithCancel(t.Context())
		defer stop()
		w.begin(ctx) // its watcher is on its way
		w.end(ctx)
		w.clear()
		w.begin(next)
		w.fire() // and comes here at last
		synctest.Wait()
		if d.interrupted() {
			t.Error("the watcher of an earlier call interrupted this one")
		}
		w.end(next)
		w.fire()
		if d.interrupted() {
			t.Error("a watcher interrupted although nobody waits")
		}
	})
}

func TestContextsThatCannotEndNeedNoWatcher(t *testing.T) {
	var w watch
	w.init(func(time.Time) { t.Error("a deadline was set") })
	for _, ctx := range []context.Context{context.Background(), context.WithoutCancel(t.Context())} {
		if !w.watches(ctx) {
			t.Errorf("%v needs a watcher", ctx)
		}
		w.begin(ctx)
		w.end(ctx)
		if w.done != nil {
			t.Errorf("%v got a watcher", ctx)
		}
	}
	if w.watches(t.Context()) {
		t.Error("a context that can end needs no watcher")
	}
}

// A canceled call leaves no mark: whoever reads next with another context waits
// for data and is not interrupted by what the other one left.
func TestStaleInterruptionIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		c.madeWatches().read.kick()
		result := readCalls[0].start(context.Background(), c)
		synctest.Wait()
		c.madeWatches().read.kick()
		synctest.Wait()
		p.message(frame.Text, "still here")
		if r := <-result; r.got != "still here" || r.err != nil {
			t.Errorf("Read = %q, %v; want the message", r.got, r.err)
		}
	})
}
