package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

func TestUpgradeConnReturnsTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wiretest.Pipe(0)
		p := newPeer(t, client)
		p.send(request("Cookie: a=b", "Sec-WebSocket-Protocol: x, y"))
		c, r, err := UpgradeConn(server, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(r.Target, " ", r.Host, " ", r.Header["Cookie"], " ", r.Protocols, " ", r.Key)
		if want := "/chat?room=1 example.com [a=b] [x y] " + sampleKey; got != want {
			t.Errorf("request = %s, want %s", got, want)
		}
		if c.Subprotocol() != "" {
			t.Errorf("Subprotocol = %q, want none", c.Subprotocol())
		}
		p.head()
		c.CloseNow()
		p.gone()
	})
}

// Checklist: S17
func TestRawHeadIsBounded(t *testing.T) {
	for _, test := range []struct {
		name   string
		head   string
		status int
	}{
		{"total", request(slicesOf(30, "X: "+strings.Repeat("x", 2000))...), 431},
		{"lines", request(slicesOf(101, "X: y")...), 431},
		{"line", request("X: " + strings.Repeat("x", 9000)), 431},
		{"name", request(strings.Repeat("x", 9000) + ": y"), 431},
		{"target", without("GET", "GET /"+strings.Repeat("x", 9000)+" HTTP/1.1"), 414},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := doors[2].open(t, nil, never(t), ignore).dial()
				p.send(test.head)
				p.refused(test.status)
			})
		})
	}
}

func slicesOf(n int, s string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// Checklist: S17
func TestHeadOfNetHTTPIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHTTP(t, &http.Server{Handler: Handler(nil, nil), MaxHeaderBytes: 16 << 10})
		p := l.dial()
		go io.WriteString(p.nc, request(slicesOf(30, "X: "+strings.Repeat("x", 2000))...))
		r, err := http.ReadResponse(p.in, nil)
		if err != nil || r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("response = %v, %v; want 431", r, err)
		}
		p.nc.Close()
		<-time.After(time.Second) // net/http waits a little before it closes
	})
}

// What a flooding client still sends is read for a while, so that no reset overtakes the refusal, but not for ever.
func TestRefusalReachesAClientThatGoesOnSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wiretest.Pipe(4 << 10)
		failed := make(chan error)
		go func() {
			_, _, err := UpgradeConn(server, nil)
			failed <- err
		}()
		sent := make(chan error)
		go func() {
			_, err := io.Copy(client, io.MultiReader(strings.NewReader(request()[:50]), zeros{'x'}))
			sent <- err
		}()
		r, err := http.ReadResponse(newPeer(t, client).in, nil)
		if err != nil || r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Fatalf("response = %v, %v; want 431", r, err)
		}
		var broken *handshake.Error
		if err := <-failed; !errors.As(err, &broken) || broken.Status != 431 {
			t.Errorf("UpgradeConn = %v, want a *handshake.Error with status 431", err)
		}
		if err := <-sent; err == nil {
			t.Error("the client was never stopped")
		}
		if got := server.BytesRead(); got > 64<<10 {
			t.Errorf("%d bytes were read of an endless head, want 64 KiB at most", got)
		}
	})
}

// zeros is an endless stream of one byte.
type zeros struct{ b byte }

func (z zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = z.b
	}
	return len(p), nil
}

// A client that neither reads nor goes does not hold a refusal for ever.
func TestRefusalIsBounded(t *testing.T) {
	for name, size := range map[string]int{"no room to write": 1, "no end to read": 0} {
		synctest.Test(t, func(t *testing.T) {
			client, server := wiretest.Pipe(size)
			go io.WriteString(client, without("Upgrade"))
			start := time.Now()
			_, _, err := UpgradeConn(server, nil)
			if got := time.Since(start); err == nil || got > lingerTime+lingerTime {
				t.Errorf("%s: UpgradeConn = %v after %v", name, err, got)
			}
			client.Close()
		})
	}
}

// Checklist: S17
func TestHalfRequestsEndInTime(t *testing.T) {
	for _, test := range []struct {
		timeout, want time.Duration
	}{{0, 10 * time.Second}, {time.Second, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			for cut := range len(request()) {
				client, server := wiretest.Pipe(0)
				p := newPeer(t, client)
				p.send(request()[:cut])
				go func() {
					_, _, err := UpgradeConn(server, &Options{HandshakeTimeout: test.timeout})
					if broken := (*handshake.Error)(nil); !errors.As(err, &broken) || broken.Status != 408 {
						t.Errorf("%d bytes: UpgradeConn = %v, want a *handshake.Error with status 408", cut, err)
					}
				}()
				go func() {
					p.refused(http.StatusRequestTimeout)
					if got := time.Since(start); got != test.want {
						t.Errorf("%d bytes: 408 after %v, want %v", cut, got, test.want)
					}
				}()
			}
			<-time.After(2 * test.want)
		})
	}
}

// Checklist: S17
func TestDrippedRequestEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := doors[2].open(t, nil, never(t), ignore)
		p := l.dial()
		start := time.Now()
		for i := 0; ; i++ { // a byte a second: each of them arrives in time, the request does not
			if _, err := io.WriteString(p.nc, request()[i:i+1]); err != nil {
				break
			}
			<-time.After(time.Second)
		}
		if got := time.Since(start); got > 11*time.Second {
			t.Errorf("cut off after %v, want 10 s", got)
		}
		p.nc.Close()
	})
}

func TestHandshakeTimeoutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &Options{HandshakeTimeout: -1, Conn: &conn.Options{PingInterval: -1}}
		for _, d := range doors {
			p := d.open(t, o, echo, ignore).dial()
			p.send(request()[:20])
			<-time.After(24 * time.Hour)
			p.send(request()[20:])
			p.head()
			<-time.After(time.Hour)
			p.send(byeFrame())
			p.closed(1000, "")
			p.gone()
		}
	})
}

// A socket without deadlines is closed when they would have passed.
func TestSocketWithoutDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &Options{Conn: &conn.Options{PingInterval: -1}}
		// 1. A half request: 10 s, and nothing can be said any more.
		client, server := wiretest.Pipe(0)
		p := newPeer(t, client)
		p.send(request()[:20])
		start := time.Now()
		_, _, err := UpgradeConn(wiretest.NoDeadlines(server), o)
		var broken *handshake.Error
		if got := time.Since(start); !errors.As(err, &broken) || broken.Status != 408 || got != 10*time.Second {
			t.Errorf("UpgradeConn = %v after %v, want 408 after 10 s", err, got)
		}
		p.gone()
		// 2. A refusal.
		client, server = wiretest.Pipe(0)
		p = newPeer(t, client)
		p.send(without("Upgrade"))
		start = time.Now()
		if _, _, err := UpgradeConn(wiretest.NoDeadlines(server), o); err == nil || time.Since(start) > lingerTime {
			t.Errorf("UpgradeConn = %v after %v, want 426 after 1 s at most", err, time.Since(start))
		}
		p.refused(http.StatusUpgradeRequired)
		// 3. A good request; the connection is not closed later.
		client, server = wiretest.Pipe(0)
		p = newPeer(t, client)
		p.send(request())
		c, _, err := UpgradeConn(wiretest.NoDeadlines(server), o)
		if err != nil {
			t.Fatal(err)
		}
		go echo(c)
		p.head()
		<-time.After(time.Minute)
		p.send(masked(frame.Text, "still here"))
		p.text("still here")
		p.send(byeFrame())
		p.closed(1000, "")
		p.gone()
	})
}

func TestClientGoesInItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for cut := range len(request()) {
			client, server := wiretest.Pipe(0)
			p := newPeer(t, client)
			p.send(request()[:cut])
			client.CloseWrite()
			_, _, err := UpgradeConn(server, nil)
			var broken *handshake.Error
			if cut == 0 {
				if !errors.Is(err, io.EOF) || errors.As(err, &broken) {
					t.Errorf("no byte: UpgradeConn = %v, want io.EOF", err)
				}
				p.gone()
				continue
			}
			if !errors.As(err, &broken) || broken.Status != 400 {
				t.Errorf("%d bytes: UpgradeConn = %v, want 400", cut, err)
			}
			p.refused(http.StatusBadRequest)
		}
	})
}

var errBroken = errors.New("the socket is broken")

// Every call on the socket fails once, in every conversation: the socket is closed, and its error is told.
func TestEveryCallOnTheSocketMayFail(t *testing.T) {
	ops := []wiretest.Op{wiretest.OpRead, wiretest.OpWrite, wiretest.OpCloseWrite, wiretest.OpClose, wiretest.OpDeadline}
	for _, text := range []string{request(), without("Upgrade"), request("Connection: x")} {
		for _, op := range ops {
			for call := 1; ; call++ {
				failed := false
				synctest.Test(t, func(t *testing.T) {
					client, server := wiretest.Pipe(0)
					io.WriteString(client, text)
					client.CloseWrite()
					nc := wiretest.FailAt(server, op, call, errBroken)
					var g Group
					c, _, err := UpgradeConn(nc, &Options{Group: &g})
					failed = nc.Failed()
					if c == nil && err == nil || c != nil && err != nil {
						t.Errorf("%s %d fails: UpgradeConn = %v, %v", op, call, c, err)
					}
					fatal := op == wiretest.OpRead && call == 1 || op == wiretest.OpWrite && text == request()
					if failed && fatal && !errors.Is(err, errBroken) {
						t.Errorf("%s %d fails: error %v, want that of the socket", op, call, err)
					}
					if c != nil {
						c.CloseNow()
					}
					synctest.Wait()
					if !server.Closed() || g.Len() != 0 {
						t.Errorf("%s %d fails: closed %v, Len %d", op, call, server.Closed(), g.Len())
					}
					if err := g.Shutdown(t.Context()); err != nil {
						t.Errorf("%s %d fails: Shutdown = %v", op, call, err)
					}
				})
				if !failed {
					break
				}
			}
		}
	}
}

// bare is a connection that knows nothing but net.Conn, and has no address.
type bare struct{ net.Conn }

func (bare) RemoteAddr() net.Addr { return nil }

func TestSocketWithoutAddressOrHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wiretest.Pipe(0)
		p := newPeer(t, client)
		p.send(without("Upgrade"))
		if _, _, err := UpgradeConn(bare{server}, nil); err == nil {
			t.Error("UpgradeConn took a request without Upgrade")
		}
		p.refused(http.StatusUpgradeRequired)
	})
}

// One property: whatever a client sends, it gets a 101, a whole refusal, or the end of the stream, in finite time, and
// the socket is closed unless there is a connection. What a 101 says of extensions is an answer to what was offered, and
// nothing without Compression; its memory goes back at the end. The upper two bits of piece choose the options.
func FuzzUpgradeConn(f *testing.F) {
	f.Add([]byte(request()), uint8(0))
	f.Add([]byte(request("Origin: http://example.com", "Sec-WebSocket-Protocol: chat")), uint8(7))
	for _, test := range refusals {
		f.Add([]byte(test.request), uint8(1))
	}
	f.Add([]byte(strings.Replace(request(), "/chat", `//a%2Fb"`, 1)), uint8(7)) // net/url writes the quote as %22
	for i, bad := range badOffers {
		f.Add([]byte(request(offers(pmd+"; "+bad, browserOffer)...)+compressed([]byte(helloDeflated))), uint8(i<<6|63))
	}
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		synctest.Test(t, func(t *testing.T) {
			client, server := wiretest.Pipe(1 << 20)
			client.Write(in)
			client.CloseWrite()
			o := &Options{Authorize: func(r *http.Request, h http.Header) error {
				if want, err := url.ParseRequestURI(r.RequestURI); err != nil || r.URL.RequestURI() != want.RequestURI() || r.URL.Path != want.Path {
					t.Errorf("URL %q of target %q; net/http has %q, %v", r.URL, r.RequestURI, want, err)
				}
				return nil
			}}
			var g Group
			if mode := piece >> 6; mode > 0 {
				o.Conn, o.Group = &conn.Options{Compression: &conn.Compression{Takeover: mode > 1}}, &g
				g.TakeoverMemory = int64(mode-2)*perConn + 1 // one connection fits with mode 3
			}
			c, r, err := UpgradeConn(wiretest.Split(server, wiretest.Fixed(int(piece&63))), o)
			p := newPeer(t, client)
			if err == nil {
				answer := extensions(t, p.head())
				if _, ok, err := deflate.Confirm(r.Extensions, parsed(t, answer)); err != nil || ok != (answer != "") || ok && o.Conn == nil {
					t.Errorf("%v is answered with %q: %t, %v", r.Extensions, answer, ok, err)
				}
				c.Discard(t.Context())
				c.CloseNow()
				synctest.Wait()
				if got := g.reserved(); got != 0 {
					t.Errorf("%d bytes are reserved behind the end", got)
				}
				return
			}
			if broken := (*handshake.Error)(nil); errors.As(err, &broken) {
				p.refused(broken.Status)
			} else {
				p.gone()
			}
			if !server.Closed() {
				t.Errorf("socket left open after %v", err)
			}
		})
	})
}
