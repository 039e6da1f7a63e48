package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// A socket that is slow makes eight writers share their system calls.
func TestConcurrentWritersShareSystemCalls(t *testing.T) {
	const writers, each = 8, 200
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			near, far := wiretest.Pipe(300)
			c, p := New(near, Setup{Role: role}, quiet()), &peer{t: t, nc: far, role: 1 - role}
			defer c.CloseNow()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for range each {
						if err := c.Write(context.Background(), Text, text(50)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			for range writers * each {
				<-time.After(time.Millisecond) // fake time
				p.expect(frame.Text, string(text(50)))
			}
			wg.Wait()
			if n := near.Writes(); n > writers*each/4 {
				t.Errorf("%v: %d messages were %d system calls, want a quarter of them at most", role, writers*each, n)
			}
		})
	}
}

// Ten pings are answered by ten pongs in their order, also if none of them can be
// sent at first.
//
// Checklist: N3, N4, K3
func TestTenPingsGetTenPongs(t *testing.T) {
	for _, role := range both {
		for _, full := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				near, far := wiretest.Pipe(0)
				if full {
					near.Write(make([]byte, wiretest.DefaultSize))
				}
				c, p := New(near, Setup{Role: role}, quiet()), &peer{t: t, nc: far, role: 1 - role}
				defer c.CloseNow()
				go c.Discard(t.Context())
				for i := range 10 {
					p.message(frame.Ping, fmt.Sprint("ping ", i))
				}
				synctest.Wait()
				if full {
					p.drop(wiretest.DefaultSize)
				}
				for i := range 10 {
					p.expect(frame.Pong, fmt.Sprint("ping ", i))
				}
				p.expectNothing()
			})
		}
	}
}

// drop reads n bytes of the stream that are no frames.
func (p *peer) drop(n int) {
	p.t.Helper()
	for b := make([]byte, 32<<10); n > 0; {
		m, err := p.nc.Read(b[:min(n, len(b))])
		if n -= m; err != nil {
			p.t.Fatal(err)
		}
	}
}

// More than maxPongs behind a full socket: the newest one takes the place of those
// before it, and goes before our Close.
//
// Checklist: N4
func TestNewestPongWins(t *testing.T) {
	for _, closes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			near, far := wiretest.Pipe(0)
			near.Write(make([]byte, wiretest.DefaultSize))
			c, p := New(near, Setup{Role: Server}, quiet()), &peer{t: t, nc: far, role: Client}
			defer c.CloseNow()
			c.Post(Text, []byte("in flight"))
			synctest.Wait()
			go c.Discard(t.Context())
			for i := range 100 {
				p.message(frame.Ping, fmt.Sprint(i))
			}
			synctest.Wait()
			if closes {
				c.BeginClose(CloseNormal, "")
			}
			p.drop(wiretest.DefaultSize)
			p.expect(frame.Text, "in flight")
			for i := range maxPongs {
				p.expect(frame.Pong, fmt.Sprint(i))
			}
			p.expect(frame.Pong, "99")
			if closes {
				p.expectClose(CloseNormal)
			}
			p.expectNothing()
		})
	}
}

// An empty ping among them is a ping.
func TestNewestPongMayBeEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := room(t, Client, 0, quiet())
		c.Post(Text, []byte("in flight"))
		synctest.Wait()
		for i := range maxPongs + 1 {
			c.pong(fmt.Append(nil, i)[:min(1, maxPongs-i)])
		}
		p.roomByte()
		p.expect(frame.Text, "in flight")
		for i := range maxPongs {
			p.expect(frame.Pong, fmt.Sprint(i)[:1])
		}
		p.expect(frame.Pong, "")
		p.expectNothing()
	})
}

// A ping while a long message in fragments is stuck: the pong leaves before the
// next frame.
//
// Checklist: N3, G4
func TestPongLeavesBeforeTheNextFragment(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := narrow(t, role, 1000, quiet())
			go c.Discard(t.Context())
			result := started(func() error {
				w, err := c.Writer(t.Context(), Binary)
				if err != nil {
					return err
				}
				_, err = w.Write(text(64 << 10))
				return errors.Join(err, w.Close())
			})
			data := 0
			for i, most := range []int{1, 2, 2} { // the frame that is on its way, or the one that is committed
				p.message(frame.Ping, fmt.Sprint("during ", i))
				synctest.Wait()
				before := p.fragmentsTo(frame.Pong, fmt.Sprint("during ", i))
				if data += before; before > most {
					t.Errorf("%v: pong %d came behind %d more frames, want %d at most", role, i, before, most)
				}
			}
			for ; data < 5; data++ {
				p.next()
			}
			p.expectNothing()
			if err := returned(t, "the writer", result); err != nil {
				t.Error(err)
			}
		})
	}
}

// fragmentsTo reads fragments up to a control frame and counts them.
func (p *peer) fragmentsTo(op frame.Opcode, payload string) (n int) {
	p.t.Helper()
	for {
		h, got, err := p.next()
		switch {
		case err != nil:
			p.t.Fatalf("peer got %d frames, then %v; want a %v", n, err, op)
		case h.Opcode == op && got == payload:
			return n
		case h.Opcode.IsControl():
			p.t.Fatalf("peer got a %v %q, want %v %q", h.Opcode, got, op, payload)
		}
		n++
	}
}

// Writes that are committed behind one that waits are sent by it, whatever becomes
// of their callers, and by a flusher if that one leaves.
func TestCommittedIsSentByOthers(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, p := room(t, Server, 1, quiet())
			ctx, cancel := context.WithCancel(t.Context())
			first := started(func() error { return c.Write(ctx, Text, []byte("first")) })
			for i := range 10 {
				if err := c.Write(t.Context(), Text, fmt.Append(nil, i)); err != nil {
					t.Fatal(err)
				}
			}
			if leaves {
				cancel()
				if err := returned(t, "first Write", first); !errors.Is(err, context.Canceled) {
					t.Errorf("first Write = %v", err)
				}
			}
			p.roomByte()
			p.expect(frame.Text, "first")
			for i := range 10 {
				p.expect(frame.Text, fmt.Sprint(i))
			}
			if !leaves {
				if err := returned(t, "first Write", first); err != nil {
					t.Errorf("first Write = %v", err)
				}
			}
			cancel()
		})
	}
}

// A Write that finds new frames whenever it is done with its own does not serve
// others for ever: a flusher takes over.
func TestWriteDoesNotServeOthersForEver(t *testing.T) {
	near, far := smallTCP(t)
	calls, served := 0, make(chan struct{})
	c := New(near, Setup{Role: Server}, quiet())
	c.wire = &hookedWire{wire: c.wire, after: func() {
		if calls++; calls < 50 {
			c.mu.Lock() // as another Write would
			c.commit(&body{op: frame.Text}, true)
			c.mu.Unlock()
		}
		if calls == letGoRounds+2 {
			<-served // by now it must be the flusher who calls
		}
	}}
	defer c.CloseNow()
	result := make(chan error, 1)
	go func() { result <- c.Write(context.Background(), Text, nil) }()
	if err := within(t, "Write", result); err != nil {
		t.Fatal(err)
	}
	close(served)
	in := framesOf(far)
	far.SetReadDeadline(time.Now().Add(20 * time.Second))
	for i := range 50 {
		if _, _, err := in.next(); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
}

// hookedWire calls after behind each system call that writes.
type hookedWire struct {
	wire
	after func()
}

func (w *hookedWire) tryWrite(p []byte) (int, error) {
	defer w.after()
	return w.wire.tryWrite(p)
}

func (w *hookedWire) writev(head, body []byte) (int, error) {
	defer w.after()
	return w.wire.writev(head, body)
}

// fill puts bytes into the socket until it takes no more, and returns how many.
func fill(t testing.TB, nc *net.TCPConn) (n int) {
	t.Helper()
	for b := make([]byte, 64<<10); ; {
		nc.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		m, err := nc.Write(b)
		if n += m; err != nil {
			if !isTimeout(err) {
				t.Fatal(err)
			}
			nc.SetWriteDeadline(time.Time{})
			return n
		}
	}
}

// The same on a real socket: committed frames of callers that left, and of calls
// that never wait.
func TestFullTCPSocket(t *testing.T) {
	for _, role := range both {
		near, far := smallTCP(t)
		filled := fill(t, near)
		c := New(near, Setup{Role: role}, quiet())

		over := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		go func() { over <- c.Write(ctx, Text, []byte("committed")) }()
		if err := within(t, "Write", over); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Write into a full socket = %v", err)
		}
		cancel()
		for i := range 3 {
			if err := c.Post(Text, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		go func() { over <- c.Write(ctx, Binary, text(1<<20)) }()
		if err := within(t, "large Write", over); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("large Write into a full socket = %v", err)
		}
		cancel()
		c.BeginClose(CloseNormal, "")

		far.SetReadDeadline(time.Now().Add(20 * time.Second))
		in := framesOf(far)
		in.r.Discard(filled)
		for _, want := range []string{"committed", "0", "1", "2"} {
			if _, p, err := in.next(); string(p) != want || err != nil {
				t.Fatalf("%v: peer got %q, %v; want %q", role, p, err, want)
			}
		}
		if h, _, err := in.next(); h.Opcode != frame.Close || err != nil {
			t.Fatalf("%v: peer got %+v, %v; want a Close", role, h, err)
		}
		c.CloseNow()
	}
}

// A large Write that is canceled with half of it in a real socket.
func TestLargeWriteCanceledInAFullTCPSocket(t *testing.T) {
	for _, role := range both {
		near, far := smallTCP(t)
		o := quiet()
		o.CloseTimeout = 100 * time.Millisecond
		c := New(near, Setup{Role: role}, o)
		much := make([]byte, 32<<20)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		over := make(chan error, 1)
		go func() { over <- c.Write(ctx, Binary, much) }()
		if err := within(t, "large Write", over); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("large Write = %v", err)
		}
		cancel()
		if err := c.Write(t.Context(), Text, nil); !errors.Is(closeError(t, err), errHalfWritten) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("next Write = %v, want %v", err, errHalfWritten)
		}
		select {
		case <-c.Done():
		case <-time.After(20 * time.Second):
			t.Error("the connection goes on")
		}
		far.Close()
	}
}

// Large messages over TCP go out whole although the socket takes them in parts.
func TestLargeWritesOverTCP(t *testing.T) {
	for _, role := range both {
		near, far := smallTCP(t)
		c := New(near, Setup{Role: role}, quiet())
		result := make(chan error, 1)
		go func() { result <- writeMuch(c) }()
		far.SetReadDeadline(time.Now().Add(20 * time.Second))
		in := framesOf(far)
		for i := 0; i < len(muchSizes); {
			h, p, err := in.next()
			if err != nil {
				t.Fatal(err)
			}
			if h.Opcode.IsControl() {
				continue
			}
			if string(p) != string(text(muchSizes[i])) || h.Opcode != frame.Binary {
				t.Fatalf("%v: frame %+v, want %d bytes", role, h, muchSizes[i])
			}
			i++
		}
		if err := within(t, "the writer", result); err != nil {
			t.Error(err)
		}
		c.CloseNow()
	}
}

// A peer that keeps the flusher busy with pings does not keep a large Write out.
func TestPingsDoNotStarveALargeWrite(t *testing.T) {
	for name, stream := range map[string]func() (near, far net.Conn){
		"pipe": func() (net.Conn, net.Conn) { return pipes(0) },
		"tcp":  func() (net.Conn, net.Conn) { return smallTCP(t) },
	} {
		t.Run(name, func(t *testing.T) {
			near, far := stream()
			c := New(near, Setup{Role: Server}, quiet())
			defer c.CloseNow()
			defer far.Close()
			go c.Discard(context.Background())
			go func() { // the peer pings without end
				ping := frameOf(Client, true, frame.Ping, "")
				for err := error(nil); err == nil; {
					_, err = far.Write(ping)
				}
			}()
			go func() { // and reads
				in := framesOf(far)
				for err := error(nil); err == nil; {
					_, _, err = in.next()
				}
			}()
			result := make(chan error, 1)
			go func() {
				for range 20 {
					if err := c.Write(context.Background(), Binary, text(20_000)); err != nil {
						result <- err
						return
					}
				}
				result <- nil
			}()
			if err := within(t, "20 large Writes among pings", result); err != nil {
				t.Error(err)
			}
		})
	}
}

// A deadline that is met after some bytes were taken is no reason to stop, and what
// follows is sent from where it stopped.
func TestWriteGoesOnBehindADeadlineThatTookSomething(t *testing.T) {
	for _, took := range []int{1, 9, 10, 11, 5000} {
		near, far := smallTCP(t)
		c := New(near, Setup{Role: Server}, quiet())
		c.wire = &haltingWire{wire: c.wire, took: took}
		result := make(chan error, 1)
		go func() { result <- c.Write(context.Background(), Binary, text(300_000)) }()
		far.SetReadDeadline(time.Now().Add(20 * time.Second))
		if h, p, err := framesOf(far).next(); err != nil || string(p) != string(text(300_000)) {
			t.Errorf("stopped after %d bytes: peer got %+v, %v", took, h, err)
		}
		if err := within(t, "Write", result); err != nil {
			t.Errorf("stopped after %d bytes: Write = %v", took, err)
		}
		c.CloseNow()
	}
}

// haltingWire meets a deadline in its first writev, after some bytes.
type haltingWire struct {
	wire
	took int
}

func (w *haltingWire) writev(head, body []byte) (int, error) {
	if w.took == 0 {
		return w.wire.writev(head, body)
	}
	all := append(append([]byte(nil), head...), body...)
	n, err := w.wire.write(all[:w.took])
	w.took = 0
	return n, errors.Join(err, os.ErrDeadlineExceeded)
}
