package server

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Checklist: R1, R5
func TestEveryDoorOpens(t *testing.T) {
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := d.open(t, nil, echo, ignore).dial()
				p.send(request())
				if got := p.head(); got != accepted {
					t.Fatalf("response = %q, want %q", got, accepted)
				}
				p.send(masked(frame.Text, "hello"))
				p.text("hello")
				p.send(byeFrame())
				p.closed(1000, "")
				p.gone()
			})
		})
	}
}

// Checklist: S15
func TestFramesBehindTheRequestAreKept(t *testing.T) {
	all := request() + masked(frame.Text, "one") + masked(frame.Binary, strings.Repeat("2", 300)) + byeFrame()
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := d.open(t, nil, echo, ignore)
				for cut := range len(all) {
					p := l.dial()
					p.send(all[:cut])
					synctest.Wait() // the server has taken all it can of the first part
					p.send(all[cut:])
					p.head()
					p.text("one")
					if h, got := p.frame(); h.Opcode != frame.Binary || len(got) != 300 {
						t.Fatalf("cut at %d: got %v of %d bytes, want binary of 300", cut, h.Opcode, len(got))
					}
					p.closed(1000, "")
					p.gone()
				}
			})
		})
	}
}

// Checklist: R2
func TestSubprotocol(t *testing.T) {
	for _, test := range []struct {
		offer     []string // header lines
		supported []string
		want      string // empty: no header
	}{
		{nil, nil, ""},
		{nil, []string{"chat"}, ""},
		{[]string{"Sec-WebSocket-Protocol: chat"}, nil, ""},
		{[]string{"Sec-WebSocket-Protocol: Chat"}, []string{"chat"}, ""}, // case-sensitive
		{[]string{"Sec-WebSocket-Protocol: chat, superchat"}, []string{"superchat", "chat"}, "superchat"},
		{[]string{"Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"}, []string{"c", "b"}, "b"},
	} {
		for _, d := range doors {
			synctest.Test(t, func(t *testing.T) {
				var agreed string
				l := d.open(t, &Options{Subprotocols: test.supported}, func(c *conn.Conn) {
					agreed = c.Subprotocol()
					echo(c)
				}, ignore)
				p := l.dial()
				p.send(request(test.offer...))
				want := accepted
				if test.want != "" {
					want = accepted[:len(accepted)-2] + "Sec-WebSocket-Protocol: " + test.want + "\r\n\r\n"
				}
				if got := p.head(); got != want {
					t.Errorf("%s: %q for %q: response %q, want %q", d.name, test.offer, test.supported, got, want)
				}
				p.send(byeFrame())
				p.closed(1000, "")
				p.gone()
				if agreed != test.want {
					t.Errorf("%s: Subprotocol() = %q, want %q", d.name, agreed, test.want)
				}
			})
		}
	}
}

// Checklist: R3, X7
func TestNoExtensionIsAgreed(t *testing.T) {
	for _, d := range doors {
		synctest.Test(t, func(t *testing.T) {
			p := d.open(t, nil, echo, ignore).dial()
			p.send(request("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-other"))
			if got := p.head(); got != accepted {
				t.Fatalf("%s: response = %q, want %q", d.name, got, accepted)
			}
			p.send("\xc1\x80\x01\x02\x03\x04") // FIN, RSV1, text, masked, empty
			h, payload := p.frame()
			if code, _, err := frame.ParseClose(payload); h.Opcode != frame.Close || code != 1002 || err != nil {
				t.Errorf("%s: got %v %v, %v; want a Close with 1002", d.name, h.Opcode, code, err)
			}
			p.nc.Close()
		})
	}
}

// Checklist: R4, R6
func TestHeadersOfTheResponse(t *testing.T) {
	for _, test := range []struct {
		name, value string
		ok          bool
	}{
		{"Set-Cookie", "a=b", true},
		{"X-Empty", "", true},
		{"Sec-WebSocket-Accept", "x", false},
		{"Sec-WebSocket-Protocol", "chat", false},
		{"Sec-WebSocket-Extensions", "permessage-deflate", false},
		{"Connection", "keep-alive", false},
		{"Upgrade", "h2c", false},
		{"Content-Length", "5", false},
		{"Transfer-Encoding", "chunked", false},
		{"X-Broken", "a\r\nX-Injected: b", false},
		{"X-Broken", "a\nb", false},
		{"X Broken", "a", false},
	} {
		for _, d := range doors {
			synctest.Test(t, func(t *testing.T) {
				o := &Options{Authorize: func(r *http.Request, h http.Header) error {
					h[http.CanonicalHeaderKey(test.name)] = []string{test.value}
					return nil
				}}
				var err error
				p := d.open(t, o, echo, func(e error) { err = e }).dial()
				p.send(request())
				if test.ok {
					got, want := p.head(), test.name+": "+test.value+"\r\n"
					if !strings.Contains(got, want) || !strings.HasPrefix(got, accepted[:len(accepted)-2]) {
						t.Errorf("%s: response %q, want %q in a 101", d.name, got, want)
					}
					p.nc.Close()
					return
				}
				r, body := p.refused(http.StatusInternalServerError)
				if r.Header.Get("X-Injected") != "" || body != "Internal Server Error\n" {
					t.Errorf("%s: %q: response %v %q", d.name, test.name, r.Header, body)
				}
				synctest.Wait()
				var broken *handshake.Error
				if d.name != "Handler" && (!errors.As(err, &broken) || broken.Status != 500) {
					t.Errorf("%s: %q: error %v, want a *handshake.Error with status 500", d.name, test.name, err)
				}
			})
		}
	}
}

func TestHeadersOnTheWriterGoOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			w.Header()["Date"] = nil // tells net/http to send none
			c, err := Upgrade(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			c.CloseNow()
		})})
		p := l.dial()
		p.send(request())
		want := accepted[:len(accepted)-2] + "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"
		if got := p.head(); got != want {
			t.Errorf("response = %q, want %q", got, want)
		}
		p.gone()
	})
}

// A deadlines connection remembers its deadlines, as far as they were set through this wrapper.
type deadlines struct {
	net.Conn
	mu          sync.Mutex
	read, write time.Time
}

func (d *deadlines) SetDeadline(t time.Time) error {
	d.mu.Lock()
	d.read, d.write = t, t
	d.mu.Unlock()
	return d.Conn.SetDeadline(t)
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.mu.Lock()
	d.read = t
	d.mu.Unlock()
	return d.Conn.SetReadDeadline(t)
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.mu.Lock()
	d.write = t
	d.mu.Unlock()
	return d.Conn.SetWriteDeadline(t)
}

// Checklist: R8
func TestDeadlinesOfTheHTTPServerAreLifted(t *testing.T) {
	for _, name := range []string{"Upgrade", "Handler"} {
		synctest.Test(t, func(t *testing.T) {
			o := &Options{Conn: &conn.Options{PingInterval: -1}}
			var handler http.Handler = Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
				echo(c)
				return nil
			}, o)
			if name == "Upgrade" {
				handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					c, err := Upgrade(w, r, o)
					if err != nil {
						t.Error(err)
						return
					}
					echo(c)
				})
			}
			l := serveHTTP(t, &http.Server{
				Handler:           handler,
				ReadTimeout:       time.Second,
				WriteTimeout:      time.Second,
				ReadHeaderTimeout: time.Second,
				IdleTimeout:       time.Second,
			})
			p := l.dial().opens()
			for range 3 {
				<-time.After(time.Hour)
				p.send(masked(frame.Text, "still here"))
				p.text("still here")
			}
			p.send(byeFrame())
			p.closed(1000, "")
			p.gone()
		})
	}
}

// takeover is a ResponseWriter that gives away what it is told to.
type takeover struct {
	http.ResponseWriter
	nc  net.Conn
	rw  *bufio.ReadWriter
	err error
}

func (w takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.nc, w.rw, w.err }

// newRequest is request() as net/http would have read it.
func newRequest() *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request())))
	if err != nil {
		panic(err)
	}
	return r
}

// Checklist: R8
func TestDeadlinesAreClearedOnTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wiretest.Pipe(0)
		nc := &deadlines{Conn: server}
		nc.SetReadDeadline(time.Now().Add(time.Second))
		nc.SetWriteDeadline(time.Now().Add(time.Second))
		c, err := Upgrade(takeover{ResponseWriter: httptest.NewRecorder(), nc: nc}, newRequest(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !nc.read.IsZero() || !nc.write.IsZero() {
			t.Errorf("deadlines after Upgrade: %v, %v; want none", nc.read, nc.write)
		}
		p := newPeer(t, client)
		p.head()
		c.CloseNow()
		p.gone()
	})
}

// plain hides what a ResponseWriter can do; unwrapping shows the way to it, as middleware does.
type plain struct{ w http.ResponseWriter }

func (p plain) Header() http.Header         { return p.w.Header() }
func (p plain) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p plain) WriteHeader(status int)      { p.w.WriteHeader(status) }

type unwrapping struct{ plain }

func (u unwrapping) Unwrap() http.ResponseWriter { return u.w }

// Checklist: R8
func TestWrappedWriterIsUnwrapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
			echo(c)
			return nil
		}, nil)
		l := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(unwrapping{plain{unwrapping{plain{w}}}}, r)
		})})
		p := l.dial().opens()
		p.send(masked(frame.Text, "through"))
		p.text("through")
		p.send(byeFrame())
		p.closed(1000, "")
		p.gone()
	})
}

// Checklist: S19, R7
func TestWriterThatCannotBeUnwrappedIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		var err error
		l := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/handler" {
				Handler(nil, &Options{Group: &g}).ServeHTTP(plain{w}, r)
				return
			}
			_, err = Upgrade(plain{w}, r, &Options{Group: &g})
		})})
		p := l.dial()
		p.send(request())
		p.refused(http.StatusInternalServerError)
		var broken *handshake.Error
		if !errors.As(err, &broken) || !strings.Contains(broken.Msg, "server.plain") {
			t.Errorf("Upgrade = %v, want an error that names the writer", err)
		}
		p = l.dial()
		p.send(strings.Replace(request(), "/chat", "/handler", 1))
		p.refused(http.StatusInternalServerError)
		if err := g.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v: a place was not given up", err)
		}
	})
}

func TestClientGoneWhileAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		_, server := wiretest.Pipe(0)
		broken := errors.New("broken")
		nc := wiretest.Record(wiretest.FailAt(server, wiretest.OpWrite, 1, broken))
		w := takeover{ResponseWriter: httptest.NewRecorder(), nc: nc}
		if c, err := Upgrade(w, newRequest(), &Options{Group: &g}); c != nil || !errors.Is(err, broken) {
			t.Errorf("Upgrade = %v, %v; want the socket's error", c, err)
		}
		if !server.Closed() {
			t.Error("the socket was left open")
		}
		if err := g.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v: a place was not given up", err)
		}
	})
}

func TestWriteOfTheResponseIsBounded(t *testing.T) {
	for _, test := range []struct {
		timeout, want time.Duration
	}{{0, 10 * time.Second}, {time.Minute, time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			_, server := wiretest.Pipe(1) // no room for a head, and nobody reads
			start := time.Now()
			w := takeover{ResponseWriter: httptest.NewRecorder(), nc: server}
			_, err := Upgrade(w, newRequest(), &Options{HandshakeTimeout: test.timeout})
			if got := time.Since(start); err == nil || got != test.want {
				t.Errorf("HandshakeTimeout %v: Upgrade = %v after %v, want an error after %v", test.timeout, err, got, test.want)
			}
		})
	}
}

func TestRequestMadeWithoutAServer(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.RequestURI = "" // as http.NewRequest makes it
	_, err := Upgrade(w, r, nil)
	if err == nil || w.Code != http.StatusUpgradeRequired {
		t.Errorf("Upgrade = %v with status %d, want 426", err, w.Code)
	}
	if got := w.Header()["Connection"]; len(got) != 2 || got[0] != "close" || got[1] != "Upgrade" {
		t.Errorf("Connection = %q, want close and Upgrade (RFC 9110, section 15.5.22)", got)
	}
}

// Checklist: S1
func TestHTTP2IsRefused(t *testing.T) {
	var err error
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err = Upgrade(w, r, nil)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	r, reqErr := s.Client().Get(s.URL)
	if reqErr != nil {
		t.Fatal(reqErr)
	}
	r.Body.Close()
	if r.ProtoMajor != 2 || r.StatusCode != http.StatusHTTPVersionNotSupported || err == nil {
		t.Errorf("HTTP/%d: status %d, error %v; want 505 over HTTP/2", r.ProtoMajor, r.StatusCode, err)
	}
}
