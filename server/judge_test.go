package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Checklist: S9, Z1
func TestOrigin(t *testing.T) {
	for _, test := range []struct {
		origin  string // empty: no header
		tls     bool
		options Options
		ok      bool
	}{
		{"", false, Options{}, true},
		{"http://example.com", false, Options{}, true},
		{"http://example.com:80", false, Options{}, true},
		{"http://EXAMPLE.com", false, Options{}, true},
		{"https://example.com", true, Options{}, true},
		{"https://example.com", false, Options{}, false},
		{"http://example.com", true, Options{}, false},
		{"http://example.com:81", false, Options{}, false},
		{"http://other.example", false, Options{}, false},
		{"http://example.com.evil.example", false, Options{}, false},
		{"null", false, Options{}, false},
		{"null", false, Options{Origins: []string{"null"}}, true},
		{"http://other.example", false, Options{Origins: []string{"http://other.example"}}, true},
		{"https://a.example", false, Options{Origins: []string{"https://*.example"}}, true},
		{"https://evil.example", false, Options{Origins: []string{"https://good.example"}}, false},
		{"http://evil.example", false, Options{InsecureSkipOriginCheck: true}, true},
	} {
		lines := []string{}
		if test.origin != "" {
			lines = append(lines, "Origin: "+test.origin)
		}
		synctest.Test(t, func(t *testing.T) {
			want := "HTTP/1.1 403"
			if test.ok {
				want = "HTTP/1.1 101"
			}
			for _, d := range tlsDoors(test.tls) {
				p := d(t, &test.options)
				p.send(request(lines...))
				if got := p.head(); got[:12] != want {
					t.Errorf("origin %q, TLS %v, %v: %q, want %s", test.origin, test.tls, test.options.Origins, got[:12], want)
				}
				p.nc.Close()
			}
		})
	}
}

// tlsDoors are Upgrade and UpgradeConn, with TLS or without.
func tlsDoors(secure bool) []func(t testing.TB, o *Options) *peer {
	if !secure {
		var all []func(t testing.TB, o *Options) *peer
		for _, d := range doors {
			all = append(all, func(t testing.TB, o *Options) *peer { return d.open(t, o, echo, ignore).dial() })
		}
		return all
	}
	return []func(t testing.TB, o *Options) *peer{
		func(t testing.TB, o *Options) *peer {
			l := wiretest.Listen(0)
			s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c, err := Upgrade(w, r, o); err == nil {
					echo(c)
				}
			}), ErrorLog: silent()}
			go s.Serve(tls.NewListener(l, serverTLS()))
			t.Cleanup(func() { s.Close() })
			nc, err := l.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return newPeer(t, tls.Client(nc, clientTLS()))
		},
		func(t testing.TB, o *Options) *peer {
			client, server := wiretest.Pipe(0)
			go func() {
				if c, _, err := UpgradeConn(tls.Server(server, serverTLS()), o); err == nil {
					echo(c)
				}
			}()
			return newPeer(t, tls.Client(client, clientTLS()))
		},
	}
}

func TestMalformedOriginPatternIsOurFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range doors {
			var err error
			p := d.open(t, &Options{Origins: []string{"https://ok.example", "*"}}, never(t), func(e error) { err = e }).dial()
			p.send(request())
			_, body := p.refused(http.StatusInternalServerError)
			synctest.Wait()
			told := d.name == "Handler" || err != nil && strings.Contains(err.Error(), "malformed origin pattern")
			if strings.Contains(body, "pattern") || !told {
				t.Errorf("%s: error %v, body %q; want the pattern in the error only", d.name, err, body)
			}
		}
	})
}

func TestAuthorizeSeesTheRequest(t *testing.T) {
	for _, d := range doors {
		synctest.Test(t, func(t *testing.T) {
			var got string
			o := &Options{Authorize: func(r *http.Request, h http.Header) error {
				user, password, _ := r.BasicAuth()
				cookie, err := r.Cookie("session")
				if err != nil {
					return err
				}
				got = fmt.Sprint(r.Method, " ", r.URL, " ", r.URL.Path, " ", r.URL.Query().Get("room"), " ", r.RequestURI,
					" ", r.Proto, r.ProtoMajor, r.ProtoMinor, " ", r.Host, r.Header["Host"], " ", r.RemoteAddr, " ", r.TLS,
					" ", r.ContentLength, " ", user, password, cookie.Value, " ", r.Context().Err(), r.Body == http.NoBody)
				h.Set("X-Seen", "yes")
				return nil
			}}
			p := d.open(t, o, echo, ignore).dial()
			p.send(strings.Replace(request("Authorization: Basic YTpi", "Cookie: session=7"), "/chat", "/ch%61t%2Fx", 1))
			if head := p.head(); !strings.Contains(head, "\r\nX-Seen: yes\r\n") {
				t.Errorf("%s: response %q without X-Seen", d.name, head)
			}
			want := "GET /ch%61t%2Fx?room=1 /chat/x 1 /ch%61t%2Fx?room=1 HTTP/1.11 1 example.com[] pipe:client-1 <nil>" +
				" 0 ab7 <nil> true"
			if got != want {
				t.Errorf("%s: Authorize saw\n%s, want\n%s", d.name, got, want)
			}
			p.nc.Close()
		})
	}
}

func TestAuthorizeSeesAnEmptyQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range doors {
			var got string
			o := &Options{Authorize: func(r *http.Request, h http.Header) error {
				got = r.URL.String()
				return nil
			}}
			p := d.open(t, o, echo, ignore).dial()
			p.send(strings.Replace(request(), "/chat?room=1", "//chat?", 1))
			p.head()
			if got != "//chat?" {
				t.Errorf("%s: URL = %q, want //chat?", d.name, got)
			}
			p.nc.Close()
		}
	})
}

func TestAuthorizeSeesTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i, open := range tlsDoors(true) {
			var state *tls.ConnectionState
			p := open(t, &Options{Authorize: func(r *http.Request, h http.Header) error {
				state = r.TLS
				return nil
			}})
			p.send(request())
			p.head()
			if state == nil || !state.HandshakeComplete || state.ServerName != "example.com" {
				t.Errorf("door %d: r.TLS = %v, want that of the connection", i, state)
			}
			p.nc.Close()
		}
	})
}

func TestAuthorizeRefuses(t *testing.T) {
	own := errors.New("wrong password for admin")
	for _, test := range []struct {
		err    error
		status int
		header string
		body   string
	}{
		{&Refusal{Status: 401, Header: http.Header{"Www-Authenticate": {"Basic"}}, Body: "who?\n"}, 401, "Basic", "who?\n"},
		{own, 403, "", "Forbidden\n"},
	} {
		for _, d := range doors {
			synctest.Test(t, func(t *testing.T) {
				var err error
				var g Group
				o := &Options{Group: &g, Authorize: func(r *http.Request, h http.Header) error {
					h.Set("Set-Cookie", "tried=1")
					return test.err
				}}
				p := d.open(t, o, never(t), func(e error) { err = e }).dial()
				p.send(request())
				r, body := p.refused(test.status)
				if body != test.body || r.Header.Get("Www-Authenticate") != test.header || r.Header.Get("Set-Cookie") != "tried=1" {
					t.Errorf("%s: response %v %q", d.name, r.Header, body)
				}
				if r.Header.Get("Date") == "" {
					t.Errorf("%s: status %d without Date (RFC 9110, section 6.6.1)", d.name, test.status)
				}
				synctest.Wait()
				if d.name != "Handler" && err != test.err {
					t.Errorf("%s: error %v, want that of Authorize", d.name, err)
				}
				if err := g.Shutdown(t.Context()); err != nil {
					t.Errorf("%s: Shutdown = %v: a place was not given up", d.name, err)
				}
			})
		}
	}
}

func TestAuthorizeMayPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		o := &Options{Group: &g, Authorize: func(*http.Request, http.Header) error { panic("oh") }}
		for _, d := range doors[:2] {
			p := d.open(t, o, never(t), ignore).dial()
			p.send(request())
			p.gone() // net/http drops the connection
		}
		client, server := wiretest.Pipe(0)
		p := newPeer(t, client)
		p.send(request())
		func() {
			defer func() {
				if v := recover(); v != "oh" {
					t.Errorf("recover() = %v, want the panic of Authorize", v)
				}
			}()
			UpgradeConn(server, o)
		}()
		p.gone()
		if err := g.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v: a place was not given up", err)
		}
	})
}

// Nobody can interrupt Authorize, so it has its time, and the answer has its own.
func TestAuthorizeMayTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, answer := range []error{nil, &Refusal{Status: 401}} {
			o := &Options{Authorize: func(r *http.Request, h http.Header) error {
				<-time.After(time.Minute)
				return answer
			}}
			want := "HTTP/1.1 101"
			if answer != nil {
				want = "HTTP/1.1 401"
			}
			for _, d := range doors {
				p := d.open(t, o, echo, ignore).dial()
				p.send(request())
				if got := p.head(); got[:12] != want {
					t.Errorf("%s: %.12q, want %s", d.name, got, want)
				}
				p.nc.Close()
			}
			client, server := wiretest.Pipe(0)
			p := newPeer(t, client)
			p.send(request())
			c, _, err := UpgradeConn(wiretest.NoDeadlines(server), o)
			if got := p.head(); got[:12] != want {
				t.Errorf("without deadlines: %.12q, want %s, %v", got, want, err)
			}
			if err == nil {
				c.CloseNow()
			}
			p.nc.Close()
		}
	})
}

// A client that sends frames, or another request, behind one that is refused gets one answer and then the end.
func TestNothingBehindARefusalIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range doors {
			l := d.open(t, nil, never(t), ignore)
			another := "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
			for _, behind := range []string{request(), another, masked(frame.Text, "x"), "\r\n"} {
				p := l.dial()
				p.nc.(*wiretest.Conn).SetManners(wiretest.Linux())
				p.send(request("Origin: http://evil.example") + behind)
				r, err := http.ReadResponse(p.in, nil)
				if err != nil || r.StatusCode != http.StatusForbidden {
					t.Fatalf("%s: response %v, %v; want 403", d.name, r, err)
				}
				io.Copy(io.Discard, r.Body)
				if rest, _ := io.ReadAll(p.in); len(rest) > 0 {
					t.Errorf("%s: behind %q came %q", d.name, behind, rest)
				}
				p.nc.Close()
			}
		}
	})
}

func TestAuthorizeIsAskedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{Limit: 1}
		o := &Options{Group: g}
		for _, d := range doors {
			asked := 0
			o := *o
			o.Authorize = func(*http.Request, http.Header) error {
				asked++
				return nil
			}
			l := d.open(t, &o, echo, ignore)
			p := l.dial().opens() // fills the group
			for _, text := range []string{request(), request("Origin: http://evil.example"), without("Upgrade")} {
				q := l.dial()
				q.send(text)
				q.head()
				q.nc.Close()
			}
			if asked != 1 {
				t.Errorf("%s: Authorize was asked %d times, want once, for the good request", d.name, asked)
			}
			p.nc.Close()
			synctest.Wait()
		}
	})
}
