package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidewire/websocket/handshake"
)

// A chain answers the requests for a path with a redirect to the next one, and accepts the last.
func chain(t *testing.T, status int, locations ...string) (w *world, heads func() []string) {
	var mu sync.Mutex
	var all []string
	w = newWorld(t, func(p *peer, i int) {
		head := p.head()
		mu.Lock()
		all = append(all, head)
		mu.Unlock()
		if i < len(locations) {
			p.say(fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 4\r\n\r\nmove", status, locations[i]))
			return
		}
		r, _, err := handshake.ParseRequest([]byte(head))
		if err != nil {
			t.Errorf("request %q: %v", head, err)
			return
		}
		p.say(switching(r.Header["Sec-Websocket-Key"][0], "") + helloFrame)
		p.drain()
	})
	return w, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// secrets is a caller's header with everything that is meant for one origin.
func secrets() http.Header {
	return http.Header{
		"Authorization": {"Bearer hunter2"}, "cookie": {"a=hunter2"}, "Proxy-Authorization": {"hunter2"}, "Host": {"first.example"},
		"Cookie2": {"hunter2"}, "Www-Authenticate": {"hunter2"}, "Origin": {"https://o.example"}, "X-A": {"b"},
	}
}

// Where each redirect leads, and whether the secrets go there. The first URL is ws://h/a/b or wss://h/a/b.
//
// Checklist: V16, V1, C10
func TestRedirects(t *testing.T) {
	for _, row := range []struct {
		scheme, location string
		addr, line       string
		secrets          bool
	}{
		{"ws", "c", "h:80", "GET /a/c ", true},
		{"ws", "/c?d", "h:80", "GET /c?d ", true},
		{"ws", "?d", "h:80", "GET /a/b?d ", true},
		{"ws", "//h/c", "h:80", "GET /c ", true},
		{"ws", "ws://h/c", "h:80", "GET /c ", true},
		{"ws", "http://H:80/c%2Fd", "h:80", "GET /c%2Fd ", true},
		{"ws", "ws://h:81/c", "h:81", "GET /c ", false},
		{"ws", "ws://other/c", "other:80", "GET /c ", false},
		{"ws", "//other/c", "other:80", "GET /c ", false},
		{"ws", "http://sub.h/c", "sub.h:80", "GET /c ", false},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			w, heads := chain(t, status, row.location)
			o := w.options()
			o.Header = secrets()
			o.MaxRedirects = 1
			mustRead(t, mustDial(t, t.Context(), row.scheme+"://h/a/b", o), "Hello")
			second := heads()[1]
			if !strings.HasPrefix(second, row.line) || w.dialed()[1] != row.addr {
				t.Errorf("redirected to %q: dialed %q, sent %q", row.location, w.dialed()[1], second)
			}
			if n := strings.Count(second, "hunter2"); n != map[bool]int{true: 4}[row.secrets] {
				t.Errorf("redirected to %q: %d secrets in %q", row.location, n, second)
			}
			if strings.Contains(second, "Host: first.example\r\n") != row.secrets {
				t.Errorf("redirected to %q: wrong Host in %q", row.location, second)
			}
			if !strings.Contains(second, "Origin: https://o.example\r\n") || !strings.Contains(second, "X-A: b\r\n") {
				t.Errorf("redirected to %q: other headers are gone from %q", row.location, second)
			}
			if keyOf(heads()[0]) == keyOf(second) {
				t.Errorf("both attempts have the key %q", keyOf(second))
			}
			if len(o.Header) != len(secrets()) {
				t.Errorf("Dial changed the caller's header to %v", o.Header)
			}
			if !w.end(0).Closed() {
				t.Error("the first socket is open")
			}
		}
	}
}

func keyOf(head string) string {
	_, rest, _ := strings.Cut(head, "Sec-WebSocket-Key: ")
	key, _, _ := strings.Cut(rest, "\r\n")
	return key
}

// Secrets that were dropped do not come back with a redirect to where we came from.
//
// Checklist: V16
func TestSecretsStayDropped(t *testing.T) {
	w, heads := chain(t, 302, "ws://other/", "ws://h/")
	o := w.options()
	o.Header = secrets()
	o.MaxRedirects = 10
	mustDial(t, t.Context(), "ws://h/", o)
	for i, want := range []int{4, 0, 0} {
		if n := strings.Count(heads()[i], "hunter2"); n != want {
			t.Errorf("request %d has %d secrets, want %d", i, n, want)
		}
	}
}

// Checklist: V16
func TestRedirectsRefused(t *testing.T) {
	for _, row := range []struct{ location, text string }{
		{"ws+unix:///tmp/s", "does not start with ws"},
		{"file:///etc/passwd", "does not start with ws"},
		{"javascript:alert(1)", "does not start with ws"},
		{"mailto:a@b", ""},
		{"ws://user:hunter2@h/", "userinfo"},
		{"ws://h/#a", "fragment"},
		{"/a#b", "malformed location"},
		{"ws://h/a b", "must be escaped"},
		{"ws://h/%zz", "malformed escape"},
		{"%zz", ""},
		{"", "more than 1 times"}, // a reference to the same URL: a loop
		{"ws://h/c\r\nLocation: ws://h/d", "2 Location headers"},
	} {
		w, _ := chain(t, 302, row.location, row.location)
		o := w.options()
		o.MaxRedirects = 1
		e := mustFail(t, t.Context(), "ws://h/", o, 302, row.text)
		if string(e.Body) != "move" || e.Header.Get("Location") == "" && row.location != "" || strings.Contains(e.Error(), "hunter2") {
			t.Errorf("%q: %q, header %v, body %q", row.location, e, e.Header, e.Body)
		}
		w.allClosed()
	}
	for _, response := range []string{"HTTP/1.1 302 Found\r\n\r\n", "HTTP/1.1 300 Choices\r\nLocation: /\r\n\r\n", "HTTP/1.1 304 Same\r\nLocation: /\r\n\r\n"} {
		w := newWorld(t, func(p *peer, _ int) { p.head(); p.say(response) })
		o := w.options()
		o.MaxRedirects = 5
		if _, err := Dial(t.Context(), "ws://h/", o); err == nil || len(w.dialed()) != 1 {
			t.Errorf("%q: Dial = %v, dialed %q", response, err, w.dialed())
		}
	}
}

// A loop ends at the limit, which is 10 at most and off by default.
//
// Checklist: V16
func TestRedirectLoop(t *testing.T) {
	for limit, want := range map[int]int{-1: 1, 0: 1, 1: 2, 3: 4, 10: 11, 100: 11} {
		w := newWorld(t, func(p *peer, i int) {
			p.head()
			p.say(fmt.Sprintf("HTTP/1.1 302 Found\r\nLocation: /%d\r\n\r\n", i%2))
		})
		o := w.options()
		o.MaxRedirects = limit
		text := fmt.Sprintf("more than %d times", min(limit, 10))
		if limit <= 0 {
			text = "status 302, want 101"
		}
		mustFail(t, t.Context(), "ws://h/", o, 302, text)
		if got := len(w.dialed()); got != want {
			t.Errorf("MaxRedirects %d: %d attempts, want %d", limit, got, want)
		}
		w.allClosed()
	}
}

// From wss there is no way to ws. From ws to wss there is one, to another origin.
//
// Checklist: V16
func TestRedirectsAndTLS(t *testing.T) {
	ca := newAuthority(t)
	own := ca.leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, "me")
	type seen struct {
		sni, head string
		certs     int
	}
	for _, row := range []struct {
		from, to, serverName string
		text                 string
	}{
		{"wss://h/", "ws://h/", "", "from wss to ws"},
		{"wss://h/", "http://h:443/", "", "from wss to ws"},
		{"wss://h/", "/ok", "", ""},
		{"wss://h/", "https://other/", "", ""},
		{"wss://10.0.0.1/", "wss://other/", "h", ""},
	} {
		all := make(chan seen, 2)
		w := newWorld(t, func(p *peer, i int) {
			var s seen
			p = p.secure(&tls.Config{
				Certificates: []tls.Certificate{ca.leaf(nil, "h", "other")}, ClientAuth: tls.RequestClientCert,
			})
			state := p.Conn.(*tls.Conn).ConnectionState()
			s.sni, s.certs, s.head = state.ServerName, len(state.PeerCertificates), p.head()
			all <- s
			if i == 0 {
				p.say("HTTP/1.1 307 Moved\r\nLocation: " + row.to + "\r\n\r\n")
				return
			}
			p.say(switching(keyOf(s.head), "") + helloFrame)
			p.drain()
		})
		o := w.options()
		o.MaxRedirects = 10
		o.Header = secrets()
		o.TLS = &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{own}, ServerName: row.serverName}
		if row.text != "" {
			mustFail(t, t.Context(), row.from, o, 307, row.text)
			if len(w.dialed()) != 1 {
				t.Errorf("%s to %s: dialed %q", row.from, row.to, w.dialed())
			}
			continue
		}
		mustRead(t, mustDial(t, t.Context(), row.from, o), "Hello")
		if len(o.TLS.Certificates) != 1 || o.TLS.ServerName != row.serverName {
			t.Errorf("%s to %s: Dial changed the caller's tls.Config", row.from, row.to)
		}
		first, second := <-all, <-all
		want := seen{sni: "other"}
		if row.to == "/ok" {
			want = seen{sni: "h", certs: 1}
		}
		if first.sni != "h" || first.certs != 1 || second.sni != want.sni || second.certs != want.certs ||
			strings.Contains(second.head, "hunter2") != (want.certs == 1) {
			t.Errorf("%s to %s: first %+v, second %+v; want %+v", row.from, row.to, first, second, want)
		}
	}
	plain := newWorld(t, func(p *peer, i int) {
		if i == 0 {
			p.head()
			p.say("HTTP/1.1 301 Moved\r\nLocation: wss://h/\r\n\r\n")
			return
		}
		p = p.secure(&tls.Config{Certificates: []tls.Certificate{ca.leaf(nil, "h")}})
		if head := p.head(); strings.Contains(head, "hunter2") {
			t.Errorf("secrets of ws go to wss: %q", head)
		}
	})
	o := plain.options()
	o.MaxRedirects = 10
	o.Header = secrets()
	o.TLS = &tls.Config{RootCAs: ca.pool}
	mustFail(t, t.Context(), "ws://h/", o, 0, "unexpected EOF")
}

// Each attempt asks for its proxy. A Proxy-Authorization meant for one origin's does not go to the next one's.
//
// Checklist: V16
func TestRedirectThroughProxies(t *testing.T) {
	w := newWorld(t, func(p *peer, i int) {
		head := p.head()
		if strings.Contains(head, "hunter2") != (i == 0) {
			t.Errorf("proxy %d got %q", i, head)
		}
		p.say("HTTP/1.1 200 OK\r\n\r\n")
		key := keyOf(p.head())
		if i == 0 {
			p.say("HTTP/1.1 302 Found\r\nLocation: ws://other/\r\n\r\n")
			return
		}
		p.say(switching(key, "") + helloFrame)
		p.drain()
	})
	o := w.options()
	o.MaxRedirects = 1
	o.Header = header("Proxy-Authorization", "hunter2")
	o.Proxy = func(u *url.URL) (*url.URL, error) { return &url.URL{Scheme: "http", Host: u.Host + ".proxy"}, nil }
	mustRead(t, mustDial(t, t.Context(), "ws://h/", o), "Hello")
	if got := w.dialed(); !slices.Equal(got, []string{"h.proxy:80", "other.proxy:80"}) {
		t.Errorf("dialed %q", got)
	}
}

// The reason of a refused redirect is in the chain of errors.
func TestRedirectErrorUnwraps(t *testing.T) {
	w, _ := chain(t, 302, "ws://h/#")
	o := w.options()
	o.MaxRedirects = 1
	var he *handshake.Error
	if e := mustFail(t, t.Context(), "ws://h/", o, 302, "fragment"); !errors.As(e, &he) || he.Place != "RFC 6455, section 3" {
		t.Errorf("%v does not unwrap to a *handshake.Error", e)
	}
}
