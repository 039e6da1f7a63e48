package conn

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

// A frugal connection gives its reader back only when there is nothing in it to
// remember, and goes on with another one as if it had kept it.
func TestFrugalConnectionForgetsNothing(t *testing.T) {
	ctx := context.Background()
	for name, test := range map[string]struct {
		begin func(t *testing.T, c *Conn, p *peer) // leaves something to remember
		want  string                               // what the next Read returns
	}{
		"a Read canceled inside a header": {func(t *testing.T, c *Conn, p *peer) {
			p.send(p.frame(fin, frame.Text, "hello")[:1])
			cancelRead(t, c)
			p.send(p.frame(fin, frame.Text, "hello")[1:])
		}, "hello"},
		"a Read canceled inside a message": {func(t *testing.T, c *Conn, p *peer) {
			p.send(p.frame(!fin, frame.Text, "hel"))
			cancelRead(t, c)
			p.message(frame.Continuation, "lo")
		}, "hello"},
		"a Read canceled behind an empty fragment": {func(t *testing.T, c *Conn, p *peer) {
			p.send(p.frame(!fin, frame.Text, ""))
			cancelRead(t, c)
			p.message(frame.Continuation, "hello")
		}, "hello"},
		"a Read canceled inside a Ping": {func(t *testing.T, c *Conn, p *peer) {
			ping := p.frame(fin, frame.Ping, "body")
			p.send(ping[:len(ping)-4])
			cancelRead(t, c)
			p.send(ping[len(ping)-4:])
			p.message(frame.Text, "hello")
		}, "hello"},
		"a Reader that was left": {func(t *testing.T, c *Conn, p *peer) {
			p.message(frame.Text, "nobody's")
			_, r, err := c.Reader(ctx)
			if _, err2 := r.Read(make([]byte, 3)); err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			p.message(frame.Text, "hello")
		}, "hello"},
		"a message that waits": {func(t *testing.T, c *Conn, p *peer) {
			p.send(append(p.frame(fin, frame.Text, "first"), p.frame(fin, frame.Text, "hello")...))
			if _, got, err := c.Read(ctx); string(got) != "first" || err != nil {
				t.Fatalf("Read = %q, %v", got, err)
			}
		}, "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				c.frugal = true
				test.begin(t, c, p)
				if c.rd == nil {
					t.Fatal("the reader is gone")
				}
				if _, got, err := c.Read(ctx); string(got) != test.want || err != nil {
					t.Fatalf("Read = %q, %v; want %q", got, err, test.want)
				}
				p.message(frame.Text, "once more")
				if _, got, err := c.Read(ctx); string(got) != "once more" || err != nil {
					t.Fatalf("Read = %q, %v", got, err)
				}
				if c.rd != nil {
					t.Error("the reader is still there")
				}
			})
		})
	}
}

// cancelRead has a Read wait until its context ends.
func cancelRead(t *testing.T, c *Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, _, err := c.Read(ctx); ctx.Err() == nil {
		t.Fatalf("Read = %v before its context ended", err)
	}
}

// What was corked goes out when the next reader waits.
func TestFrugalConnectionFlushesWhenItWaits(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		o := quiet()
		o.FlushDelay = time.Hour
		c, p := newPeer(t, role, o)
		c.frugal = true
		p.send(append(p.frame(fin, frame.Text, "first"), p.frame(fin, frame.Text, "second")...))
		for _, want := range []string{"first", "second"} {
			if _, got, err := c.Read(context.Background()); string(got) != want || err != nil {
				t.Fatalf("Read = %q, %v; want %q", got, err, want)
			}
			if want == "first" {
				c.Post(Text, []byte(want))
			}
		}
		start := time.Now()
		cancelRead(t, c)
		p.expect(frame.Text, "first")
		if d := time.Since(start); d > time.Second {
			t.Errorf("an answer went out after %v, want when the reader waits", d)
		}
		if c.rd != nil {
			t.Error("the reader is still there")
		}
	})
}

// What comes in large pieces is read in large pieces also by the next reader, and
// buffers that were mostly empty are counted on.
func TestFrugalConnectionRemembersTheSizeOfItsBuffers(t *testing.T) {
	for _, ahead := range []int32{0, smallBuffer, 2 * smallBuffer, midBuffer, 2 * midBuffer, bigBuffer} {
		for mostlyEmpty := range int8(shrinkAfter) {
			c := &Conn{opt: &noOptions, rd: &reader{ahead: ahead, mostlyEmpty: mostlyEmpty}}
			c.leaveReader()
			if c.rd != nil {
				t.Fatal("the reader is still there")
			}
			c.needReader()
			if c.rd.ahead != ahead || c.rd.mostlyEmpty != mostlyEmpty {
				t.Errorf("%d bytes, %d mostly empty have become %d, %d", ahead, mostlyEmpty, c.rd.ahead, c.rd.mostlyEmpty)
			}
		}
	}
}

// The numbers of Pings may wrap: a Pong answers those sent before it all the same,
// and one with a number that was not sent yet nothing.
func TestPingsThatBeginAnewAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		go readUntilEnd(c)
		c.wr.lastPing = math.MaxUint32 - 1
		var answers []chan pinged
		var bodies []string
		for range 4 {
			answers = append(answers, startPing(context.Background(), c))
			bodies = append(bodies, p.expectPing())
		}
		for _, wrong := range []string{"\x00\x00\x00\x00\x00\x00\x00\x09", "\x00\x00\x00\x01\x00\x00\x00\x01", "\x00\x00\x00\x00\xff\xff\xff\xfe"} {
			p.message(frame.Pong, wrong)
		}
		synctest.Wait()
		if n := openPings(c); n != 4 {
			t.Fatalf("%d Pings are open, want 4", n)
		}
		p.message(frame.Pong, bodies[2])
		for _, answer := range answers[:3] {
			if a := <-answer; a.err != nil {
				t.Errorf("Ping = %v", a.err)
			}
		}
		if n := openPings(c); n != 1 {
			t.Errorf("%d Pings are open, want the last one", n)
		}
		p.message(frame.Pong, bodies[3])
		if a := <-answers[3]; a.err != nil {
			t.Errorf("Ping = %v", a.err)
		}
	})
}

// A context that ends with its connection asks it for Done wherever it is asked
// itself, also while a lock is held.
func TestContextMayAskTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		ctx := askingContext{context.Background(), c}
		p.message(frame.Text, "hello")
		m, err := Prepare(Text, []byte("prepared"))
		_, got, err2 := c.Read(ctx)
		if err != nil || err2 != nil || string(got) != "hello" {
			t.Fatalf("Read = %q, %v, %v", got, err, err2)
		}
		sent := make(chan error, 1)
		go func() {
			_, _, ping := c.sendPing(ctx)
			w, err := c.Writer(ctx, Text)
			sent <- errors.Join(ping, err, w.Close(), c.Write(ctx, Text, []byte("hello")),
				c.Write(ctx, Binary, make([]byte, 100<<10)), c.WritePrepared(ctx, m))
		}()
		go io.Copy(io.Discard, p.nc)
		synctest.Wait()
		select {
		case err := <-sent:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("a call waits for itself")
		}
		c.CloseNow()
		if ctx.Err() == nil {
			t.Error("Done is open after the end")
		}
	})
}

// askingContext ends with its connection.
type askingContext struct {
	context.Context
	c *Conn
}

func (a askingContext) Done() <-chan struct{} { return a.c.Done() }

func (a askingContext) Err() error {
	select {
	case <-a.c.Done():
		return context.Canceled
	default:
		return nil
	}
}

// waitingWire says whether its connection has a reader when it is asked to wait.
type waitingWire struct {
	wire
	c     *Conn
	while []bool
}

func (w *waitingWire) readPooled(size int) (*buffer, error) {
	w.while = append(w.while, w.c.rd != nil)
	return w.wire.readPooled(size)
}

// Whoever waits for the next frame holds a reader only if it has something to remember.
func TestWaitBetweenMessagesHoldsNoReader(t *testing.T) {
	ctx := context.Background()
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		w := &waitingWire{wire: c.wire, c: c}
		c.wire = w
		step := func(what string, holds bool, wait func()) {
			t.Helper()
			w.while = nil
			wait()
			if len(w.while) == 0 || slices.Contains(w.while, !holds) {
				t.Errorf("%s: it had a reader: %v, want %v", what, w.while, holds)
			}
		}
		step("a Read", false, func() {
			go p.message(frame.Ping, "")
			synctest.Wait()
			cancelRead(t, c)
		})
		step("a Read behind a fragment", true, func() {
			p.send(p.frame(!fin, frame.Text, "hel"))
			c.header(ctx) // the first wait is for what is there
			w.while = nil
			cancelRead(t, c)
		})
		go p.message(frame.Continuation, "lo")
		if _, got, err := c.Read(ctx); string(got) != "hello" || err != nil {
			t.Errorf("Read = %q, %v", got, err)
		}
		step("a Ping", false, func() {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			c.Ping(ctx)
		})
	})
}
