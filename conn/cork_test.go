package conn

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// countWrites has c count the system calls that write.
func countWrites(c *Conn) *atomic.Int64 {
	w := &countedWire{wire: c.wire}
	c.wire = w
	return &w.writes
}

type countedWire struct {
	wire
	writes atomic.Int64
}

func (w *countedWire) tryWrite(p []byte) (int, error) {
	w.writes.Add(1)
	return w.wire.tryWrite(p)
}

// corkedServer returns a server over TCP that has frames waiting behind the first
// message, which it has read, and the client's socket.
func corkedServer(t testing.TB, o *Options) (c *Conn, writes *atomic.Int64, client *net.TCPConn) {
	t.Helper()
	client, accepted := loopback(t)
	c = New(accepted, Setup{Role: Server}, o)
	t.Cleanup(func() { c.CloseNow() })
	writes = countWrites(c)
	client.Write(bytes.Repeat(frameOf(Client, true, frame.Text, "again"), 3))
	if _, p, err := c.Read(t.Context()); string(p) != "again" || err != nil {
		t.Fatalf("%q, %v", p, err)
	}
	if !c.more.Load() {
		t.Skip("the system has split a write of 33 bytes")
	}
	return c, writes, client
}

// long makes what is corked stay so until something else sends it.
func long() *Options {
	o := quiet()
	o.FlushDelay = time.Hour
	return o
}

// readFrames reads n frames of the payload p from a server.
func readFrames(t testing.TB, nc net.Conn, n int, p string) {
	t.Helper()
	want := bytes.Repeat(frameOf(Server, true, frame.Text, p), n)
	got := make([]byte, len(want))
	nc.SetReadDeadline(time.Now().Add(20 * time.Second))
	if k, err := io.ReadFull(nc, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %q, %v; want %d frames of %q", got[:k], err, n, p)
	}
}

// A pipelined echo is one write: what answers a message goes when the reader is
// about to wait for the next one.
func TestPipelinedEchoIsOneWrite(t *testing.T) {
	client, accepted := loopback(t)
	c := New(accepted, Setup{Role: Server}, long())
	defer c.CloseNow()
	writes := countWrites(c)
	go echo(context.Background(), c)
	const rounds, depth = 50, 16
	for range rounds {
		client.Write(bytes.Repeat(frameOf(Client, true, frame.Text, "hello"), depth))
		readFrames(t, client, depth, "hello")
	}
	if n := writes.Load(); n > rounds*5/4 {
		t.Errorf("%d writes for %d batches", n, rounds)
	}
}

// Whatever a program sends while a frame waits is corked, by every way to send.
func TestEveryWayToSendCorks(t *testing.T) {
	prepared, err := Prepare(Text, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, send := range map[string]func(ctx context.Context, c *Conn) error{
		"Write":         func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, []byte("x")) },
		"Post":          func(_ context.Context, c *Conn) error { return c.Post(Text, []byte("x")) },
		"WritePrepared": func(ctx context.Context, c *Conn) error { return c.WritePrepared(ctx, prepared) },
		"PostPrepared":  func(_ context.Context, c *Conn) error { return c.PostPrepared(prepared) },
		"Writer": func(ctx context.Context, c *Conn) error {
			w, err := c.Writer(ctx, Text)
			if err == nil {
				_, err = w.Write([]byte("x"))
			}
			if err == nil {
				err = w.Close()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, writes, client := corkedServer(t, long())
			for range 5 {
				if err := send(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			if n := writes.Load(); n != 0 {
				t.Fatalf("%d writes although frames wait", n)
			}
			if n := c.Stats().Queued; n != 5*3 {
				t.Errorf("Queued = %d, want 15", n)
			}
			for range 2 { // the frames that wait
				c.Read(t.Context())
			}
			go c.Read(t.Context()) // is about to wait
			readFrames(t, client, 5, "x")
			if n := writes.Load(); n != 1 {
				t.Errorf("%d writes, want 1", n)
			}
		})
	}
}

// A corked message that nothing else sends leaves all the same, also if nobody ever
// reads again.
func TestCorkedMessageLeavesByItself(t *testing.T) {
	c, writes, client := corkedServer(t, quiet())
	for range 3 {
		if err := c.Write(t.Context(), Text, []byte("x")); err != nil {
			t.Fatal(err)
		}
		readFrames(t, client, 1, "x")
	}
	if n := writes.Load(); n != 3 {
		t.Errorf("%d writes, want 3", n)
	}
}

// The delay is exact where a connection has a timer of its own.
func TestFlushDelay(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Millisecond, -1} {
		synctest.Test(t, func(t *testing.T) {
			o := quiet()
			o.FlushDelay = delay
			c, p := newPeer(t, Server, o)
			two := bytes.Repeat(p.frame(true, frame.Text, "in"), 2)
			p.send(two)
			want := delay
			switch {
			case delay == 0:
				want = 100 * time.Microsecond
			case delay < 0:
				want = 0
			}
			c.Read(t.Context())
			for range 2 { // the timer is used again
				begin := time.Now()
				if err := c.Write(t.Context(), Text, []byte("out")); err != nil {
					t.Fatal(err)
				}
				p.expect(frame.Text, "out")
				if d := time.Since(begin); d != want {
					t.Errorf("with %v it left after %v, want %v", delay, d, want)
				}
			}
		})
	}
}

func TestFullCorkIsSent(t *testing.T) {
	c, writes, client := corkedServer(t, long())
	p := strings.Repeat("x", 10_000)
	for range 6 {
		c.Write(t.Context(), Text, []byte(p))
	}
	if n := writes.Load(); n != 0 {
		t.Fatalf("%d writes for 60,000 bytes, want none yet", n)
	}
	c.Write(t.Context(), Text, []byte(p))
	if n := writes.Load(); n == 0 {
		t.Error("70,000 bytes are corked")
	}
	readFrames(t, client, 7, p)
}

// Whoever has to wait for room sends what is corked: nobody else would.
func TestNobodyWaitsForTheCork(t *testing.T) {
	for name, send := range map[string]func(ctx context.Context, c *Conn, p []byte) error{
		"Writer": func(ctx context.Context, c *Conn, p []byte) error {
			w, err := c.Writer(ctx, Text)
			if err == nil {
				_, err = w.Write(p)
			}
			if err == nil {
				err = w.Close()
			}
			return err
		},
		"a large Write": func(ctx context.Context, c *Conn, p []byte) error { return c.Write(ctx, Text, p) },
	} {
		t.Run(name, func(t *testing.T) {
			c, _, client := corkedServer(t, long())
			go io.Copy(io.Discard, client)
			p := []byte(strings.Repeat("x", 15_000))
			for range 4 {
				c.Write(t.Context(), Text, p)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := send(ctx, c, bytes.Repeat(p, 10)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A Close, a Pong and a Ping take what is corked along, in its order; CloseNow drops
// it.
func TestCorkedGoesBeforeControlFrames(t *testing.T) {
	for name, act := range map[string]struct {
		do   func(c *Conn)
		next frame.Opcode
	}{
		"BeginClose": {func(c *Conn) { c.BeginClose(CloseGoingAway, "") }, frame.Close},
		"Close":      {func(c *Conn) { go c.Close() }, frame.Close},
		"Ping":       {func(c *Conn) { go c.Ping(context.Background()) }, frame.Ping},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, Server, long())
				p.send(bytes.Repeat(p.frame(true, frame.Text, "in"), 2))
				c.Read(t.Context())
				c.Write(t.Context(), Text, []byte("out"))
				p.expectNothing()
				act.do(c)
				p.expect(frame.Text, "out")
				if h, _, err := p.next(); h.Opcode != act.next || err != nil {
					t.Errorf("then %v, %v; want %v", h.Opcode, err, act.next)
				}
				c.CloseNow()
			})
		})
	}
	t.Run("CloseNow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, quiet())
			p.send(bytes.Repeat(p.frame(true, frame.Text, "in"), 2))
			c.Read(t.Context())
			c.Write(t.Context(), Text, []byte("out"))
			c.CloseNow()
			p.expectEnd()
		})
	})
}

// Only a complete frame is a reason to wait: for the rest of another one the peer
// may wait for us.
func TestHalfAFrameDoesNotCork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, long())
		in := bytes.Repeat(p.frame(true, frame.Text, "in"), 2)
		p.send(in[:len(in)-1])
		c.Read(t.Context())
		c.Write(t.Context(), Text, []byte("out"))
		p.expect(frame.Text, "out")
	})
}

// The sweeper's goroutine ends with the last connection that waits for it.
func TestSweeperEnds(t *testing.T) {
	if !sweeps {
		t.Skip("this system has no sweeper")
	}
	corked.mu.Lock()
	corked.waiting = nil // of tests that cork for an hour
	corked.mu.Unlock()
	c, _, client := corkedServer(t, quiet())
	c.Write(t.Context(), Text, []byte("x"))
	readFrames(t, client, 1, "x")
	for deadline := time.Now().Add(20 * time.Second); ; {
		corked.mu.Lock()
		running := corked.alarm != nil
		corked.mu.Unlock()
		if !running {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the sweeper goes on")
		}
	}
}

// Buffers grow with full reads and shrink after some that are mostly empty; what is
// held fits what came.
func TestReadBufferAdapts(t *testing.T) {
	var rd reader
	fill := func(n int) int {
		b := getBuffer(rd.nextSize())
		b.b = b.b[:min(n, cap(b.b))]
		b = rd.adapt(b)
		defer putBuffer(b)
		return cap(b.b)
	}
	for _, want := range []int{4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 64 << 10} {
		if got := fill(1 << 20); got != want {
			t.Fatalf("a buffer of %d bytes, want %d", got, want)
		}
	}
	for i := range 4 * shrinkAfter {
		if got := fill(100); got != smallBuffer {
			t.Fatalf("%d bytes held by 100 received", got)
		}
		want := bigBuffer >> ((i + 1) / shrinkAfter)
		if got := rd.nextSize(); got != want {
			t.Fatalf("after %d small reads the next buffer has %d bytes, want %d", i+1, got, want)
		}
	}
}

// Corked answers and their order survive every way to cut the stream.
func TestCorkingUnderEverySegmentation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 40
		for chunk := 1; chunk < 80; chunk++ {
			near, far := wiretest.Pipe(0)
			c := New(wiretest.Split(near, wiretest.Fixed(chunk)), Setup{Role: Server}, quiet())
			go echo(context.Background(), c)
			p := &peer{t: t, nc: far, role: Client}
			go func() {
				for i := range n {
					far.Write(p.frame(true, frame.Text, strings.Repeat("m", i)))
				}
			}()
			for i := range n {
				p.expect(frame.Text, strings.Repeat("m", i))
			}
			c.CloseNow()
			far.Close()
		}
	})
}
