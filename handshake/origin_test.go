package handshake

import (
	"strings"
	"testing"
)

// sameOrigins: in each row every origin is the origin of the server with that scheme and host, and of no other row's.
var sameOrigins = []struct {
	scheme  string
	hosts   []string
	origins []string
}{
	{"http", []string{"example.com", "EXAMPLE.com", "example.com:80", "example.com:"}, []string{"http://example.com", "http://example.com:80", "HTTP://Example.COM"}},
	{"https", []string{"example.com", "Example.Com:443"}, []string{"https://example.com", "https://example.com:443", "https://EXAMPLE.com"}},
	{"http", []string{"example.com:8080"}, []string{"http://example.com:8080"}},
	{"https", []string{"example.com:8080"}, []string{"https://example.com:8080"}},
	{"http", []string{"example.com:443"}, []string{"http://example.com:443"}},
	{"https", []string{"example.com:80"}, []string{"https://example.com:80"}},
	{"http", []string{"sub.example.com"}, []string{"http://sub.example.com"}},
	{"http", []string{"example.com."}, []string{"http://example.com."}},
	{"http", []string{"evilexample.com"}, []string{"http://evilexample.com"}},
	{"http", []string{"example.com.evil"}, []string{"http://example.com.evil"}},
	{"http", []string{"localhost"}, []string{"http://localhost"}},
	{"http", []string{"127.0.0.1"}, []string{"http://127.0.0.1"}},
	{"http", []string{"[::1]", "[0:0:0:0:0:0:0:1]:80"}, []string{"http://[::1]", "http://[::1]:80", "http://[0::1]"}},
	{"https", []string{"[::1]"}, []string{"https://[::1]", "https://[::1]:443"}},
	{"http", []string{"[::1]:8080"}, []string{"http://[::1]:8080"}},
	{"https", []string{"[2001:DB8::A]"}, []string{"https://[2001:db8::a]"}},
}

// Every origin against every host: allowed if and only if both are in the same row.
//
// Checklist: S9, Z1
func TestCheckOriginMatrix(t *testing.T) {
	pairs := 0
	for i, server := range sameOrigins {
		for j, page := range sameOrigins {
			for _, host := range server.hosts {
				for _, origin := range page.origins {
					pairs++
					err := CheckOrigin([]string{origin}, server.scheme, host, nil)
					if (err == nil) != (i == j) {
						t.Errorf("origin %q on %s %q: %v", origin, server.scheme, host, err)
					}
					checkStatus(t, err, 403)
				}
			}
		}
	}
	if pairs < 200 {
		t.Errorf("only %d pairs", pairs)
	}
}

// notOrigins are no serialised origins, or none that may be compared.
var notOrigins = []string{
	"", " ", "null", "NULL", "*", "example.com", "//example.com", "://example.com", "http:", "http://", "http:/example.com",
	"http:example.com", "http://example.com/", "http://example.com/a", "http://example.com?", "http://example.com#", "http://u@example.com",
	"http://u:p@example.com", "http://example.com:x", "http://example.com:80:80", "http://example.com:65616", "http://example.com http://example.com",
	"http://example.com, http://example.com", "http://example.com,null", "http://example.com\x00", "http://example.com\\", "http://*",
	"http://*.example.com", "http://exa mple.com", "http://[::1", "http://é.com", "1http://example.com", "ht_tp://example.com", "file://", "ws://example.com",
	"wss://example.com", "ftp://example.com", "chrome-extension://example.com", "http://example.com.", "http://xn--example.com", "http://example%2Ecom",
}

// Checklist: S9
func TestCheckOriginRefusesWhatIsNone(t *testing.T) {
	for _, origin := range notOrigins {
		for _, scheme := range []string{"http", "https"} {
			err := CheckOrigin([]string{origin}, scheme, "example.com", []string{"example.org"})
			if err == nil {
				t.Errorf("origin %q is allowed", origin)
			}
			checkStatus(t, err, 403)
		}
	}
	// A host that cannot be parsed is the same as nothing.
	if err := CheckOrigin([]string{"http://a,b"}, "http", "a,b", nil); err == nil {
		t.Error("malformed host and origin are equal")
	}
}

// Checklist: S9
func TestCheckOriginWithoutOrSeveral(t *testing.T) {
	if err := CheckOrigin(nil, "https", "example.com", nil); err != nil {
		t.Errorf("no Origin header: %v", err)
	}
	same := "https://example.com"
	for _, lines := range [][]string{{same, same}, {same, "https://evil.example"}, {"null", same}} {
		if err := CheckOrigin(lines, "https", "example.com", []string{same, "null"}); err == nil {
			t.Errorf("origins %q are allowed", lines)
		}
	}
	for _, scheme := range []string{"https", "HTTPS", "wss"} {
		if err := CheckOrigin([]string{" " + same + "\t"}, scheme, "example.com", nil); err != nil {
			t.Errorf("scheme %q: %v", scheme, err)
		}
	}
}

// Checklist: S9
func TestCheckOriginPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no []string
	}{
		{"https://example.com",
			[]string{"https://example.com", "https://EXAMPLE.com:443"},
			[]string{"http://example.com", "https://example.com:8443", "https://sub.example.com", "https://example.com.evil", "https://evilexample.com", "null"}},
		{"HTTPS://Example.com:8443",
			[]string{"https://example.com:8443"},
			[]string{"https://example.com", "http://example.com:8443", "https://example.com:84430"}},
		{"https://*.example.com",
			[]string{"https://a.example.com", "https://a.b.example.com", "https://A.EXAMPLE.COM:443"},
			[]string{"https://example.com", "https://evilexample.com", "https://a.example.com.evil", "http://a.example.com", "https://a.example.com:444",
				"https://.example.com", "https://..example.com", "https://example.com.a.example.org", "https://*.example.com"}},
		{"http://localhost:3000",
			[]string{"http://localhost:3000"},
			[]string{"http://localhost", "http://localhost:3001", "https://localhost:3000", "http://127.0.0.1:3000"}},
		{"http://[::1]:3000",
			[]string{"http://[::1]:3000", "http://[0:0::1]:3000"},
			[]string{"http://[::2]:3000", "http://[::1]"}},
		{"http://*.0.0.1", nil, []string{"http://127.0.0.1", "http://10.0.0.1", "http://[::10.0.0.1]"}},
		{"chrome-extension://abcdef",
			[]string{"chrome-extension://abcdef"},
			[]string{"chrome-extension://abcdeg", "https://abcdef", "moz-extension://abcdef", "chrome-extension://abcdef:1"}},
		{"null", []string{"null"}, []string{"https://null", "http://null", "NULL", "null.example.com"}},
	} {
		for _, scheme := range []string{"http", "https"} {
			checkPattern(t, tt.pattern, scheme, tt.yes, tt.no)
		}
	}
}

func checkPattern(t *testing.T, pattern, scheme string, yes, no []string) {
	t.Helper()
	if err := ValidOriginPattern(pattern); err != nil {
		t.Errorf("pattern %q: %v", pattern, err)
	}
	for _, origin := range yes {
		if err := CheckOrigin([]string{origin}, scheme, "server.example", []string{"other.example", pattern}); err != nil {
			t.Errorf("pattern %q on a %s server refuses %q", pattern, scheme, origin)
		}
	}
	for _, origin := range no {
		if err := CheckOrigin([]string{origin}, scheme, "server.example", []string{"other.example", pattern}); err == nil {
			t.Errorf("pattern %q on a %s server allows %q", pattern, scheme, origin)
		}
	}
}

// A pattern without a scheme means https, and http only where the server has no TLS to lose.
//
// Checklist: S9
func TestPatternWithoutScheme(t *testing.T) {
	secure := []string{"https://example.com", "https://Example.com:443"}
	clear := []string{"http://example.com", "http://example.com:80"}
	never := []string{"https://example.com:8443", "ftp://example.com", "https://a.example.com", "https://evilexample.com"}
	checkPattern(t, "example.com", "https", secure, append(clear, never...))
	checkPattern(t, "example.com", "http", append(secure, clear...), never)
	checkPattern(t, "*.example.com:81", "https", []string{"https://a.example.com:81"}, []string{"http://a.example.com:81", "https://a.example.com"})
	checkPattern(t, "*.example.com:81", "http", []string{"https://a.example.com:81", "http://a.example.com:81"}, []string{"http://example.com:81"})
}

func TestValidOriginPattern(t *testing.T) {
	for _, p := range []string{
		"", "*", "*.", "**", "http://*", "https://*:443", "*.*", "*.*.example.com", "a*.example.com", "example.*", "exam*le.com", "*example.com",
		"https://*example.com", "https://example.com/", "https://example.com/*", "://example.com", "1x://example.com", "https://", "*.127.0.0.1",
		"*.[::1]", "https://*.[::1]", "*..example.com", "https://u@example.com", "example.com:x", "é.example.com", "a,b", "https://a https://b",
		"https://null, *", "[::1", "https//example.com",
	} {
		err := ValidOriginPattern(p)
		if err == nil {
			t.Errorf("pattern %q is valid", p)
		}
		checkStatus(t, err, 500)
		for _, origin := range []string{"https://example.com", "https://a.example.com", "http://127.0.0.1", "http://[::1]"} {
			if CheckOrigin([]string{origin}, "http", "server.example", []string{p}) == nil {
				t.Errorf("malformed pattern %q allows %q", p, origin)
			}
		}
	}
}

// Checklist: S9
func TestCheckOriginOfEveryTruncation(t *testing.T) {
	const origin = "https://sub.example.com:8443"
	for n := range len(origin) {
		err := CheckOrigin([]string{origin[:n]}, "https", "sub.example.com:8443", []string{"https://*.example.com:8443"})
		if err == nil {
			t.Errorf("origin %q is allowed", origin[:n])
		}
		err = CheckOrigin([]string{origin}, "https", strings.TrimPrefix(origin, "https://")[:n/2], []string{origin[:n]})
		if err == nil {
			t.Errorf("pattern %q allows %q", origin[:n], origin)
		}
	}
}
