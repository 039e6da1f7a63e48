package conn

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// ticking is watched for a connection that somebody has read from.
func ticking(t testing.TB, role Role, w *Wheel) *Conn {
	c, _ := watched(t, role, w, nil)
	c.acquireRead(nil)
	c.releaseRead()
	return c
}

// A connection that nobody reads from is in the list, and has no ticks before somebody
// does, nor when its end was faster.
func TestTicksBeginWithTheFirstRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		a, _ := watched(t, Server, &w, nil)
		b, _ := watched(t, Client, &w, nil)
		if w.timer != nil || w.n != 0 || len(w.Conns()) != 2 {
			t.Errorf("before a read the wheel has timer %v, %d ticking of %d connections", w.timer, w.n, len(w.Conns()))
		}
		go readUntilEnd(a)
		synctest.Wait()
		if w.timer == nil || w.n != 1 || len(w.Conns()) != 2 {
			t.Errorf("with a reader it has timer %v, %d ticking of %d connections", w.timer, w.n, len(w.Conns()))
		}
		b.CloseNow()
		b.beginTicks()
		if w.n != 1 || len(w.Conns()) != 1 {
			t.Errorf("ticks of a connection that has ended: %d ticking of %d", w.n, len(w.Conns()))
		}
		a.CloseNow()
		if w.timer != nil || w.n != 0 || len(w.Conns()) != 0 {
			t.Errorf("in the end it has timer %v, %d ticking of %d connections", w.timer, w.n, len(w.Conns()))
		}
	})
	synctest.Test(t, func(t *testing.T) { // what has come already is read as soon as somebody asks
		var w Wheel
		near, far := wiretest.Pipe(0)
		defer far.Close()
		c := New(near, Setup{Role: Server, Wheel: &w, Buffered: []byte{0x81}}, nil)
		if w.n != 1 {
			t.Errorf("inside a frame %d connections tick, want 1", w.n)
		}
		c.CloseNow()
	})
}

// A wheel that was left and joined again before its timer came has one timer: with
// two it would run at double speed.
func TestWheelKeepsItsPaceWhenItWasEmpty(t *testing.T) {
	for _, gap := range []time.Duration{0, time.Millisecond, wheelTick - 1, wheelTick, wheelTick + 1} {
		synctest.Test(t, func(t *testing.T) {
			var w Wheel
			for range 5 {
				c := ticking(t, Server, &w)
				time.Sleep(gap)
				c.CloseNow()
			}
			c, p := watched(t, Server, &w, nil)
			go readUntilEnd(c)
			start := time.Now()
			p.expectPing()
			if d := time.Since(start); d < 30*time.Second-wheelTick || d > 30*time.Second+wheelTick {
				t.Errorf("with gaps of %v the Ping came after %v, want 30s", gap, d)
			}
		})
	}
}

// The same when the last one leaves, and another joins, while the wheel turns.
func TestWheelKeepsItsPaceWhenItWasEmptyInATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		joined := make(chan *peer)
		o := &Options{OnEnd: func(*Conn, error) {
			c, p := watched(t, Server, &w, nil)
			go readUntilEnd(c)
			joined <- p
		}}
		c, _ := watched(t, Server, &w, o)
		go readUntilEnd(c)
		p := <-joined // a minute later: the first was given up
		start := time.Now()
		p.expectPing()
		if d := time.Since(start); d < 30*time.Second-wheelTick || d > 30*time.Second+wheelTick {
			t.Errorf("the Ping came after %v, want 30s", d)
		}
	})
}

// A timer that fires when it is being stopped finds another in its place.
func TestWheelIgnoresATimerThatCameTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		c := ticking(t, Server, &w)
		late := w.timer
		c.CloseNow()
		ticking(t, Server, &w)
		now, timer := w.now, w.timer
		w.turn(&late)
		if w.now != now || w.timer != timer {
			t.Errorf("the wheel turned from %d to %d and has another timer, want no change", now, w.now)
		}
	})
}

func TestEmptyWheelHasNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		a := ticking(t, Server, &w)
		b := ticking(t, Client, &w)
		if w.timer == nil || w.n != 2 {
			t.Fatalf("wheel has timer %v and %d connections, want a timer and 2", w.timer, w.n)
		}
		a.CloseNow()
		if w.timer == nil || w.n != 1 {
			t.Errorf("wheel has timer %v and %d connections, want a timer and 1", w.timer, w.n)
		}
		b.CloseNow()
		if w.timer != nil || w.n != 0 {
			t.Errorf("wheel has timer %v and %d connections, want none", w.timer, w.n)
		}
		for i, s := range w.slots {
			if s != nil {
				t.Errorf("slot %d is not empty", i)
			}
		}
	})
}

// A Group outlives tests: its wheel goes from one bubble to the next.
func TestWheelGoesFromBubbleToBubble(t *testing.T) {
	var w Wheel
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			for range 2 {
				c, p := watched(t, Server, &w, nil)
				go readUntilEnd(c)
				start := time.Now()
				p.expectPing()
				if d := time.Since(start); d < 30*time.Second-wheelTick || d > 30*time.Second+wheelTick {
					t.Errorf("the Ping came after %v, want 30s", d)
				}
				c.CloseNow()
			}
		})
	}
}

// One wheel serves connections of all periods, that come and go.
func TestOneWheelForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		var all sync.WaitGroup
		var dead atomic.Int64
		const n = 300
		for i := range n {
			all.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(i)))
				time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
				interval := time.Duration(1+r.IntN(120)) * time.Second
				near, far := wiretest.Pipe(0)
				c := New(near, Setup{Wheel: &w}, &Options{PingInterval: interval, PingTimeout: interval})
				p := &peer{t: t, nc: far, role: Client}
				go readUntilEnd(c)
				start := time.Now()
				for range r.IntN(4) { // answer some
					p.message(frame.Pong, p.expectPing())
				}
				switch r.IntN(3) {
				case 0:
					c.CloseNow()
				case 1:
					p.message(frame.Close, "")
				}
				p.expectPingOrEnd()
				<-c.Done()
				if c.Err().(*CloseError).cause == errDead {
					dead.Add(1)
				}
				if d := time.Since(start); d > 10*interval {
					t.Errorf("a connection with an interval of %v ended after %v", interval, d)
				}
				far.Close()
			})
		}
		all.Wait()
		if w.n != 0 || w.timer != nil {
			t.Errorf("wheel has %d connections and timer %v, want none", w.n, w.timer)
		}
		if got := dead.Load(); got < n/5 || got > n/2 {
			t.Errorf("%d of %d died of silence, want about a third", got, n)
		}
	})
}

// expectPingOrEnd reads whatever comes up to the end.
func (p *peer) expectPingOrEnd() {
	for {
		h, body, err := p.next()
		if err != nil {
			return
		}
		if h.Opcode != frame.Ping && h.Opcode != frame.Close {
			p.t.Errorf("peer got %+v %q, want a Ping, a Close or the end", h, body)
		}
	}
}

// A foreign connection whose Close waits holds up nobody else's clock.
func TestWheelDoesNotWaitForAClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		near, far := wiretest.Pipe(0)
		slow := &slowClose{Conn: near, release: make(chan struct{})}
		stuck := New(slow, Setup{Wheel: &w}, nil)
		go readUntilEnd(stuck)
		c, p := watched(t, Server, &w, nil)
		go readUntilEnd(c)
		p.message(frame.Pong, p.expectPing())
		time.Sleep(5 * time.Minute)
		if !errors.Is(c.Err(), errDead) {
			t.Errorf("Err is %v, want that the other connection died in time", c.Err())
		}
		close(slow.release)
		<-stuck.Done()
		far.Close()
	})
}

// slowClose is a connection whose Close waits.
type slowClose struct {
	*wiretest.Conn
	release chan struct{}
}

func (s *slowClose) Close() error {
	<-s.release
	return s.Conn.Close()
}

// A tick may come when its connection is being removed.
func TestWheelIsSafeWhileItTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		o := &Options{PingInterval: time.Second, PingTimeout: time.Second}
		for range 20 {
			var cs []*Conn
			for range 50 {
				c, _ := watched(t, Server, &w, o)
				go readUntilEnd(c)
				cs = append(cs, c)
			}
			time.Sleep(2*time.Second - wheelTick) // all of them are due at the same time
			var all sync.WaitGroup
			for _, c := range cs {
				all.Go(func() { time.Sleep(wheelTick); c.CloseNow() })
			}
			all.Wait()
			for _, c := range cs {
				<-c.Done() // a tick may have been faster and not be through
			}
			if w.n != 0 {
				t.Fatalf("wheel has %d connections, want none", w.n)
			}
		}
	})
}

func BenchmarkWheel(b *testing.B) {
	var w Wheel
	const n = 10_000
	for range n {
		near, far := wiretest.Pipe(0)
		c := New(near, Setup{Wheel: &w}, nil)
		c.acquireRead(nil)
		c.releaseRead()
		b.Cleanup(func() { c.CloseNow(); far.Close() })
	}
	b.Run("turn of 10000", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			w.turn(&w.timer)
		}
	})
	b.Run("join and leave", func(b *testing.B) {
		b.ReportAllocs()
		near, far := wiretest.Pipe(0)
		defer far.Close()
		c := New(near, Setup{}, nil) // it has a timer of its own besides
		defer c.CloseNow()
		for range b.N {
			w.add(c, true)
			w.remove(c)
		}
	})
}
