package handshake

import (
	"slices"
	"strings"
)

// Header holds header fields under their canonical MIME names ("Sec-Websocket-Key"), as net/http does, so that an
// http.Header converts to it. Several lines of one name are several values, in order.
type Header = map[string][]string

// spelled maps the canonical name to itself for names that come with nearly every handshake, to save their allocation.
var spelled = func() map[string]string {
	m := make(map[string]string)
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Length",
		"Content-Type", "Cookie", "Date", "Host", "Location", "Origin", "Pragma", "Sec-Fetch-Dest", "Sec-Fetch-Mode",
		"Sec-Fetch-Site", "Sec-Websocket-Accept", "Sec-Websocket-Extensions", "Sec-Websocket-Key",
		"Sec-Websocket-Protocol", "Sec-Websocket-Version", "Server", "Set-Cookie", "Upgrade", "User-Agent", "Vary",
		"X-Forwarded-For", "X-Forwarded-Proto",
	} {
		m[name] = name
	}
	return m
}()

// canonical is the MIME form of a header name that is a token: capitals at the start and behind "-", else lower case.
func canonical(name string) string {
	up := true
	for i := range len(name) {
		c := name[i]
		if up && c >= 'a' && c <= 'z' || !up && c >= 'A' && c <= 'Z' {
			return recased(name)
		}
		up = c == '-'
	}
	return name
}

// recased is canonical for a name that is written in another way.
func recased(name string) string {
	switch name { // as RFC 6455 writes them
	case "Sec-WebSocket-Key":
		return "Sec-Websocket-Key"
	case "Sec-WebSocket-Version":
		return "Sec-Websocket-Version"
	case "Sec-WebSocket-Extensions":
		return "Sec-Websocket-Extensions"
	case "Sec-WebSocket-Protocol":
		return "Sec-Websocket-Protocol"
	}
	var buf [64]byte
	b := append(buf[:0], name...)
	up := true
	for i, c := range b {
		if b[i] = lower(c); up && c >= 'a' && c <= 'z' {
			b[i] = c - ('a' - 'A')
		} else if up {
			b[i] = c
		}
		up = c == '-'
	}
	if s, ok := spelled[string(b)]; ok {
		return s
	}
	return string(b)
}

// wireName is how we write a name: as given, but for the fields of RFC 6455, whose canonical MIME form is not the
// spelling of the RFC. Names compare case-insensitively; some peers forget it.
func wireName(name string) string {
	const mime, rfc = "Sec-Websocket-", "Sec-WebSocket-"
	if strings.HasPrefix(name, mime) {
		return rfc + name[len(mime):]
	}
	return name
}

// parseFields cuts the field lines of a head that a HeadScanner let through, and puts them into h; lines is how many
// there are. Of a request's, the lines named Host are counted, one of them is returned, and none is in the header.
// All names and values are parts of s, so a header kept pins its head.
func parseFields(h Header, s string, lines int, request bool) (host string, hosts int) {
	values := make([]string, 0, lines)
	var seen uint64
	for s != "" {
		var key, value string
		key, value, s = cutField(s)
		if request && key == "Host" {
			host = value
			hosts++
			continue
		}
		// What the header has already is looked up only if it may have it: each name has one of 64 bits.
		bit := uint64(1) << ((uint(len(key))*5 + uint(key[0]) + uint(key[len(key)-1])*3) % 64)
		if seen&bit != 0 {
			if had, ok := h[key]; ok {
				h[key] = append(had, value)
				continue
			}
		}
		seen |= bit
		n := len(values)
		values = append(values, value)
		h[key] = values[n : n+1 : n+1]
	}
	return host, hosts
}

// cutField cuts off the first line of s. It is no part of its caller, which has little room on the stack: see
// server.UpgradeConn.
//
//go:noinline
func cutField(s string) (key, value, rest string) {
	end := strings.IndexByte(s, '\r') // only an LF may follow
	colon := strings.IndexByte(s, ':')
	return canonical(s[:colon]), trim(s[colon+1 : end]), s[end+len("\r\n"):]
}

// appendField appends one header line.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), '\r', '\n')
}

// appendHeader appends a caller's fields but skip, sorted by name, the values of one name in order. White space around
// a value goes, as every reader of the line would drop it (RFC 9112, section 5.1).
func appendHeader(b []byte, h Header, skip string) []byte {
	names := make([]string, 0, len(h))
	for name := range h {
		if canonical(name) != skip {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			b = appendField(b, wireName(name), trim(v))
		}
	}
	return b
}

// reserved reports whether a header belongs to the handshake or to the framing of HTTP, so that a caller's own would
// double or contradict it (RFC 6455, sections 4.1, 11.3.3 and 11.3.4; RFC 9110, sections 7.6.1 and 8.6).
func reserved(key string) bool {
	switch key {
	case "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Trailer", "Te", "Expect",
		"Keep-Alive", "Proxy-Connection", "Http2-Settings":
		return true
	}
	return strings.HasPrefix(key, "Sec-Websocket-")
}

// checkHeader judges a caller's fields before they are written. The messages name the field and never show its value,
// which may be a credential.
func checkHeader(h Header) (place, msg string) {
	for name, values := range h {
		if !IsToken(name) {
			return "RFC 9110, section 5.1", "header name is not a token"
		}
		if reserved(canonical(name)) {
			return "RFC 6455, section 4.1", "header " + name + " belongs to the handshake and cannot be set"
		}
		if !allValid(values) {
			return "RFC 9110, section 5.5", "value of header " + name + " holds a control byte"
		}
	}
	return "", ""
}

func allValid(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return !ValidHeaderValue(v) })
}
