package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

// read serves a connection until it ends.
func read(c *conn.Conn) {
	for {
		if _, _, err := c.Read(context.Background()); err != nil {
			return
		}
	}
}

// Checklist: Z3
func TestGroupLimit(t *testing.T) {
	for _, d := range doors {
		synctest.Test(t, func(t *testing.T) {
			g := &Group{Limit: 2}
			var err error
			l := d.open(t, &Options{Group: g}, read, func(e error) { err = e })
			a, b := l.dial().opens(), l.dial().opens()
			synctest.Wait() // the 101 goes out before the connection is made
			if g.Len() != 2 {
				t.Errorf("%s: Len = %d, want 2", d.name, g.Len())
			}
			p := l.dial()
			p.send(request())
			p.refused(http.StatusServiceUnavailable)
			synctest.Wait()
			if broken := (*handshake.Error)(nil); d.name != "Handler" && !errors.As(err, &broken) {
				t.Errorf("%s: error %v, want a *handshake.Error", d.name, err)
			}
			a.nc.Close()
			synctest.Wait()
			if g.Len() != 1 {
				t.Errorf("%s: Len after one has gone = %d, want 1", d.name, g.Len())
			}
			c := l.dial().opens()
			b.nc.Close()
			c.nc.Close()
		})
	}
}

func TestGroupLimitCountsHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{Limit: 1}
		release := make(chan struct{})
		o := &Options{Group: g, Authorize: func(*http.Request, http.Header) error {
			<-release
			return nil
		}}
		for _, d := range doors {
			l := d.open(t, o, read, ignore)
			first, second := l.dial(), l.dial()
			first.send(request())
			synctest.Wait()
			second.send(request())
			second.refused(http.StatusServiceUnavailable)
			release <- struct{}{}
			first.head()
			first.nc.Close()
			synctest.Wait()
		}
	})
}

// from is a connection with another remote address.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.addr)) }

// Checklist: Z3
func TestGroupLimitPerIP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{LimitPerIP: 2}
		open := func(addr string, want int) *peer {
			client, server := wiretest.Pipe(0)
			p := newPeer(t, client)
			p.send(request())
			c, _, err := UpgradeConn(from{server, addr}, &Options{Group: g})
			if err == nil {
				go read(c)
			}
			if got := p.head(); got[9:12] != fmt.Sprint(want) {
				t.Errorf("from %s: %s, want %d", addr, got[9:12], want)
			}
			return p
		}
		a := open("192.0.2.1:1", 101)
		b := open("192.0.2.1:2", 101)
		open("192.0.2.1:3", 429).nc.Close()
		open("[::ffff:192.0.2.1]:4", 429).nc.Close() // the same address, mapped
		c := open("192.0.2.2:1", 101)
		d := open("[2001:db8:0:1::1]:1", 101)
		e := open("[2001:db8:0:1:ffff::2]:1", 101) // the same network of 64 bits
		open("[2001:db8:0:1::3]:1", 429).nc.Close()
		f := open("[2001:db8:0:2::3]:1", 101)
		a.nc.Close()
		synctest.Wait()
		h := open("192.0.2.1:5", 101)
		for _, p := range []*peer{b, c, d, e, f, h} {
			p.nc.Close()
		}
		synctest.Wait()
		if len(g.perIP) != 0 {
			t.Errorf("addresses left behind: %v", g.perIP)
		}
	})
}

func TestNetwork(t *testing.T) {
	for _, test := range []struct{ remote, want string }{
		{"192.0.2.1:80", "192.0.2.1"},
		{"192.0.2.1", "192.0.2.1"}, // middleware may have put it there
		{"[fe80::1%eth0]:80", "fe80::"},
		{"[2001:db8::1]:80", "2001:db8::"},
		{"pipe:client-1", "invalid IP"},
		{"@", "invalid IP"},
		{"", "invalid IP"},
	} {
		if got := network(test.remote).String(); got != test.want {
			t.Errorf("network(%q) = %s, want %s", test.remote, got, test.want)
		}
	}
}

func TestGroupLimitPerIPOfUnixSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := doors[2].open(t, &Options{Group: &Group{LimitPerIP: 1}}, read, ignore)
		a, b := l.dial().opens(), l.dial().opens()
		a.nc.Close()
		b.nc.Close()
	})
}

func TestGroupAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		for range g.All() {
			t.Fatal("an empty group has a member")
		}
		l := doors[1].open(t, &Options{Group: &g}, read, ignore)
		var peers []*peer
		for range 5 {
			peers = append(peers, l.dial().opens())
		}
		synctest.Wait()
		n := 0
		for c := range g.All() {
			n++
			if g.Len() == 5 { // no lock is held
				c.CloseNow()
			}
			synctest.Wait()
		}
		if n != 5 || g.Len() != 4 {
			t.Errorf("All gave %d members, Len = %d; want the 5 at its begin, and then 4", n, g.Len())
		}
		for range g.All() {
			break
		}
		for _, p := range peers {
			p.nc.Close()
		}
	})
}

// Checklist: R9
func TestShutdown(t *testing.T) {
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			synctest.Test(t, func(t *testing.T) {
				var g Group
				var served atomic.Int32
				l := d.open(t, &Options{Group: &g}, func(c *conn.Conn) {
					read(c)
					served.Add(1)
				}, ignore)
				var peers []*peer
				for range 20 {
					peers = append(peers, l.dial().opens())
				}
				down := make(chan error)
				go func() { down <- g.Shutdown(t.Context()) }()
				synctest.Wait()
				late := l.dial()
				late.send(request())
				late.refused(http.StatusServiceUnavailable)
				for _, p := range peers {
					select {
					case err := <-down:
						t.Fatalf("Shutdown = %v before the peers have gone", err)
					default:
					}
					p.endsWith(1001, "")
					synctest.Wait()
				}
				if err := <-down; err != nil || served.Load() != 20 || g.Len() != 0 {
					t.Errorf("Shutdown = %v after %d of 20 served, Len = %d", err, served.Load(), g.Len())
				}
			})
			backTo(t, before)
		})
	}
}

// backTo waits until no more than n goroutines are left: one that is about to exit is still counted.
func backTo(t *testing.T, n int) {
	t.Helper()
	for start := time.Now(); runtime.NumGoroutine() > n; runtime.Gosched() {
		if time.Since(start) > 5*time.Second {
			t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), n)
			return
		}
	}
}

func TestShutdownSaysWhatItIsTold(t *testing.T) {
	for _, test := range []struct {
		group  *Group
		code   conn.CloseCode
		reason string
	}{
		{&Group{ShutdownCode: 1012, ShutdownReason: "new version"}, 1012, "new version"},
		{&Group{ShutdownCode: 1006, ShutdownReason: "x"}, 1001, "x"}, // 1006 may not be sent
	} {
		synctest.Test(t, func(t *testing.T) {
			p := doors[1].open(t, &Options{Group: test.group}, read, ignore).dial().opens()
			go test.group.Shutdown(t.Context())
			p.endsWith(test.code, test.reason)
		})
	}
}

func TestShutdownSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{ShutdownSpread: 10 * time.Second}
		l := doors[1].open(t, &Options{Group: g, Conn: &conn.Options{PingInterval: -1}}, read, ignore)
		start := time.Now()
		told := make(chan time.Duration, 10)
		for range 10 {
			p := l.dial().opens()
			go func() {
				p.closed(1001, "")
				told <- time.Since(start)
				p.send(masked(frame.Close, "\x03\xe9"))
				p.gone()
			}()
		}
		synctest.Wait() // the 101 goes out before the connection is made
		if err := g.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if got, want := <-told, time.Duration(i)*time.Second; got != want {
				t.Errorf("peer %d was told after %v, want %v", i, got, want)
			}
		}
	})
}

// The spreading does not outlast the last connection.
func TestShutdownReturnsWhenNobodyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{ShutdownSpread: time.Hour}
		l := doors[1].open(t, &Options{Group: g}, read, ignore)
		a, b := l.dial().opens(), l.dial().opens()
		start := time.Now()
		down := make(chan error)
		go func() { down <- g.Shutdown(t.Context()) }()
		synctest.Wait()
		a.nc.Close()
		b.nc.Close()
		if err := <-down; err != nil || time.Since(start) != 0 {
			t.Errorf("Shutdown = %v after %v, want at once", err, time.Since(start))
		}
	})
}

func TestShutdownForcesWhenItsContextEnds(t *testing.T) {
	for name, spread := range map[string]time.Duration{"waiting": 0, "spreading": time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			g := &Group{ShutdownSpread: spread}
			o := &Options{Group: g, Conn: &conn.Options{CloseTimeout: time.Hour, PingInterval: -1}}
			l := doors[1].open(t, o, read, ignore)
			a, b := l.dial().opens(), l.dial().opens() // they never answer
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			start := time.Now()
			if err := g.Shutdown(ctx); err != context.DeadlineExceeded || time.Since(start) != 3*time.Second {
				t.Errorf("%s: Shutdown = %v after %v, want DeadlineExceeded after 3 s", name, err, time.Since(start))
			}
			synctest.Wait()
			if g.Len() != 0 {
				t.Errorf("%s: Len = %d after Shutdown was forced", name, g.Len())
			}
			a.nc.Close()
			b.nc.Close()
			if err := g.Shutdown(t.Context()); err != nil {
				t.Errorf("%s: the second Shutdown = %v, want nil", name, err)
			}
		})
	}
}

func TestShutdownWaitsForServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		release := make(chan struct{})
		l := serveHTTP(t, &http.Server{Handler: Handler(func(ctx context.Context, c *conn.Conn, _ *http.Request) error {
			read(c)
			<-release
			return nil
		}, &Options{Group: &g})})
		p := l.dial().opens()
		done := make(chan error)
		for range 2 { // both wait for the same end
			go func() { done <- g.Shutdown(t.Context()) }()
		}
		p.endsWith(1001, "")
		synctest.Wait()
		if g.Len() != 0 {
			t.Errorf("Len = %d, want 0", g.Len())
		}
		select {
		case err := <-done:
			t.Fatalf("Shutdown = %v before serve has returned", err)
		default:
		}
		close(release)
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("Shutdown = %v", err)
			}
		}
	})
}

// A handshake that Shutdown meets half done becomes a connection that is sent away, or closed at once if the time is
// over.
func TestShutdownMeetsAHandshake(t *testing.T) {
	for _, d := range doors {
		for _, forced := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var g Group
				release := make(chan struct{})
				o := &Options{Group: &g, Authorize: func(*http.Request, http.Header) error {
					<-release
					return nil
				}}
				p := d.open(t, o, read, ignore).dial()
				p.send(request())
				synctest.Wait()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				down := make(chan error, 1)
				go func() { down <- g.Shutdown(ctx) }()
				synctest.Wait()
				if forced {
					cancel()
					synctest.Wait()
				}
				close(release)
				p.head()
				if forced {
					p.gone()
				} else {
					p.endsWith(1001, "")
				}
				if err := <-down; (err != nil) != forced {
					t.Errorf("%s, forced %v: Shutdown = %v", d.name, forced, err)
				}
			})
		}
	}
}

func TestShutdownOfAnEmptyGroup(t *testing.T) {
	var g Group
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if err := g.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v, want nil", err)
		}
	}
	// With an ended context either answer is right, but it must come.
	if err := g.Shutdown(ctx); err != nil && err != context.Canceled {
		t.Errorf("Shutdown = %v", err)
	}
}
