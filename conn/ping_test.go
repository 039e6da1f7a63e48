package conn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

// pinged is what a Ping in a goroutine of its own came to, and when.
type pinged struct {
	rtt   time.Duration
	err   error
	after time.Duration
}

func startPing(ctx context.Context, c *Conn) chan pinged {
	start, ch := time.Now(), make(chan pinged, 1)
	go func() {
		rtt, err := c.Ping(ctx)
		ch <- pinged{rtt: rtt, err: err, after: time.Since(start)}
	}()
	synctest.Wait()
	return ch
}

// openPings is how many of our Pings were not answered yet.
func openPings(c *Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wr.rare == nil {
		return 0
	}
	return len(c.wr.rare.pings)
}

// expectPing reads a Ping and returns what it carries.
func (p *peer) expectPing() string {
	p.t.Helper()
	h, body, err := p.next()
	if err != nil || h.Opcode != frame.Ping {
		p.t.Fatalf("peer got %+v %q, %v; want a Ping", h, body, err)
	}
	return body
}

// Whoever reads, or nobody, the time between Ping and Pong is what Ping returns.
//
// Checklist: N4
func TestPingMeasuresTheRoundTrip(t *testing.T) {
	readers := map[string]func(c *Conn, p *peer){
		"nobody reads":    func(c *Conn, p *peer) {},
		"a Read waits":    func(c *Conn, p *peer) { go readOnce(context.Background(), c) },
		"a Discard waits": func(c *Conn, p *peer) { go c.Discard(context.Background()) },
		"a loop runs": func(c *Conn, p *peer) {
			go func() {
				for range c.Messages(context.Background()) {
				}
			}()
		},
		"behind a Read that was canceled": func(c *Conn, p *peer) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			readOnce(ctx, c)
		},
		"between two fragments": func(c *Conn, p *peer) {
			p.send(p.frame(false, frame.Text, "x"))
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			readOnce(ctx, c)
		},
		"inside a Messages body": func(c *Conn, p *peer) {
			p.message(frame.Text, "x")
			for range c.Messages(context.Background()) {
				break
			}
		},
	}
	for name, read := range readers {
		t.Run(name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				read(c, p)
				synctest.Wait()
				result := startPing(context.Background(), c)
				body := p.expectPing()
				time.Sleep(70 * time.Millisecond)
				p.message(frame.Pong, body)
				got := <-result
				if want := 70 * time.Millisecond; got.err != nil || got.rtt != want || got.after != want {
					t.Errorf("Ping returned %v, %v after %v; want %v", got.rtt, got.err, got.after, want)
				}
				if rtt := c.Stats().RTT; rtt != got.rtt {
					t.Errorf("Stats say %v, want %v", rtt, got.rtt)
				}
			})
		})
	}
}

// Checklist: N4
func TestPongAnswersEveryPingBeforeIt(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		var results []chan pinged
		var bodies []string
		for range 10 {
			results = append(results, startPing(context.Background(), c))
			bodies = append(bodies, p.expectPing())
			time.Sleep(time.Second)
		}
		p.message(frame.Pong, bodies[6]) // answers seven
		for i, result := range results[:7] {
			if got, want := <-result, time.Duration(10-i)*time.Second; got.err != nil || got.rtt != want {
				t.Errorf("Ping %d returned %v, %v; want %v", i, got.rtt, got.err, want)
			}
		}
		p.message(frame.Pong, bodies[2]) // answers nothing any more
		p.message(frame.Pong, bodies[9])
		for i, result := range results[7:] {
			if got := <-result; got.err != nil {
				t.Errorf("Ping %d returned %v, want nil", 7+i, got.err)
			}
		}
		if n := openPings(c); n != 0 {
			t.Errorf("%d pings are kept, want none", n)
		}
	})
}

// Checklist: N5
func TestBogusPongsAnswerNoPing(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		p.message(frame.Pong, "unasked")
		p.message(frame.Pong, "")
		p.message(frame.Pong, "\x00\x00\x00\x00\x00\x00\x00\x01") // of a Ping to come
		go c.Discard(context.Background())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		result := startPing(ctx, c)
		body := p.expectPing()
		for _, bogus := range []string{"", "x", body[:7], body + "x", strings.Repeat("x", 125),
			"\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x02", "\xff\xff\xff\xff\xff\xff\xff\xff"} {
			p.message(frame.Pong, bogus)
		}
		p.expectNothing() // RFC 6455, section 5.5.3: no response to an unsolicited Pong
		select {
		case got := <-result:
			t.Errorf("Ping returned %+v, want that it waits", got)
		default:
		}
		p.message(frame.Pong, body)
		if got := <-result; got.err != nil {
			t.Errorf("Ping returned %v, want nil", got.err)
		}
	})
}

func TestConcurrentPings(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		go func() {
			for i := 0; ; i++ {
				h, body, err := p.next()
				if err != nil {
					return
				}
				if h.Opcode == frame.Ping {
					p.nc.Write(p.frame(true, frame.Pong, body))
				}
				if i%10 == 0 {
					p.nc.Write(p.frame(true, frame.Text, "data between"))
				}
			}
		}()
		var all sync.WaitGroup
		reading, stop := context.WithCancel(context.Background())
		go c.Discard(reading)
		for range 50 {
			all.Go(func() {
				for range 10 {
					if _, err := c.Ping(context.Background()); err != nil {
						t.Errorf("Ping returned %v, want nil", err)
					}
				}
			})
		}
		all.Wait()
		stop()
		if n := openPings(c); n != 0 {
			t.Errorf("%d pings are kept, want none", n)
		}
	})
}

// Behind data that nobody reads a Ping gives up, alone, and takes none of it.
func TestPingBehindDataThatNobodyReads(t *testing.T) {
	before := map[string]func(c *Conn, p *peer){
		"a message": func(c *Conn, p *peer) { p.message(frame.Text, "whole") },
		"the rest of a message": func(c *Conn, p *peer) {
			p.send(p.frame(false, frame.Text, "wh"))
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			readOnce(ctx, c)
			p.send(p.frame(true, frame.Continuation, "ole"))
		},
	}
	for name, prepare := range before {
		t.Run(name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				prepare(c, p)
				go func() {
					for {
						h, body, err := p.next()
						if err != nil {
							return
						}
						if h.Opcode == frame.Ping {
							p.nc.Write(p.frame(true, frame.Pong, body))
						}
					}
				}()
				forever := startPing(context.Background(), c)
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				short := startPing(ctx, c)
				if got := <-short; !errors.Is(got.err, context.DeadlineExceeded) || got.after != time.Second {
					t.Errorf("Ping with a context returned %v after %v, want its deadline", got.err, got.after)
				}
				if got := <-forever; got.err != errPingLate || got.after != pongPatience {
					t.Errorf("Ping returned %v after %v, want %v after %v", got.err, got.after, errPingLate, pongPatience)
				}
				if n := openPings(c); n != 0 {
					t.Errorf("%d pings are kept, want none", n)
				}
				// The connection goes on, and so does a Ping as soon as somebody reads.
				late := startPing(context.Background(), c)
				time.Sleep(time.Second)
				if _, b, err := c.Read(context.Background()); string(b) != "whole" || err != nil {
					t.Errorf("Read returned %q, %v; want the message", b, err)
				}
				go c.Discard(context.Background())
				if got := <-late; got.err != nil || got.after != time.Second {
					t.Errorf("Ping returned %v after %v, want nil after 1s", got.err, got.after)
				}
			})
		})
	}
}

// The turn that a Ping gave back is there for the one who reads the data.
func TestPingThatMeetsDataLetsARead(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		result := startPing(context.Background(), c)
		body := p.expectPing()
		read := later(func() error { return readOnce(context.Background(), c) }) // behind the Ping
		synctest.Wait()
		p.message(frame.Text, "data")
		if got := <-read; got.err != nil {
			t.Errorf("Read returned %v, want the message", got.err)
		}
		again := later(func() error { return readOnce(context.Background(), c) })
		p.message(frame.Pong, body)
		if got := <-result; got.err != nil {
			t.Errorf("Ping returned %v, want nil", got.err)
		}
		p.message(frame.Text, "more")
		if got := <-again; got.err != nil {
			t.Errorf("Read returned %v, want the next message", got.err)
		}
	})
}

func TestPingAtTheEnd(t *testing.T) {
	ends := map[string]struct {
		do   func(c *Conn, p *peer)
		want func(err error) bool
	}{
		"peer closes":    {func(c *Conn, p *peer) { p.message(frame.Close, closePayload(4001, "")) }, isClose(4001)},
		"stream ends":    {func(c *Conn, p *peer) { p.nc.CloseWrite() }, isClose(CloseAbnormal)},
		"stream resets":  {func(c *Conn, p *peer) { p.nc.Reset() }, isClose(CloseAbnormal)},
		"a rule breaks":  {func(c *Conn, p *peer) { p.send([]byte{0x83, 0}) }, isClose(CloseAbnormal)},
		"CloseNow":       {func(c *Conn, p *peer) { c.CloseNow() }, func(err error) bool { return errors.Is(err, ErrClosed) }},
		"Close":          {func(c *Conn, p *peer) { go p.answer(); c.Close() }, isClose(CloseNormal)},
		"Close, no pong": {func(c *Conn, p *peer) { c.Close() }, func(err error) bool { return errors.Is(err, errNoClose) }},
	}
	for name, end := range ends {
		for _, reader := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reader %v", name, reader), func(t *testing.T) {
				inBothRoles(t, func(t *testing.T, role Role) {
					c, p := newPeer(t, role, quiet())
					if reader {
						go readUntilEnd(c)
						synctest.Wait()
					}
					first, second := startPing(context.Background(), c), startPing(context.Background(), c)
					end.do(c, p)
					for _, result := range []chan pinged{first, second} {
						if got := <-result; !end.want(got.err) {
							t.Errorf("Ping returned %v", got.err)
						}
					}
					<-c.Done()
					if _, err := c.Ping(context.Background()); !end.want(err) {
						t.Errorf("a late Ping returned %v", err)
					}
				})
			})
		}
	}
}

func isClose(code CloseCode) func(error) bool {
	return func(err error) bool {
		var e *CloseError
		return errors.As(err, &e) && e.Code == code
	}
}

// Close discards data and passes Pongs.
func TestPingIsAnsweredWhileCloseDiscards(t *testing.T) {
	for _, reader := range []bool{false, true} {
		inBothRoles(t, func(t *testing.T, role Role) {
			c, p := newPeer(t, role, quiet())
			if reader {
				go readOnce(context.Background(), c)
				synctest.Wait()
			}
			result := startPing(context.Background(), c)
			body := p.expectPing()
			closed := later(c.Close)
			p.expectClose(CloseNormal)
			p.message(frame.Text, "discarded")
			time.Sleep(time.Second)
			p.message(frame.Pong, body)
			if got := <-result; got.err != nil || got.after != time.Second {
				t.Errorf("reader %v: Ping returned %v after %v, want its Pong after 1s", reader, got.err, got.after)
			}
			if _, err := c.Ping(context.Background()); !errors.Is(err, ErrClosed) {
				t.Errorf("Ping behind our Close returned %v, want ErrClosed", err)
			}
			p.message(frame.Close, closePayload(CloseNormal, ""))
			p.nc.Close()
			if got := <-closed; got.err != nil {
				t.Errorf("Close returned %v, want nil", got.err)
			}
		})
	}
}

func TestPingWithAnEndedContextSendsNothing(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := c.Ping(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Ping returned %v, want its context's error", err)
		}
		p.expectNothing()
	})
}

// A Ping that nobody waits for any more is forgotten at once, in the line for the
// read turn as well as reading itself.
func TestCanceledPingIsForgotten(t *testing.T) {
	for _, reader := range []bool{false, true} {
		inBothRoles(t, func(t *testing.T, role Role) {
			c, p := newPeer(t, role, quiet())
			if reader {
				go readUntilEnd(c)
				synctest.Wait()
			}
			for range 100 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				if _, err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("Ping returned %v, want its deadline", err)
				}
				cancel()
			}
			if n := openPings(c); n != 0 {
				t.Errorf("%d pings are kept, want none", n)
			}
			// And does not stand in anybody's way.
			p.message(frame.Text, "x")
			if !reader {
				if err := readOnce(context.Background(), c); err != nil {
					t.Errorf("Read returned %v, want the message", err)
				}
			}
		})
	}
}
