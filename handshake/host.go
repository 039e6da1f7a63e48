package handshake

import (
	"strconv"
	"strings"
)

// maxHost bounds a host name, in bytes: no DNS name is longer (RFC 1035, section 2.3.4).
const maxHost = 255

// host is a parsed uri-host [ ":" port ] (RFC 9110, section 7.2).
type host struct {
	name string   // lower case, without brackets
	v6   bool     // an IPv6 literal; ip is its value
	ip   [16]byte //
	port int      // -1 if absent or empty
}

// parseHost reads a Host header or the authority of a URL without userinfo.
// RFC 3986 also lets a reg-name hold escapes and sub-delims, and knows IPvFuture; no name in DNS has them, and what one
// hop takes for a name the next may take for a separator, so they are refused here.
func parseHost(s string) (h host, ok bool) {
	h.port = -1
	rest := ""
	if strings.HasPrefix(s, "[") {
		if h.name, rest, ok = strings.Cut(s[1:], "]"); !ok {
			return h, false
		}
		if h.ip, h.v6 = parseIPv6(h.name); !h.v6 {
			return h, false
		}
	} else {
		end := strings.IndexByte(s, ':')
		if end < 0 {
			end = len(s)
		}
		h.name, rest = s[:end], s[end:]
		if h.name == "" || len(h.name) > maxHost || !every(h.name, classHost) {
			return h, false
		}
	}
	h.name = strings.ToLower(h.name)
	h.port, ok = parsePort(rest)
	return h, ok
}

// validHost reports whether parseHost lets s pass.
//
//go:noinline
func validHost(s string) bool {
	_, ok := parseHost(s)
	return ok
}

// parsePort reads "" or ":" *DIGIT; -1 is an absent or empty port.
func parsePort(s string) (int, bool) {
	if s == "" || s == ":" {
		return -1, true
	}
	if s[0] != ':' || len(s) > 6 || !digits(s[1:]) {
		return -1, false
	}
	n, _ := strconv.Atoi(s[1:])
	return n, n <= 65535
}

// digits reports whether s is 1*DIGIT.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// sameName compares names, not ports: IPv6 literals by value, so that [::1] is [0:0:0:0:0:0:0:1].
func (h host) sameName(o host) bool {
	if h.v6 || o.v6 {
		return h.v6 == o.v6 && h.ip == o.ip
	}
	return h.name == o.name
}

// portOr is the port, or the default port of a scheme: 443 if secure, else 80 (RFC 6455, section 3).
func (h host) portOr(secure bool) int {
	switch {
	case h.port >= 0:
		return h.port
	case secure:
		return 443
	}
	return 80
}

// parseIPv6 reads an IPv6 address without brackets and zone (RFC 3986, section 3.2.2).
func parseIPv6(s string) (ip [16]byte, ok bool) {
	if len(s) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255") {
		return ip, false
	}
	before, after, gap := strings.Cut(s, "::")
	var buf [64]byte
	head, ok := appendGroups(buf[:0:32], before, !gap)
	if !ok {
		return ip, false
	}
	tail, ok := appendGroups(buf[32:32], after, true)
	if !ok {
		return ip, false
	}
	// "::" stands for one or more groups of zeros.
	if n := len(head) + len(tail); gap && n > 14 || !gap && n != 16 {
		return ip, false
	}
	copy(ip[:], head)
	copy(ip[16-len(tail):], tail)
	return ip, true
}

// appendGroups appends the bytes of "h16:h16:..."; the last group may be an IPv4 address if v4 is true.
func appendGroups(b []byte, s string, v4 bool) ([]byte, bool) {
	for more := s != ""; more; {
		var g string
		g, s, more = strings.Cut(s, ":")
		if ip, ok := parseIPv4(g); ok && v4 && !more {
			return append(b, ip[:]...), true
		}
		n, err := strconv.ParseUint(g, 16, 16)
		if err != nil || len(g) > 4 {
			return b, false
		}
		b = append(b, byte(n>>8), byte(n))
	}
	return b, true
}

// parseIPv4 reads four decimal octets without leading zeros.
func parseIPv4(s string) (ip [4]byte, ok bool) {
	for i := range ip {
		g, rest, more := strings.Cut(s, ".")
		n, err := strconv.ParseUint(g, 10, 8)
		if err != nil || len(g) > 1 && g[0] == '0' || more != (i < 3) {
			return ip, false
		}
		ip[i], s = byte(n), rest
	}
	return ip, true
}
