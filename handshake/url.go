package handshake

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// URL is a ws or wss URL taken apart for those who use the parts: the dialer, TLS, and the request.
type URL struct {
	Secure     bool   // wss
	Host       string // for the Host header: brackets around IPv6, no zone, no default port; lower case
	DialHost   string // for the dialer: no brackets, with the zone
	Port       string // for the dialer: a number, the default one if the URL has none
	ServerName string // for SNI and the certificate: empty for an IP literal (RFC 6066, section 3), no final dot
	Target     string // resource-name: path and query as given, escapes kept (RFC 6455, section 3)
}

// ParseURL reads a URL as RFC 6455, section 3, has it:
//
//	ws-URI = "ws:" "//" host [ ":" port ] path [ "?" query ]        and wss
//
// The scheme is case-insensitive. Refused are a fragment, even an empty one, userinfo (credentials belong into
// a header), control bytes and spaces, malformed escapes, characters that RFC 3986 wants escaped, port 0, and a host
// outside ASCII (its punycode form is for the caller). Non-ASCII in path and query is escaped as UTF-8.
// The error is an *Error; it never shows what may be userinfo.
func ParseURL(raw string) (*URL, error) {
	secure, rest, err := cutScheme(raw)
	if err != nil {
		return nil, err
	}
	// "#" must be escaped as %23 (RFC 6455, section 3). Never strip it: the server would see another resource.
	if strings.IndexByte(raw, '#') >= 0 {
		return nil, failf("RFC 6455, section 3", "URL has a fragment")
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	u, err := parseAuthority(rest[:end], secure, !strings.Contains(raw, "@"))
	if err != nil {
		return nil, err
	}
	if u.Target, err = resourceName(rest[end:]); err != nil {
		return nil, err
	}
	return u, nil
}

// cutScheme takes "ws://" or "wss://" off.
func cutScheme(raw string) (secure bool, rest string, err error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	switch {
	case ok && equalFold(scheme, "ws"):
		return false, rest, nil
	case ok && equalFold(scheme, "wss"):
		return true, rest, nil
	}
	return false, "", failf("RFC 6455, section 3", "URL does not start with ws:// or wss://")
}

// parseAuthority reads host and port. Only if show is true may an error repeat them.
func parseAuthority(s string, secure, show bool) (*URL, error) {
	if strings.IndexByte(s, '@') >= 0 {
		return nil, failf("RFC 6455, section 3", "URL has userinfo")
	}
	// The host goes out in its punycode form (RFC 6455, section 11.1), which we cannot make: Go's standard library
	// has no public IDNA.
	if strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return nil, failf("RFC 6455, section 11.1", "host in URL is not ASCII: write its punycode form (xn--...)")
	}
	bare, zone, ok := cutZone(s)
	h, valid := parseHost(bare)
	if !ok || !valid || h.port == 0 {
		if !show {
			s = "..."
		}
		return nil, failf("RFC 3986, section 3.2", "malformed host or port %q in URL", cut(s))
	}
	port := h.portOr(secure)
	u := &URL{Secure: secure, Host: h.name, DialHost: h.name + zone, Port: strconv.Itoa(port)}
	if h.v6 {
		u.Host = "[" + h.name + "]"
	} else if _, v4 := parseIPv4(h.name); !v4 {
		u.ServerName = strings.TrimSuffix(h.name, ".")
	}
	// The port is part of the Host header only if it is not the default one (RFC 6455, section 4.1, step 4).
	if port != (host{port: -1}).portOr(secure) {
		u.Host += ":" + u.Port
	}
	return u, nil
}

// cutZone takes the zone out of "[fe80::1%25eth0]" and returns it as "%eth0". A zone means something on this machine
// only and never goes out (RFC 4007, section 11.2). ZoneID = 1*( unreserved / pct-encoded ) (RFC 6874, section 2).
func cutZone(s string) (bare, zone string, ok bool) {
	before, after, found := strings.Cut(s, "%25")
	if !found {
		return s, "", true
	}
	zone, rest, found := strings.Cut(after, "]")
	if !found || !every(strings.ReplaceAll(zone, "%", ""), classHost) {
		return "", "", false
	}
	zone, err := url.PathUnescape(zone)
	if err != nil || zone == "" || !every(zone, classTarget) {
		return "", "", false
	}
	return before + "]" + rest, "%" + zone, true
}

// resourceName is path and query, "/" for an empty path (RFC 6455, section 3). A "?" stays although nothing follows.
func resourceName(s string) (string, error) {
	if s == "" || s[0] == '?' {
		s = "/" + s
	}
	var b []byte // s[:i] as it is sent; nil while that is s[:i] itself
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && (len(s) < i+3 || !isHex(s[i+1]) || !isHex(s[i+2])):
			return "", failf("RFC 3986, section 2.1", "malformed escape in URL")
		case c >= utf8.RuneSelf:
			if b == nil {
				b = append(make([]byte, 0, 2*len(s)), s[:i]...)
			}
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
			continue
		case c != '%' && class[c]&classURI == 0:
			return "", failf("RFC 3986, section 3.3", "character %q must be escaped in URL", c)
		}
		if b != nil {
			b = append(b, c)
		}
	}
	// Non-ASCII is UTF-8, percent-encoded (RFC 6455, section 11.1).
	if !utf8.ValidString(s) {
		return "", failf("RFC 6455, section 11.1", "URL is not UTF-8")
	}
	if b != nil {
		return string(b), nil
	}
	return s, nil
}

const upperHex = "0123456789ABCDEF"

// String is the URL without zone, for messages and as a base of references.
func (u *URL) String() string {
	if u.Secure {
		return "wss://" + u.Host + u.Target
	}
	return "ws://" + u.Host + u.Target
}

// Resolve reads a Location header that answers a request to u: a ws, wss, http or https URL or a reference relative
// to u (RFC 9110, section 10.2.2). http means ws and https means wss. The result has passed [ParseURL]; whether the
// redirect may be followed is not judged here: see [SameOrigin] and Secure.
// The error is an *Error and does not show the location, which may hold userinfo.
func (u *URL) Resolve(location string) (*URL, error) {
	// An absolute URL is judged as it was written, not as net/url writes it again.
	if scheme, rest, ok := strings.Cut(location, "://"); ok {
		switch {
		case equalFold(scheme, "http"):
			return ParseURL("ws://" + rest)
		case equalFold(scheme, "https"):
			return ParseURL("wss://" + rest)
		case isScheme(scheme):
			return ParseURL(location)
		}
	}
	base, err := url.Parse(u.String())
	if err != nil {
		return nil, failf("RFC 9110, section 10.2.2", "malformed base of a redirect")
	}
	// Never strip a fragment (RFC 6455, section 3).
	next, err := base.Parse(location)
	if err != nil || strings.IndexByte(location, '#') >= 0 {
		return nil, failf("RFC 9110, section 10.2.2", "malformed location of a redirect")
	}
	return ParseURL(next.String())
}

// SameOrigin reports whether a and b have the same scheme, host and port (RFC 6454, section 5), so that credentials
// for one may go to the other. IPv6 literals compare as they are written.
func SameOrigin(a, b *URL) bool {
	return a.Secure == b.Secure && a.DialHost == b.DialHost && a.Port == b.Port
}
