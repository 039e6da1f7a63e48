package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// tryingServer returns a server over TCP whose calls that write are counted, and what
// comes to its client.
func tryingServer(t testing.TB) (c *Conn, writes *atomic.Int64, in *frames) {
	t.Helper()
	far, near := loopback(t)
	far.SetReadDeadline(time.Now().Add(20 * time.Second))
	c = New(near, Setup{Role: Server}, quiet())
	if !c.wire.tries() {
		t.Skip("this system cannot try a socket")
	}
	t.Cleanup(func() { c.CloseNow() })
	return c, countWrites(c), framesOf(far)
}

// standInLine commits a message and leaves c as a Write does that gives way.
func standInLine(c *Conn, p string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := body{op: frame.Text, p: []byte(p), size: len(p)}
	c.commit(&b, true)
	c.wr.company |= inLine | away | patience
}

// comeBack is what the Write in line does then.
func comeBack(ctx context.Context, c *Conn) error {
	c.mu.Lock()
	return c.flushGroup(ctx)
}

func companyOf(c *Conn) company {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wr.company
}

// Whatever is sent behind a Write that has given way, and may wait for it, leaves with
// it in one write.
func TestGroupLeavesInOneWrite(t *testing.T) {
	c, writes, in := tryingServer(t)
	m, err := Prepare(Text, []byte("prepared"))
	if err != nil {
		t.Fatal(err)
	}
	standInLine(c, "first")
	for _, err := range []error{
		c.Write(t.Context(), Text, []byte("second")),
		c.WritePrepared(t.Context(), m, m),
		c.Post(Text, []byte("posted")),
		c.PostPrepared(m),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := writes.Load(); n != 0 {
		t.Errorf("%d writes before the first of the group came back, want 0", n)
	}
	if err := comeBack(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second", "prepared", "prepared", "posted", "prepared"} {
		if _, p, err := in.next(); string(p) != want || err != nil {
			t.Fatalf("got %q, %v; want %q", p, err, want)
		}
	}
	if n := writes.Load(); n != 1 {
		t.Errorf("%d writes, want 1", n)
	}
	if got := companyOf(c); got != patience {
		t.Errorf("company is %#x behind a group, want %#x", got, patience)
	}
}

// What cannot wait for the Write in line takes its message along, and a failure is the
// error of that Write too.
func TestNobodyDependsOnTheWriteInLine(t *testing.T) {
	failed := errors.New("failed")
	for name, tt := range map[string]struct {
		do     func(t *testing.T, c *Conn)
		writes int64
		want   error // of the Write in line
	}{
		"a pong":               {func(_ *testing.T, c *Conn) { c.pong(nil) }, 1, nil},
		"a pong, then the end": {func(_ *testing.T, c *Conn) { c.pong(nil); c.CloseNow() }, 1, nil},
		"a pong, then a Write": {pongThenWrite, 2, nil},
		"BeginClose":           {func(_ *testing.T, c *Conn) { c.BeginClose(CloseGoingAway, "") }, 1, nil},
		"CloseNow":             {func(_ *testing.T, c *Conn) { c.CloseNow() }, 0, ErrClosed},
		"a large Write":        {func(t *testing.T, c *Conn) { c.Write(t.Context(), Binary, make([]byte, copyMax+1)) }, 0, nil},
		"no more room":         {func(t *testing.T, c *Conn) { writeRoom(t, c) }, 2, nil},
		"Ping":                 {func(_ *testing.T, c *Conn) { c.sendPing(context.Background()) }, 1, nil},
		"the cork":             {func(_ *testing.T, c *Conn) { c.flushCorked() }, 1, nil},
		"a broken wire":        {func(_ *testing.T, c *Conn) { c.wire = &failingWire{c.wire, failed}; c.pong(nil) }, 0, failed},
		"nothing at all":       {func(*testing.T, *Conn) {}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, writes, in := tryingServer(t)
			standInLine(c, "first")
			tt.do(t, c)
			if n := writes.Load(); n != tt.writes {
				t.Errorf("%d writes before the Write in line came back, want %d", n, tt.writes)
			}
			if err := comeBack(t.Context(), c); !errors.Is(err, tt.want) {
				t.Errorf("the Write in line = %v, want %v", err, tt.want)
			}
			if got := companyOf(c); got&(inLine|away|joined) != 0 {
				t.Errorf("company is %#x, want nobody in line", got)
			}
			if tt.want != nil {
				return
			}
			if _, p, err := in.next(); string(p) != "first" || err != nil {
				t.Errorf("got %q, %v; want %q", p, err, "first")
			}
		})
	}
}

// pongThenWrite has a pong take out along. Before the Write that has given way is back,
// no other one does: it would take the first for itself.
func pongThenWrite(t *testing.T, c *Conn) {
	c.pong(nil)
	if err := c.Write(t.Context(), Text, nil); err != nil || companyOf(c)&away == 0 {
		t.Errorf("Write = %v, company is %#x", err, companyOf(c))
	}
}

// writeRoom writes one message more than there is room for.
func writeRoom(t *testing.T, c *Conn) {
	for range highWater/copyMax + 1 {
		if err := c.Write(t.Context(), Binary, make([]byte, copyMax)); err != nil {
			t.Error(err)
		}
	}
}

// failingWire is a socket that has failed.
type failingWire struct {
	wire
	err error
}

func (w *failingWire) tryWrite([]byte) (int, error) { return 0, w.err }

// A Write whose context ends while it has given way leaves. Its message is committed
// and is sent, and those behind it are.
func TestCanceledInLine(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := room(t, role, 1, quiet()) // which cannot be tried, and is full
			ctx, cancel := context.WithCancel(t.Context())
			standInLine(c, "first")
			if err := c.Write(t.Context(), Text, []byte("second")); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := comeBack(ctx, c); !errors.Is(err, context.Canceled) {
				t.Errorf("%v: Write = %v, want %v", role, err, context.Canceled)
			}
			p.roomByte()
			p.expect(frame.Text, "first")
			p.expect(frame.Text, "second")
		})
	}
}

// Who writes alone never gives way, whoever else has the write turn.
func TestLoneWriterNeverGivesWay(t *testing.T) {
	t.Run("flusher", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := room(t, Server, 1, quiet())
			ctx, cancel := context.WithCancel(t.Context())
			first := started(func() error { return c.Write(ctx, Text, []byte("x")) })
			cancel()
			if err := returned(t, "Write", first); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			for range 5 {
				c.Write(t.Context(), Text, []byte("x")) // behind the flusher
			}
			if got := companyOf(c); got != 0 {
				t.Errorf("company is %#x, want 0", got)
			}
			p.roomByte()
			for range 6 {
				p.expect(frame.Text, "x")
			}
		})
	})
	t.Run("pong", func(t *testing.T) {
		c, _, _ := tryingServer(t)
		wrote := false
		c.wire = &hookedWire{wire: c.wire, after: func() {
			if !wrote {
				wrote = true
				c.Write(t.Context(), Text, nil)
			}
		}}
		c.pong(nil)
		if got := companyOf(c); got != 0 || !wrote {
			t.Errorf("company is %#x, want 0", got)
		}
	})
}

// A Write that meets another one inside its system call has the next ones give way, and
// in vain a few times only.
func TestCompanyEnds(t *testing.T) {
	c, writes, _ := tryingServer(t)
	met := false
	c.wire = &hookedWire{wire: c.wire, after: func() {
		if !met {
			met = true
			c.Write(t.Context(), Text, nil) // as from another goroutine
		}
	}}
	for i, want := range []company{patience, patience - 1, patience - 2, 0, 0} {
		if err := c.Write(t.Context(), Text, nil); err != nil {
			t.Fatal(err)
		}
		if got := companyOf(c); got != want {
			t.Errorf("company is %#x behind write %d, want %#x", got, i, want)
		}
	}
	if n := writes.Load(); n != 6 {
		t.Errorf("%d writes, want 6", n)
	}
	// A message that fills a group has nobody to wait for.
	c.wr.company = patience
	if err := c.Write(t.Context(), Binary, make([]byte, groupBytes)); err != nil || companyOf(c) != patience {
		t.Errorf("company is %#x behind a large message, %v; want %#x", companyOf(c), err, patience)
	}
}

// oneProcessor has the goroutines of a test take turns.
func oneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Eight writers on one processor share their system calls, none of which waits, and
// none is left behind; their messages arrive whole, each writer's in order.
func TestWritersOnOneProcessorShareSystemCalls(t *testing.T) {
	const writers, total = 8, 16_000
	oneProcessor(t)
	c, writes, in := tryingServer(t)
	c.wr.company = patience // as if two had met
	var wg sync.WaitGroup
	var sent atomic.Int64
	var each [writers]int // of the first half
	for i := range writers {
		wg.Go(func() {
			for n := 0; ; n++ {
				k := sent.Add(1)
				if k > total {
					return
				}
				if err := c.Write(t.Context(), Text, fmt.Appendf(nil, "%d:%d", i, n)); err != nil {
					t.Error(err)
					return
				}
				if k <= total/2 {
					each[i]++
				}
			}
		})
	}
	var next [writers]int
	for range total {
		_, p, err := in.next()
		var i, n int
		if _, scan := fmt.Sscanf(string(p), "%d:%d", &i, &n); err != nil || scan != nil || n != next[i] {
			t.Fatalf("got %q, %v; want message %d of that writer", p, err, next[i])
		}
		next[i]++
	}
	wg.Wait()
	if n := writes.Load(); n > total/8 {
		t.Errorf("%d messages were %d writes, want an eighth of them at most", total, n)
	}
	for i, n := range each {
		if n < total/2/writers/3 {
			t.Errorf("writer %d has sent %d of %d messages: %v", i, n, total/2, each)
		}
	}
}

// The failure of the wire ends every writer of a group.
func TestFailureReachesTheWholeGroup(t *testing.T) {
	failed := errors.New("failed")
	near, far := wiretest.Pipe(0)
	go io.Copy(io.Discard, far)
	c := New(wiretest.FailAt(near, wiretest.OpWrite, 100, failed), Setup{Role: Server}, quiet())
	defer c.CloseNow()
	c.wr.company = patience
	result := make(chan error, 8)
	for range cap(result) {
		go func() {
			for {
				if err := c.Write(context.Background(), Text, []byte("x")); err != nil {
					result <- err
					return
				}
			}
		}()
	}
	for range cap(result) {
		if err := within(t, "a Write", result); !errors.Is(err, failed) {
			t.Errorf("Write = %v, want %v", err, failed)
		}
	}
}

// Neither the Write that gives way nor those that follow it allocate.
func TestGroupAllocatesNothing(t *testing.T) {
	if raced() {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	far, near := loopback(t)
	go io.Copy(io.Discard, far)
	c := New(near, Setup{Role: Server}, quiet())
	defer c.CloseNow()
	p := make([]byte, 128)
	for _, state := range []company{patience, patience | inLine | away} {
		allocs := testing.AllocsPerRun(500, func() {
			c.mu.Lock()
			c.wr.company = state
			c.mu.Unlock()
			if err := c.Write(context.Background(), Binary, p); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("company %#x: %v allocations in a Write, want 0", state, allocs)
		}
	}
}

// What was queued for one connection while it could not be sent leaves in one write.
func TestQueuedLeavesInOneWrite(t *testing.T) {
	m, err := Prepare(Text, []byte("queued"))
	if err != nil {
		t.Fatal(err)
	}
	for name, post := range map[string]func(c *Conn) error{
		"Post":          func(c *Conn) error { return c.Post(Text, []byte("queued")) },
		"PostPrepared":  func(c *Conn) error { return c.PostPrepared(m) },
		"Write":         func(c *Conn) error { return c.Write(context.Background(), Text, []byte("queued")) },
		"WritePrepared": func(c *Conn) error { return c.WritePrepared(context.Background(), m) },
	} {
		t.Run(name, func(t *testing.T) {
			c, writes, in := tryingServer(t)
			const queued = 8
			c.wire = &hookedWire{wire: c.wire, after: func() {
				for range queued * (2 - writes.Load()) { // once
					if err := post(c); err != nil {
						t.Error(err)
					}
				}
			}}
			if err := c.Write(t.Context(), Text, []byte("queued")); err != nil {
				t.Fatal(err)
			}
			for range 1 + queued {
				if _, p, err := in.next(); string(p) != "queued" || err != nil {
					t.Fatalf("got %q, %v", p, err)
				}
			}
			if n := writes.Load(); n != 2 {
				t.Errorf("one message and %d behind it were %d writes, want 2", queued, n)
			}
		})
	}
	t.Run("all in one call", func(t *testing.T) {
		c, writes, _ := tryingServer(t)
		eight := []*Prepared{m, m, m, m, m, m, m, m}
		if err := errors.Join(c.PostPrepared(eight...), c.WritePrepared(t.Context(), eight...)); err != nil {
			t.Fatal(err)
		}
		if n := writes.Load(); n != 2 {
			t.Errorf("twice 8 messages were %d writes, want 2", n)
		}
	})
}
