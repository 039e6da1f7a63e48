package client

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tidewire/websocket/handshake"
)

// httpURL is u as cookie jars and proxy rules know it: http for ws, https for wss.
func httpURL(u *handshake.URL) *url.URL {
	h := &url.URL{Scheme: "http", Host: u.Host}
	if u.Secure {
		h.Scheme = "https"
	}
	h.RawPath, h.RawQuery, h.ForceQuery = strings.Cut(u.Target, "?")
	h.Path, _ = url.PathUnescape(h.RawPath) // ParseURL has let no malformed escape through
	return h
}

// addCookies puts the jar's cookies behind those of the caller, all in one line: "the user agent MUST NOT attach more than
// one Cookie header field" (RFC 6265, section 5.4).
func addCookies(h http.Header, jar http.CookieJar, u *handshake.URL) {
	cookies := jar.Cookies(httpURL(u))
	if len(cookies) == 0 {
		return
	}
	r := http.Request{Header: http.Header{}}
	if own := take(h, "Cookie"); len(own) > 0 {
		r.Header.Set("Cookie", strings.Join(own, "; "))
	}
	for _, c := range cookies {
		if c.Valid() == nil { // else it could break the line
			r.AddCookie(c)
		}
	}
	h["Cookie"] = r.Header["Cookie"]
}

// storeCookies gives the jar what a response sets, refusals and redirects too.
func storeCookies(jar http.CookieJar, u *handshake.URL, r *handshake.Response) {
	answer := http.Response{Header: r.Header}
	if cookies := answer.Cookies(); jar != nil && len(cookies) > 0 {
		jar.SetCookies(httpURL(u), cookies)
	}
}

// take removes all lines of a header, however its name is spelled, and returns them.
func take(h http.Header, name string) (values []string) {
	for key, v := range h {
		if http.CanonicalHeaderKey(key) == name {
			values = append(values, v...)
			delete(h, key)
		}
	}
	return values
}
