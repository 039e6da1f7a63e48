package handshake

import (
	"strings"
	"testing"
)

// urls are accepted.
var urls = []struct {
	raw  string
	want URL
}{
	{"ws://h", URL{Host: "h", DialHost: "h", Port: "80", ServerName: "h", Target: "/"}},
	{"WS://h", URL{Host: "h", DialHost: "h", Port: "80", ServerName: "h", Target: "/"}},
	{"wss://h", URL{Secure: true, Host: "h", DialHost: "h", Port: "443", ServerName: "h", Target: "/"}},
	{"wSs://h", URL{Secure: true, Host: "h", DialHost: "h", Port: "443", ServerName: "h", Target: "/"}},
	{"ws://h:/", URL{Host: "h", DialHost: "h", Port: "80", ServerName: "h", Target: "/"}},
	{"ws://h:80/", URL{Host: "h", DialHost: "h", Port: "80", ServerName: "h", Target: "/"}},
	{"ws://h:443/", URL{Host: "h:443", DialHost: "h", Port: "443", ServerName: "h", Target: "/"}},
	{"wss://h:443/", URL{Secure: true, Host: "h", DialHost: "h", Port: "443", ServerName: "h", Target: "/"}},
	{"wss://h:80/", URL{Secure: true, Host: "h:80", DialHost: "h", Port: "80", ServerName: "h", Target: "/"}},
	{"ws://h:08080", URL{Host: "h:8080", DialHost: "h", Port: "8080", ServerName: "h", Target: "/"}},
	{"wss://H.Example.COM.:8443", URL{Secure: true, Host: "h.example.com.:8443", DialHost: "h.example.com.", Port: "8443", ServerName: "h.example.com", Target: "/"}},
	{"ws://127.0.0.1:81", URL{Host: "127.0.0.1:81", DialHost: "127.0.0.1", Port: "81", Target: "/"}},
	{"ws://[::1]", URL{Host: "[::1]", DialHost: "::1", Port: "80", Target: "/"}},
	{"ws://[::1]:", URL{Host: "[::1]", DialHost: "::1", Port: "80", Target: "/"}},
	{"ws://[::1]:81?", URL{Host: "[::1]:81", DialHost: "::1", Port: "81", Target: "/?"}},
	{"ws://[FE80::1%25lo]", URL{Host: "[fe80::1]", DialHost: "fe80::1%lo", Port: "80", Target: "/"}},
	{"wss://[fe80::1%25eth0.1]:81/", URL{Secure: true, Host: "[fe80::1]:81", DialHost: "fe80::1%eth0.1", Port: "81", Target: "/"}},
	{"ws://[fe80::1%25a%3Ab]", URL{Host: "[fe80::1]", DialHost: "fe80::1%a:b", Port: "80", Target: "/"}},
}

// Checklist: U1, U3, U4
func TestParseURL(t *testing.T) {
	for _, tt := range urls {
		got, err := ParseURL(tt.raw)
		if err != nil {
			t.Errorf("ParseURL(%q): %v", tt.raw, err)
			continue
		}
		if *got != tt.want {
			t.Errorf("ParseURL(%q)\ngot  %+v\nwant %+v", tt.raw, *got, tt.want)
		}
	}
}

// Checklist: U2, U5, U6, U7, U11
func TestResourceName(t *testing.T) {
	for raw, want := range map[string]string{
		"ws://h":                       "/",
		"ws://h/":                      "/",
		"ws://h?x":                     "/?x",
		"ws://h?":                      "/?",
		"ws://h/?":                     "/?",
		"ws://h/a?b?c":                 "/a?b?c",
		"ws://h//a/../b/.":             "//a/../b/.",
		"ws://h/a%2Fb%23c":             "/a%2Fb%23c",
		"ws://h/%23a":                  "/%23a",
		"ws://h/%e9%E9":                "/%e9%E9",
		"ws://h/é":                     "/%C3%A9",
		"ws://h/a?q=é&r=\U0001F600%20": "/a?q=%C3%A9&r=%F0%9F%98%80%20",
		"ws://h/.well-known/x":         "/.well-known/x",
		"ws://h/a-._~!$&'()*+,;=:@/?":  "/a-._~!$&'()*+,;=:@/?",
		"ws://h/a@b":                   "/a@b",
		"ws://h/http://x":              "/http://x",
	} {
		if u, err := ParseURL(raw); err != nil || u.Target != want {
			t.Errorf("ParseURL(%q) = %+v, %v, want target %q", raw, u, err, want)
		}
	}
}

// badURLs break RFC 6455, section 3, or RFC 3986.
var badURLs = []string{
	"", "h", "//h", "/", "://h", "ws", "ws:", "ws:/h", "ws:h", "ws//h", "wsx://h", "xws://h", "http://h", "https://h", "w s://h",
	"ws+unix://h", "ws ://h", " ws://h", "wſ://h", "wss:\\\\h", "file:///etc", "ws:///", "ws://", "wss://?", "ws://:80",
	"ws://h#", "ws://h/#", "ws://h/#a", "ws://h?#", "ws://#h", "ws://h/a#b?c",
	"ws://u:p@h/", "ws://u@h", "ws://@h", "ws://:@h", "ws://u%40@h", "ws://h@",
	"ws://h/\r\nX: y", "ws://h/\n", "ws://h/\x00", "ws://h/\x7f", "ws://h/a b", "ws://h/\t", "ws://h ", "ws://h\r\n/", "ws://h\x00",
	"ws://h/%", "ws://h/%1", "ws://h/%zz", "ws://h?%", "ws://h/%é0",
	"ws://h/\"", "ws://h/<", "ws://h/>", "ws://h/\\", "ws://h/^", "ws://h/`", "ws://h/{", "ws://h/|", "ws://h/}", "ws://h?[", "ws://h?]",
	"ws://h/\xff", "ws://h?\xc3", "ws://h/\xed\xa0\x80",
	"ws://é", "ws://h%41", "ws://h\\x", "ws://a,b", "ws://*", "ws://h:0", "ws://h:65536", "ws://h:x", "ws://h:-1", "ws://h:80:80",
	"ws://::1", "ws://[::1", "ws://::1]", "ws://[]", "ws://[h]", "ws://[::1]x", "ws://[v1.a]", "ws://[127.0.0.1]",
	"ws://[fe80::1%lo]", "ws://[fe80::1%25]", "ws://[fe80::1%25lo", "ws://[fe80::1%25%zz]", "ws://[fe80::1%25a%20b]",
	"ws://[fe80::1%25a%0d%0a]", "ws://[fe80::1%25[]", "ws://[fe80::1%25lo?]", "ws://h%25lo", "ws://h%25lo]", "ws://" + strings.Repeat("a", 256),
}

// Checklist: U1, U2, U7, U8, U9, U10
func TestParseURLRefuses(t *testing.T) {
	for _, raw := range badURLs {
		u, err := ParseURL(raw)
		if err == nil || u != nil {
			t.Errorf("ParseURL(%q) = %+v, want an error", raw, u)
		}
		checkStatus(t, err, 0)
	}
}

// Checklist: U7, U8
func TestURLErrorsSayWhatButNotUserinfo(t *testing.T) {
	for _, raw := range []string{
		"ws://user:secret@h/", "ws://secret@h", "http://user:secret@h/", "ws://user:secret@h/#", "ws://user:secret@h/\n",
		"ws://user:secret?@h/", "ws://user:secret/@h/", "user:secret@h", "secret://user@h", "ws://user:secret@h/%zz",
		"ws://[user:secret@h]/", "ws://u%25secret@h",
	} {
		_, err := ParseURL(raw)
		if err == nil && !strings.Contains(raw, "/@") {
			t.Errorf("ParseURL(%q): no error", raw)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseURL(%q) shows it: %v", raw, err)
		}
	}
	if _, err := ParseURL("ws://exämple.com/"); err == nil || !strings.Contains(err.Error(), "punycode") {
		t.Errorf("a host outside ASCII: %v", err)
	}
	if _, err := ParseURL("ws://h:http/"); err == nil || !strings.Contains(err.Error(), `"h:http"`) {
		t.Errorf("a malformed port is not shown: %v", err)
	}
}

// Checklist: U9
func TestParseURLOfEveryTruncation(t *testing.T) {
	raws := []string{"wss://[fe80::1%25lo]:8080/é%20?a=b&c"}
	for _, tt := range urls {
		raws = append(raws, tt.raw)
	}
	for _, raw := range raws {
		for n := range len(raw) {
			u, err := ParseURL(raw[:n])
			checkStatus(t, err, 0)
			if err == nil {
				checkOneLine(t, u)
			}
		}
	}
}

// checkOneLine fails unless the request for u has one request line, with u's fields, and six lines in all.
func checkOneLine(t *testing.T, u *URL) {
	t.Helper()
	b, err := AppendRequest(nil, u, &Offer{Key: rfcKey})
	if err != nil {
		t.Fatalf("AppendRequest of %+v: %v", u, err)
	}
	if len(b) > MaxLine {
		return
	}
	r, n, err := ParseRequest(b)
	if err != nil || n != len(b) || r.Method != "GET" || r.Target != u.Target || r.Host != u.Host || len(r.Header) != 4 {
		t.Fatalf("%+v is written as %q: %+v, %d, %v", u, b, r, n, err)
	}
	if err := r.Check(); err != nil || r.Target != u.Target {
		t.Fatalf("%+v is written as %q: %v", u, b, err)
	}
}

func TestURLString(t *testing.T) {
	for raw, want := range map[string]string{
		"WSS://H:443?":                "wss://h/?",
		"ws://[fe80::1%25lo]:81/a%2F": "ws://[fe80::1]:81/a%2F",
	} {
		if u, err := ParseURL(raw); err != nil || u.String() != want {
			t.Errorf("String of %q = %v, %v, want %q", raw, u, err, want)
		}
	}
}

func TestResolve(t *testing.T) {
	base, err := ParseURL("wss://example.com/a/b?c")
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"d":                       "wss://example.com/a/d",
		"/d?e":                    "wss://example.com/d?e",
		"../d":                    "wss://example.com/d",
		"?e":                      "wss://example.com/a/b?e",
		"":                        "wss://example.com/a/b?c",
		"//other:81/d":            "wss://other:81/d",
		"https://other/d":         "wss://other/d",
		"HTTP://other":            "ws://other/",
		"ws://other/%2F?":         "ws://other/%2F?",
		"wss://example.com:443/":  "wss://example.com/",
		"/login?next=http://x/":   "wss://example.com/login?next=http://x/",
		"/a%2Fb":                  "wss://example.com/a%2Fb",
		"ws+unix://x":             "",
		"file:///etc/passwd":      "",
		"javascript:alert(1)":     "",
		"https://u:secret@other/": "",
		"//u:secret@other/":       "",
		"/d#e":                    "",
		"https://other/#":         "",
		"/d\r\nX: y":              "",
		"https://other/\r\nX: y":  "",
		"://secret":               "",
		"%zz":                     "",
		"http:d":                  "",
		"https://é/":              "",
		"x&y://other":             "",
	} {
		u, err := base.Resolve(location)
		checkStatus(t, err, 0)
		switch {
		case err != nil && (want != "" || strings.Contains(err.Error(), "secret")):
			t.Errorf("Resolve(%q): %v, want %q", location, err, want)
		case err == nil && u.String() != want:
			t.Errorf("Resolve(%q) = %q, want %q", location, u, want)
		}
	}
	if u, err := (&URL{Host: "%zz"}).Resolve("/"); err == nil {
		t.Errorf("Resolve from a broken base = %v", u)
	}
}

func TestSameOrigin(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"ws://h/a", "ws://H:80/b?c", true},
		{"wss://h", "wss://h:443", true},
		{"ws://h", "wss://h", false},
		{"ws://h:443", "wss://h:443", false},
		{"ws://h", "ws://h:81", false},
		{"ws://h", "ws://h.", false},
		{"ws://h", "ws://sub.h", false},
		{"ws://[::1]", "ws://[::1]:80", true},
	} {
		a, err := ParseURL(tt.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseURL(tt.b)
		if err != nil {
			t.Fatal(err)
		}
		if got := SameOrigin(a, b); got != tt.want {
			t.Errorf("SameOrigin(%q, %q) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
