package handshake

import (
	"slices"
	"strings"
)

// CheckOrigin judges where the page comes from that opened the connection (RFC 6455, sections 4.2.1, step 7, and
// 10.2). origin are the lines of the Origin header, scheme is "https" (or "wss") if the server speaks TLS and "http"
// (or "ws") if not, host is the Host of the request. Accepted are:
//
//   - no Origin header: browsers always send one, and a client that is no browser could send any
//   - the same scheme, host and port as the request; default ports are filled in, hosts compare ASCII
//     case-insensitive, IPv6 by value
//   - an origin that one of patterns names, see [ValidOriginPattern]; "null" only by the pattern "null"
//
// Behind a proxy that ends TLS the server's scheme is http and the page's https: name the origin in a pattern then.
// Everything else, several Origin headers, and what is no serialised origin is an *Error with status 403.
func CheckOrigin(origin []string, scheme string, host string, patterns []string) error {
	if len(origin) == 0 || len(origin) == 1 && isOwnOrigin(origin[0], scheme, host) {
		return nil
	}
	return checkOrigin(origin, scheme, host, patterns)
}

// isOwnOrigin reports whether an origin is that of the request and both are written alike, as most of them are. It has
// next to nothing on the stack: see server.UpgradeConn.
func isOwnOrigin(origin, scheme, host string) bool {
	own := "http://"
	if isSecure(scheme) {
		own = "https://"
	}
	return strings.HasPrefix(origin, own) && origin[len(own):] == host && validHost(host)
}

func isSecure(scheme string) bool { return equalFold(scheme, "https") || equalFold(scheme, "wss") }

// checkOrigin is CheckOrigin for all the others.
func checkOrigin(origin []string, scheme string, host string, patterns []string) error {
	if len(origin) > 1 {
		return refusef(403, "RFC 6454, section 7.3", "request has %d Origin headers, want 1", len(origin))
	}
	s := trim(origin[0])
	if s == "null" && slices.Contains(patterns, s) {
		return nil
	}
	from, ok := parseOrigin(s)
	if !ok {
		return refusef(403, "RFC 6455, section 10.2", "origin %q is not allowed", cut(s))
	}
	secure := isSecure(scheme)
	here, ok := parseHost(host)
	if ok && from.scheme == httpScheme(secure) && here.sameName(from.host) && here.portOr(secure) == from.port {
		return nil
	}
	for _, p := range patterns {
		if pattern, ok := parsePattern(p, secure); ok && pattern.match(from) {
			return nil
		}
	}
	return refusef(403, "RFC 6455, section 10.2", "origin %q is not allowed on host %q", cut(s), cut(host))
}

func httpScheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// origin is scheme, host and port; port is filled in, -1 for the unknown default of a scheme that is not HTTP's.
type origin struct {
	scheme string // lower case
	host   host
	port   int
}

// parseOrigin reads scheme "://" host [ ":" port ] and nothing behind it (RFC 6454, section 6.2).
func parseOrigin(s string) (o origin, ok bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !isScheme(scheme) {
		return o, false
	}
	o.scheme = strings.ToLower(scheme)
	if o.host, ok = parseHost(rest); !ok {
		return o, false
	}
	switch o.scheme {
	case "http", "https":
		o.port = o.host.portOr(o.scheme == "https")
	default:
		o.port = o.host.port
	}
	return o, true
}

// isScheme: ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) (RFC 3986, section 3.1).
func isScheme(s string) bool {
	return s != "" && lower(s[0]) >= 'a' && lower(s[0]) <= 'z' && every(s, classScheme)
}

// pattern is an origin in which a leading "*." of the host stands for one or more labels.
type pattern struct {
	origin
	schemes [2]string // one or two allowed
	wild    bool      // host.name is what follows "*"
}

// ValidOriginPattern judges a pattern for [CheckOrigin]. A pattern covers the whole origin, never a part of it:
//
//	https://example.com        this origin; a port that is not written is the scheme's default
//	https://example.com:8443   this origin
//	https://*.example.com      one or more labels before .example.com, so not example.com itself
//	example.com                https, and http too if the server itself speaks no TLS: a page that came in clear text
//	                           is not let into a server with TLS unless http:// is written
//	*.example.com:8443         likewise
//	null                       pages without an origin (files, sandboxed frames): anybody can make one
//
// "*" alone, a "*" elsewhere, a path, and a wildcard before an IP address are not patterns. The error is an *Error with
// status 500: it is the server's own configuration.
func ValidOriginPattern(p string) error {
	if p == "null" {
		return nil
	}
	if _, ok := parsePattern(p, false); !ok {
		return refusef(500, "RFC 6455, section 10.2", "malformed origin pattern %q", cut(p))
	}
	return nil
}

// parsePattern reads a pattern for a server that speaks TLS or not.
func parsePattern(s string, secure bool) (p pattern, ok bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case s == "null": // an origin without a host, and not the host "null"
		return p, false
	case !ok:
		rest, p.schemes = s, [2]string{"https", httpScheme(secure)}
	case isScheme(scheme):
		scheme = strings.ToLower(scheme)
		p.schemes = [2]string{scheme, scheme}
	default:
		return p, false
	}
	rest, p.wild = strings.CutPrefix(rest, "*.")
	if p.host, ok = parseHost(rest); !ok {
		return p, false
	}
	if _, v4 := parseIPv4(p.host.name); p.wild && (v4 || p.host.v6 || p.host.name[0] == '.') {
		return p, false
	}
	return p, true
}

// match reports whether o is covered.
func (p pattern) match(o origin) bool {
	if o.scheme != p.schemes[0] && o.scheme != p.schemes[1] {
		return false
	}
	want := p.host.port
	if o.scheme == "http" || o.scheme == "https" {
		want = p.host.portOr(o.scheme == "https")
	}
	if want != o.port {
		return false
	}
	if !p.wild {
		return p.host.sameName(o.host)
	}
	// An address has no labels: *.0.0.1 does not cover 127.0.0.1.
	if _, v4 := parseIPv4(o.host.name); v4 || o.host.v6 {
		return false
	}
	labels, ok := strings.CutSuffix(o.host.name, "."+p.host.name)
	return ok && labels != "" && labels[0] != '.'
}
