package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A meter counts what runs at the same time.
type meter struct{ now, most atomic.Int64 }

func (m *meter) enter() {
	n := m.now.Add(1)
	for most := m.most.Load(); n > most && !m.most.CompareAndSwap(most, n); most = m.most.Load() {
	}
}

func (m *meter) leave() { m.now.Add(-1) }

// Fifty dials at once, and the listener never sees two half-done handshakes.
//
// Checklist: C1
func TestGateOverTCP(t *testing.T) {
	for name, gate := range map[string]*Gate{"gate": {}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			const dials = 50
			l := listenTCP(t)
			var m meter
			all := make(chan struct{}) // closed when all are there at once
			ready := sync.OnceFunc(func() { close(all) })
			serveTCP(t, l, func(p *peer) {
				m.enter()
				if r := p.request(); r != nil {
					if gate == nil {
						if m.now.Load() == dials {
							ready()
						}
						<-all
					}
					m.leave() // before the answer, with which the client lets the next one in
					p.say(switching(r.Key, ""))
					p.drain()
				}
			})
			o := &Options{Gate: gate}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			var wait sync.WaitGroup
			for i := range dials {
				wait.Go(func() {
					// The name and the IP are one address.
					host := [...]string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"}[i%3]
					if gate == nil {
						host = "127.0.0.1"
					}
					c, err := Dial(t.Context(), "ws://"+host+":"+port+"/", o)
					if err != nil {
						t.Error(err)
						return
					}
					c.CloseNow()
				})
			}
			wait.Wait()
			if want := map[string]int64{"gate": 1, "none": dials}[name]; m.most.Load() != want {
				t.Errorf("%d handshakes at a time, want %d", m.most.Load(), want)
			}
			if gate != nil && len(gate.slots) != 0 {
				t.Errorf("%d slots are left", len(gate.slots))
			}
		})
	}
}

// A handshake holds its place until it has succeeded or failed, and waiting counts only against the context: with a
// second each, the last of fifty takes fifty seconds and is not late.
//
// Checklist: C1
func TestGateWaitsWithTheContextAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		w := newWorld(t, func(p *peer, i int) {
			m.enter()
			r := p.request()
			time.Sleep(time.Second) // virtual
			m.leave()
			switch i % 3 {
			case 0:
				p.say(switching(r.Key, ""))
				p.drain()
			case 1:
				p.say("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
			}
		})
		o := w.options()
		o.Gate = new(Gate)
		begin := time.Now()
		var opened atomic.Int64
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				c, err := Dial(t.Context(), "ws://h/", o)
				if errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				} else if err == nil {
					opened.Add(1)
					c.CloseNow()
				}
			})
		}
		wait.Wait()
		if took := time.Since(begin); m.most.Load() != 1 || took != 50*time.Second || opened.Load() != 17 {
			t.Errorf("%d at a time, %d opened in %v; want 1, 17 in 50 s", m.most.Load(), opened.Load(), took)
		}
	})
}

// To names at most sixteen handshakes go at a time, one to each.
//
// Checklist: C1
func TestGateForNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		w := newWorld(t, func(p *peer, _ int) {
			m.enter()
			p.head()
			time.Sleep(time.Second) // virtual
			m.leave()
		})
		o := w.options()
		o.Gate = new(Gate)
		o.Proxy = through("http://proxy")
		begin := time.Now()
		var wait sync.WaitGroup
		for i := range 40 {
			wait.Go(func() { Dial(t.Context(), fmt.Sprintf("ws://h%d/", i), o) })
		}
		wait.Wait()
		if took := time.Since(begin); m.most.Load() != 16 || took != 3*time.Second {
			t.Errorf("%d at a time, all in %v; want 16, 3 s", m.most.Load(), took)
		}
	})
}

// Who gives up leaves the queue and nothing behind.
//
// Checklist: C1
func TestGateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		leave, err := g.enter(t.Context(), "127.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		e := mustFail(t, ctx, "ws://127.0.0.1/", &Options{Gate: &g}, 0, "waiting for other handshakes")
		if !errors.Is(e, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("Dial = %v after %v", e, time.Since(begin))
		}
		leave()
		if len(g.slots) != 0 {
			t.Errorf("%d slots are left", len(g.slots))
		}

		// The same with a name, and with all places for names taken.
		o := &Options{Gate: &g, Proxy: through("socks5://p")}
		var leaves []func()
		for i := range maxNamed {
			leave, err := g.enterName(t.Context(), fmt.Sprintf("h%d:80", i))
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		for _, host := range []string{"h0", "new"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			mustFail(t, ctx, "ws://"+host+"/", o, 0, "waiting for other handshakes")
		}
		if n := len(g.slots); n != maxNamed+1 {
			t.Errorf("%d slots, want %d", n, maxNamed+1)
		}
		for _, leave := range leaves {
			leave()
		}
		if len(g.slots) != 0 {
			t.Errorf("%d slots are left", len(g.slots))
		}
	})
}

// A name's addresses are tried in order; one that is silent takes its share of the time and no more.
//
// Checklist: C1, C16
func TestGateTriesAllAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		var dialed []string
		d := &dialing{left: 9 * time.Second, o: &Options{Gate: &g, DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			dialed = append(dialed, addr)
			if addr == "192.0.2.3:80" {
				return newAddressWorld(t).DialContext(ctx, "tcp", addr)
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}}}
		addrs := []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("::ffff:192.0.2.2"), netip.MustParseAddr("192.0.2.3")}
		begin := time.Now()
		nc, leave, err := d.openEach(t.Context(), addrs, "80")
		if err != nil || fmt.Sprint(dialed) != "[[2001:db8::1]:80 192.0.2.2:80 192.0.2.3:80]" || time.Since(begin) != 6*time.Second {
			t.Fatalf("openEach = %v after %v, dialed %v", err, time.Since(begin), dialed)
		}
		if len(g.slots) != 1 {
			t.Errorf("%d slots are held, want that of the last address", len(g.slots))
		}
		leave()
		nc.Close()
		if _, _, err := d.openEach(t.Context(), addrs[:2], "80"); !errors.Is(err, context.DeadlineExceeded) || len(g.slots) != 0 {
			t.Errorf("openEach = %v, %d slots left", err, len(g.slots))
		}
	})
}

func newAddressWorld(t *testing.T) *world { return newWorld(t, func(p *peer, _ int) { p.drain() }) }

// A name that has no address is an error, with a Gate too.
func TestGateLookupFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := mustFail(t, ctx, "ws://name.invalid/", &Options{Gate: new(Gate)}, 0, `connecting to "name.invalid"`)
	if !errors.Is(e, context.Canceled) {
		t.Errorf("%v does not unwrap to context.Canceled", e)
	}
}
