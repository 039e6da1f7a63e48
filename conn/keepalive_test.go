package conn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// watched returns a connection that is watched by its own timer, or by a wheel.
func watched(t testing.TB, role Role, w *Wheel, o *Options) (*Conn, *peer) {
	near, far := wiretest.Pipe(0)
	c := New(near, Setup{Role: role, Wheel: w}, o)
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	return c, &peer{t: t, nc: far, role: 1 - role}
}

// byTimerAndWheel runs f in both roles, with an own timer (nil) and with a wheel.
func byTimerAndWheel(t *testing.T, f func(t *testing.T, role Role, w *Wheel)) {
	t.Run("timer", func(t *testing.T) {
		inBothRoles(t, func(t *testing.T, role Role) { f(t, role, nil) })
	})
	t.Run("wheel", func(t *testing.T) {
		inBothRoles(t, func(t *testing.T, role Role) { f(t, role, new(Wheel)) })
	})
}

// secondsUntilPing reads the next Ping and says when it came.
func (p *peer) secondsUntilPing() float64 {
	p.t.Helper()
	start := time.Now()
	p.expectPing()
	return time.Since(start).Seconds()
}

func TestKeepalivePingsAndGivesUpExactly(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, nil)
		read := later(func() error { return readOnce(context.Background(), c) })
		if got := p.secondsUntilPing(); got != 30 {
			t.Errorf("the Ping came after %vs of silence, want 30s", got)
		}
		got := <-read
		if !errors.Is(got.err, errDead) || got.after != time.Minute {
			t.Errorf("Read returned %v after %v, want %v after 1m0s", got.err, got.after, errDead)
		}
		wantEnd(t, c, true)
		if e := closeError(t, c.Err()); e.Code != CloseAbnormal || e.Remote {
			t.Errorf("Err is %+v, want that this side gave up", *e)
		}
		p.expectEnd()
	})
}

// A byte at any time puts the Ping off to between 30 and 37.5 s after it.
func TestAnyByteIsASignOfLife(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		for _, at := range []time.Duration{0, 1, 7499, 7501, 22499, 22501, 29999} {
			c, p := watched(t, role, w, &Options{MinProgress: -1})
			go readUntilEnd(c)
			start := time.Now()
			time.Sleep(at * time.Millisecond)
			p.send(p.frame(true, frame.Text, "x")[:1]) // one byte is enough
			life := time.Now()
			p.expectPing()
			if d := time.Since(life); d < 30*time.Second-wheelTick || d > 37500*time.Millisecond {
				t.Errorf("with a byte at %v the Ping came %v after it, want 30s to 37.5s", life.Sub(start), d)
			}
			sent := time.Now()
			<-c.Done()
			if d := time.Since(sent); d != 30*time.Second {
				t.Errorf("the end came %v after the Ping, want 30s", d)
			}
		}
	})
}

func TestSilentPeerThatAnswersPingsLivesOn(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, nil)
		read := later(func() error { return readOnce(context.Background(), c) })
		start := time.Now()
		pings := 0
		for time.Since(start) < 6*time.Hour {
			body := p.expectPing()
			pings++
			time.Sleep(29 * time.Second) // a peer in no hurry
			p.message(frame.Pong, body)
		}
		if pings < 300 || pings > 400 {
			t.Errorf("%d pings in six hours, want one in a minute or so", pings)
		}
		synctest.Wait()
		if n := openPings(c); n != 0 {
			t.Errorf("%d pings are kept, want none", n)
		}
		p.message(frame.Text, "good morning")
		if got := <-read; got.err != nil {
			t.Errorf("Read returned %v, want the message", got.err)
		}
	})
}

// A peer that answers with data and never with a Pong is alive, and costs nothing.
func TestPingsThatNobodyAnswersDoNotPileUp(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, nil)
		go readUntilEnd(c)
		for range 100 {
			p.expectPing()
			p.message(frame.Text, "x")
		}
		if n := openPings(c); n > 1 {
			t.Errorf("%d pings are kept, want 1", n)
		}
	})
}

func TestSilenceCountsOnlyWhileSomebodyReads(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, nil)
		time.Sleep(time.Hour)
		if n := p.nc.Buffered(); n != 0 {
			t.Fatalf("%d bytes were sent while nobody reads, want none", n)
		}
		// The peer is not to blame for what lay unread, nor for a break of ours.
		p.message(frame.Text, "x")
		for range 10 {
			if err := readOnce(context.Background(), c); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			p.message(frame.Text, "x")
		}
		wantEnd(t, c, false)
	})
}

// Checklist: L6
func TestNoKeepalivePingBehindOurClose(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, &Options{CloseTimeout: 50 * time.Second})
		go readUntilEnd(c)
		c.BeginClose(CloseNormal, "")
		p.expectClose(CloseNormal)
		p.expectEnd() // 50 s later
		wantEnd(t, c, true)
	})
}

func TestKeepaliveCanBeTurnedOff(t *testing.T) {
	tests := []struct {
		name  string
		o     Options
		pings int  // in ten minutes
		ends  bool // of silence
	}{
		{"all", Options{PingInterval: -1, MinProgress: -1}, 0, false},
		{"pings", Options{PingInterval: -1}, 0, false},
		{"pings, with a timeout", Options{PingInterval: -1, PingTimeout: time.Second}, 0, false},
		{"death", Options{PingTimeout: -1}, 20, false},
		{"progress", Options{MinProgress: -1}, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
				c, p := watched(t, role, w, &tt.o)
				go readUntilEnd(c)
				pings := 0
				p.nc.SetReadDeadline(time.Now().Add(10*time.Minute + time.Second))
				for {
					if _, _, err := p.next(); err != nil {
						break
					}
					pings++
				}
				wantEnd(t, c, tt.ends)
				if pings != tt.pings {
					t.Errorf("%d pings in ten minutes, want %d", pings, tt.pings)
				}
			})
		})
	}
}

func TestNothingToWatchNeedsNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(Wheel)
		c, _ := watched(t, Server, w, quiet())
		if c.keep.own != nil || c.keep.wheel != nil || w.timer != nil || w.n != 0 {
			t.Error("a connection without a keepalive has a timer")
		}
	})
}

func TestShortAndOddIntervals(t *testing.T) {
	tests := []struct{ interval, timeout time.Duration }{
		{time.Second, time.Second},
		{100 * time.Millisecond, 50 * time.Millisecond}, // below a wheel's tick
		{time.Second, 10 * time.Second},
		{10 * time.Second, time.Second},
		{28 * time.Second, 28 * time.Second},
		{7 * time.Minute, 3 * time.Minute},
		{1300 * time.Millisecond, 900 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.interval, "+", tt.timeout), func(t *testing.T) {
			byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
				c, p := watched(t, role, w, &Options{PingInterval: tt.interval, PingTimeout: tt.timeout, MinProgress: -1})
				go readUntilEnd(c)
				start := time.Now()
				p.expectPing()
				slack := max(tt.interval/ticksPerInterval, wheelTick)
				if d := time.Since(start); d < tt.interval-wheelTick || d > tt.interval+slack {
					t.Errorf("the Ping came after %v, want %v to %v", d, tt.interval, tt.interval+slack)
				}
				start = time.Now()
				<-c.Done()
				slack = max(min(tt.interval, tt.timeout)/ticksPerInterval, wheelTick)
				if d := time.Since(start); d < tt.timeout-slack || d > tt.timeout+slack {
					t.Errorf("the end came %v after the Ping, want %v", d, tt.timeout)
				}
			})
		})
	}
}

// A Ping cannot leave, and its Pong not come, while a large message is on its way
// to a slow but honest peer.
func TestSlowButSteadyPeerIsNotDead(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, nil)
		read := later(func() error { return readOnce(context.Background(), c) })
		written := later(func() error { return c.Write(context.Background(), Binary, make([]byte, 4<<20)) })
		start := time.Now()
		for p.nc.BytesRead() < 4<<20 {
			time.Sleep(time.Second)
			p.nc.Read(make([]byte, 16<<10))
		}
		if d := time.Since(start); d < 2*(defaultPingInterval+defaultPingTimeout) {
			t.Fatalf("the message took %v, want it longer than the keepalive's patience", d)
		}
		if got := <-written; got.err != nil {
			t.Errorf("Write returned %v, want nil", got.err)
		}
		wantEnd(t, c, false)
		c.CloseNow()
		<-read
	})
}

// One that takes nothing is gone after the write timeout and the close timeout.
func TestStuckPeerIsGone(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, nil)
		go readUntilEnd(c)
		p.nc.Stall(true)
		start := time.Now()
		err := c.Write(context.Background(), Binary, make([]byte, 1<<20))
		if !errors.Is(err, errStuck) || time.Since(start) != defaultWriteTimeout {
			t.Errorf("Write returned %v after %v, want %v after %v", err, time.Since(start), errStuck, defaultWriteTimeout)
		}
		<-c.Done()
		if d := time.Since(start); d != defaultWriteTimeout+defaultCloseTimeout {
			t.Errorf("the end came after %v, want %v", d, defaultWriteTimeout+defaultCloseTimeout)
		}
	})
}

// drip lets the peer send an endless message, n bytes every interval, until it
// fails, and returns when that was.
func (p *peer) drip(n int, interval, most time.Duration) time.Duration {
	time.Sleep(100 * time.Millisecond) // so that no byte comes with a sample
	start := time.Now()
	p.send(p.frame(false, frame.Binary, ""))
	h := frame.Header{Opcode: frame.Continuation, Masked: p.role == Client, Length: 1 << 19}
	p.send(h.Append(nil))
	piece := make([]byte, n)
	for time.Since(start) < most {
		if _, err := p.nc.Write(piece); err != nil {
			return time.Since(start)
		}
		time.Sleep(interval)
	}
	return 0
}

func TestProgressOfAnUnfinishedMessage(t *testing.T) {
	tests := []struct {
		name     string
		n        int
		interval time.Duration
		cut      bool
	}{
		{"1 byte a second", 1, time.Second, true},
		{"10 bytes a second", 10, time.Second, true},
		{"25 bytes a second", 25, time.Second, true},
		{"36 bytes a second", 36, time.Second, false},
		{"100 bytes a second", 100, time.Second, false},
		{"1 KiB every 29 seconds", 1 << 10, 29 * time.Second, false},
		{"1 KiB every 61 seconds", 1 << 10, 61 * time.Second, true},
	}
	for _, tt := range tests {
		for _, interval := range []time.Duration{-1, time.Second, 28 * time.Second, 30 * time.Second, 10 * time.Minute} {
			t.Run(fmt.Sprintf("%s, pings %v", tt.name, interval), func(t *testing.T) {
				byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
					c, p := watched(t, role, w, &Options{PingInterval: interval, PingTimeout: time.Hour})
					read := later(func() error { return readOnce(context.Background(), c) })
					go func() { // pings are of no interest here
						for {
							if _, _, err := p.next(); err != nil {
								return
							}
						}
					}()
					at := p.drip(tt.n, tt.interval, 10*time.Minute)
					if (at != 0) != tt.cut {
						t.Errorf("the drip was cut after %v (0: not), want cut %v", at, tt.cut)
					}
					if got := tt.interval; tt.cut && got == time.Second && (at < 30*time.Second || at > 46*time.Second) {
						t.Errorf("the drip was cut after %v, want 30s and one or two samples", at)
					}
					if !tt.cut {
						c.CloseNow()
					}
					if got := <-read; tt.cut && !errors.Is(got.err, errNoProgress) {
						t.Errorf("Read returned %v, want %v", got.err, errNoProgress)
					}
				})
			})
		}
	}
}

// A message that stops altogether is found as well, though its peer answers pings.
func TestStalledMessageIsCutThoughPingsAreAnswered(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, &Options{PingInterval: 10 * time.Second})
		read := later(func() error { return readOnce(context.Background(), c) })
		p.send(p.frame(false, frame.Text, "begun"))
		p.message(frame.Pong, p.expectPing())
		p.message(frame.Pong, p.expectPing())
		if got := <-read; !errors.Is(got.err, errNoProgress) || got.after > 46*time.Second {
			t.Errorf("Read returned %v after %v, want %v after about 30s", got.err, got.after, errNoProgress)
		}
	})
}

func TestHonestPeersMakeProgress(t *testing.T) {
	peers := map[string]func(c *Conn, p *peer){
		// Each is short of 1 KiB and whole.
		"small messages": func(c *Conn, p *peer) {
			for range 600 {
				p.message(frame.Text, "tick")
				time.Sleep(time.Second)
			}
		},
		"small messages in two parts": func(c *Conn, p *peer) {
			for range 300 {
				p.send(p.frame(false, frame.Text, "ti"))
				time.Sleep(time.Second)
				p.send(p.frame(true, frame.Continuation, "ck"))
				time.Sleep(time.Second)
			}
		},
		"messages that lie between two samples": func(c *Conn, p *peer) {
			for range 60 {
				time.Sleep(3 * time.Second)
				p.send(p.frame(false, frame.Text, "ti"))
				time.Sleep(9 * time.Second)
				p.send(p.frame(true, frame.Continuation, "ck"))
			}
		},
	}
	for name, talk := range peers {
		t.Run(name, func(t *testing.T) {
			byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
				c, p := watched(t, role, w, nil)
				go readUntilEnd(c)
				talk(c, p)
				wantEnd(t, c, false)
			})
		})
	}
}

// Nobody waits for the rest of a message between the calls of a slow reader.
func TestProgressCountsOnlyWhileARead(t *testing.T) {
	byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
		c, p := watched(t, role, w, nil)
		p.send(p.frame(false, frame.Binary, strings.Repeat("x", 40)))
		_, r, err := c.Reader(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			if _, err := r.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		wantEnd(t, c, false)
	})
}
