package handshake

import (
	"net/netip"
	"strings"
	"testing"
)

var addresses = []string{
	"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::8", "fe80::1", "ABCD:ef01::",
	"::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4", "0:0:0:0:0:0:0:1", "0001:0002::", "::0.0.0.0",
	// malformed
	"", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1::2::3", "::1::", "12345::", "g::",
	"1:2:3:4::5:6:7:8", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1.2.3.4::", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256",
	"::01.2.3.4", "::1.2.3.4:5", "+1::", "1_0::", "0x1::", " ::1", "::1 ", "1:2:3:4:5:6:7:1.2.3.4", "::.1.2.3",
	"1:2:3:4:5:6:7:8:1.2.3.4", strings.Repeat("1:", 40) + ":",
}

func TestParseIPv6EqualsNetip(t *testing.T) {
	for _, s := range addresses {
		got, ok := parseIPv6(s)
		want, err := netip.ParseAddr(s)
		if ok != (err == nil) || ok && got != want.As16() {
			t.Errorf("parseIPv6(%q) = %x, %v, want %v, %v", s, got, ok, want, err)
		}
	}
}

func TestParseIPv4EqualsNetip(t *testing.T) {
	for _, s := range []string{
		"0.0.0.0", "1.2.3.4", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "", "...",
		"1.2.3.", "a.b.c.d", "1..2.3", "+1.2.3.4", "1.2.3.4 ", "0x1.2.3.4", "1.2.3.4.",
	} {
		got, ok := parseIPv4(s)
		want, err := netip.ParseAddr(s)
		if ok != (err == nil) || ok && got != want.As4() {
			t.Errorf("parseIPv4(%q) = %v, %v, want %v, %v", s, got, ok, want, err)
		}
	}
}

// hosts are Host headers; want is name and port in the form of this package, or empty for malformed.
var hosts = []struct {
	in   string
	name string
	port int
}{
	{"example.com", "example.com", -1},
	{"EXAMPLE.com:8080", "example.com", 8080},
	{"example.com:", "example.com", -1},
	{"example.com:0080", "example.com", 80},
	{"example.com:65535", "example.com", 65535},
	{"example.com:0", "example.com", 0},
	{"a_b-c.example.", "a_b-c.example.", -1},
	{"127.0.0.1:1", "127.0.0.1", 1},
	{"[::1]", "::1", -1},
	{"[::1]:81", "::1", 81},
	{"[::1]:", "::1", -1},
	{"[FE80::1]", "fe80::1", -1},
	{strings.Repeat("a", 255), strings.Repeat("a", 255), -1},
}

var malformedHosts = []string{
	"", ":", ":80", "a:b", "a:80:80", "a:65536", "a:99999", "a:000080", "a:-1", "a:+1", "a: 1", "a b", " a", "a/b", "a?b", "a#b",
	"u@a", "a\x00", "a\r\nb", "é", "a%41", "a%zz", "a,b", "a;b", "a\\b", "[", "]", "[]", "[::1", "::1", "::1]", "[::1]80",
	"[::1]a", "[::1%25lo]", "[::1%lo]", "[v1.a]", "[127.0.0.1]", "[::1]:x", "a]", "*", "*.a", strings.Repeat("a", 256),
}

// Checklist: S2
func TestParseHost(t *testing.T) {
	for _, tt := range hosts {
		h, ok := parseHost(tt.in)
		if !ok || h.name != tt.name || h.port != tt.port || h.v6 != strings.HasPrefix(tt.in, "[") {
			t.Errorf("parseHost(%q) = %+v, %v, want %q, %d", tt.in, h, ok, tt.name, tt.port)
		}
	}
	for _, s := range malformedHosts {
		if h, ok := parseHost(s); ok {
			t.Errorf("parseHost(%q) = %+v, want none", s, h)
		}
	}
}
