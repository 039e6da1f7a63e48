package client

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tidewire/websocket/handshake"
)

// A jarFunc is a cookie jar without cookies that tells when it is given some.
type jarFunc func()

func (f jarFunc) SetCookies(*url.URL, []*http.Cookie)   { f() }
func (f jarFunc) Cookies(u *url.URL) (c []*http.Cookie) { return nil }

// Cookies of redirects, refusals and the 101 itself come back with the next request; the caller's own ones come first,
// and all are in one line.
func TestCookies(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	jar.SetCookies(&url.URL{Scheme: "http", Host: "h"}, []*http.Cookie{{Name: "old", Value: "1"}})
	heads := make(chan string, 10)
	w := newWorld(t, func(p *peer, i int) {
		head := p.head()
		heads <- head
		p.say([]string{
			"HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: redirect=2\r\nSet-Cookie: other=3; Path=/x\r\n\r\n",
			"HTTP/1.1 403 Forbidden\r\nSet-Cookie: refusal=4\r\nSet-Cookie: old=; Max-Age=0\r\n\r\n",
			switching(keyOf(head), "Set-Cookie: good=5; HttpOnly\r\n"),
			"HTTP/1.1 103 Early\r\nSet-Cookie: early=6\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n",
			"",
		}[i])
	})
	o := w.options()
	o.Jar = jar
	o.MaxRedirects = 1
	o.Header = http.Header{"cookie": {"mine=0"}}
	mustFail(t, t.Context(), "ws://h/", o, 403, "")
	mustDial(t, t.Context(), "ws://h/", o)
	o.Header = nil
	mustFail(t, t.Context(), "ws://h/", o, 403, "")
	mustFail(t, t.Context(), "ws://other/", o, 0, "")
	for i, want := range []string{"mine=0; old=1", "mine=0; old=1; redirect=2", "mine=0; redirect=2; refusal=4", "redirect=2; refusal=4; good=5", ""} {
		head := <-heads
		_, rest, _ := strings.Cut(head, "\r\nCookie: ")
		got, _, _ := strings.Cut(rest, "\r\n")
		if got != want || strings.Count(head, "ookie:") > 1 {
			t.Errorf("request %d has the cookies %q, want %q", i, got, want)
		}
	}
}

// A jar's cookie that would break the head is left out.
//
// Checklist: C15
func TestHostileJar(t *testing.T) {
	h := http.Header{}
	addCookies(h, fixedJar{{Name: "a", Value: "b\r\nX: y"}, {Name: "a\r\nX", Value: "y"}, {Name: "c", Value: "d"}}, &handshake.URL{Host: "h", Target: "/"})
	if got := h["Cookie"]; !slices.Equal(got, []string{"c=d"}) {
		t.Errorf("Cookie is %q", got)
	}
}

type fixedJar []*http.Cookie

func (j fixedJar) SetCookies(*url.URL, []*http.Cookie)   {}
func (j fixedJar) Cookies(u *url.URL) (c []*http.Cookie) { return j }

// The jar sees https for wss, so that Secure cookies go there only.
func TestSecureCookies(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	jar.SetCookies(&url.URL{Scheme: "https", Host: "h"}, []*http.Cookie{{Name: "s", Value: "1", Secure: true}})
	for raw, want := range map[string]int{"ws://h/": 0, "wss://h/": 1, "wss://h:8443/a%2Fb?c": 1} {
		u, err := handshake.ParseURL(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(jar.Cookies(httpURL(u))); got != want {
			t.Errorf("%s has %d cookies, want %d", raw, got, want)
		}
	}
}
