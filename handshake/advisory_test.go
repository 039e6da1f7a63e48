package handshake

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestAdvisory replays what public advisories of WebSocket implementations were about, one subtest each.
func TestAdvisory(t *testing.T) {
	for _, tt := range []struct {
		ids  string // separated by a space
		test func(t *testing.T)
	}{
		{"CVE-2021-32640", listsOfSpaces},
		{"CVE-2020-7662 CVE-2020-7663", unclosedStrings},
		{"ws-3.3.1 CVE-2022-21676 CVE-2022-41940 CVE-2023-31125", namesOfBuiltIns},
		{"CVE-2023-43669", headByBytes},
		{"CVE-2026-54465", endlessHeaderList},
		{"CVE-2024-37890", headerCountFlood},
		{"CVE-2026-61666", malformedHost},
		{"CVE-2026-59898", forcedUpgrade},
		{"CVE-2026-54463", oldDrafts},
		{"CVE-2026-1527", injectionByClient},
		{"CVE-2020-35678", injectionByServer},
		{"CVE-2022-42975", wildcardBySuffix},
		{"CVE-2019-13209 CVE-2026-22689 CVE-2026-32815 CVE-2026-34403 CVE-2026-42283 CVE-2026-44514 CVE-2026-44985 " +
			"CVE-2026-55883 GHSA-q355-h244-969h CVE-2019-13611 CVE-2014-3429 CVE-2020-28481", otherOrigins},
		{"coder-e11dd4e nats-6ffaacdc6", otherScheme},
	} {
		for _, id := range strings.Fields(tt.ids) {
			t.Run(id, tt.test)
		}
	}
}

const long = 64 << 10

// Checklist: X3
func TestLongListsEndRight(t *testing.T) {
	listsOfSpaces(t)
	unclosedStrings(t)
}

func listsOfSpaces(t *testing.T) {
	for _, fill := range []string{" ", "\t", ",", ", ", " ,\t"} {
		run := strings.Repeat(fill, long/len(fill))
		if strings.Contains(fill, ",") {
			run = "," + run + ","
		}
		got, err := ParseTokens([]string{"a" + run, run + "b" + run})
		if want := []string{"a", "b"}; !slices.Equal(got, want) || err != nil {
			t.Errorf("tokens among %q: %q, %v", fill, got, err)
		}
		if _, err := ParseTokens([]string{run}); err == nil {
			t.Errorf("a list of %q alone is accepted", fill)
		}
		if got, err := ParseTokens([]string{"a" + strings.Repeat(" ", long) + "b"}); err == nil {
			t.Errorf("two tokens without a comma are %q", got)
		}
		if !HasToken([]string{run + "upgrade" + run}, "upgrade") {
			t.Errorf("token not found among %q", fill)
		}
	}
}

func unclosedStrings(t *testing.T) {
	for _, s := range []string{
		`a; b="` + strings.Repeat(`\c`, long/2),
		`a; b="` + strings.Repeat(`\c`, long/2) + `\`,
		`a; b="` + strings.Repeat(`c`, long),
		`a; b="` + strings.Repeat(`\`, long+1),
		`a; b="` + strings.Repeat(`\"`, long/2),
		strings.Repeat(`a; b="\c`, long/8),
		"a" + strings.Repeat(" ", long) + "b",
		"a" + strings.Repeat(";", long),
		"a" + strings.Repeat(" ;", long/2),
	} {
		if got, err := ParseExtensions([]string{s}); err == nil {
			t.Errorf("%.20q... is %d extensions", s, len(got))
		}
	}
	value := strings.Repeat("c", long/2)
	got, err := ParseExtensions([]string{`a; b="` + strings.Repeat(`\c`, long/2) + `"`})
	if err != nil || got[0].Params[0].Value != value {
		t.Errorf("a long string of escapes: %v", err)
	}
	if got, err := ParseExtensions([]string{strings.Repeat(",", long) + "a" + strings.Repeat(" ,", long)}); err != nil || len(got) != 1 {
		t.Errorf("an element among commas: %v, %v", got, err)
	}
}

func namesOfBuiltIns(t *testing.T) {
	for _, name := range []string{"constructor", "__proto__", "prototype", "toString", "hasOwnProperty", "nil", "init", "0"} {
		r := with(with(good(), "Sec-Websocket-Extensions", name+"; "+name+"="+name), "Sec-Websocket-Protocol", name)
		if err := r.Check(); err != nil || r.Extensions[0].Name != name || r.Protocols[0] != name {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if p := Select(r.Protocols, []string{"chat"}); p != "" {
			t.Errorf("%s: chose %q", name, p)
		}
		o, res := accepting()
		res.Header["Sec-Websocket-Extensions"] = []string{name}
		if _, _, err := o.Judge(res); err == nil {
			t.Errorf("%s: agreed to, but not offered", name)
		}
	}
	if _, err := ParseExtensions([]string{strings.Repeat("constructor,", 1<<20/12)}); err == nil {
		t.Error("a list of 1 MiB is accepted")
	}
}

// Lines that the scanner has passed are overwritten: it would stumble if it looked at them again.
func headByBytes(t *testing.T) {
	head := "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 30) + "\r\n"
	b := []byte(head)
	var s HeadScanner
	for n := range b {
		if end, err := s.Scan(b[:n]); err != ErrShort {
			t.Fatalf("Scan of %d bytes = %d, %v", n, end, err)
		}
		if n > s.pos || s.pos != n {
			t.Fatalf("after %d bytes the scanner is at %d", n, s.pos)
		}
		clear(b[:s.line])
	}
	if end, err := s.Scan(b); end != len(head) || err != nil {
		t.Errorf("Scan = %d, %v, want %d", end, err, len(head))
	}
}

func endlessHeaderList(t *testing.T) {
	for _, line := range []string{"A: b\r\n", "A:\r\n", "A: " + strings.Repeat("b", 5000) + "\r\n"} {
		for _, first := range []string{"GET / HTTP/1.1\r\n", "HTTP/1.1 101 x\r\n"} {
			s := HeadScanner{Response: first[0] == 'H'}
			b := []byte(first)
			for len(b) <= MaxHead+2*len(line) {
				if _, err := s.Scan(b); err != ErrShort {
					break
				}
				b = append(b, line...)
			}
			if _, err := s.Scan(b); err == ErrShort || err == nil {
				t.Errorf("%d bytes of %.10q: %v", len(b), line, err)
			}
		}
	}
}

// Too many headers are an error, whatever stands among the first of them.
func headerCountFlood(t *testing.T) {
	for _, more := range []int{MaxHeaders - 6, MaxHeaders - 5, 2 * MaxHeaders, 2000} {
		flood := strings.Repeat("a: b\r\n", more)
		head := strings.Replace(goodRequest, "Upgrade: websocket\r\n", flood+"Upgrade: websocket\r\n", 1)
		lines := strings.Count(head, "\r\n") - 2
		r, _, err := ParseRequest([]byte(head))
		if lines > MaxHeaders {
			if err == nil {
				t.Errorf("%d header lines: accepted", lines)
			}
			checkStatus(t, err, 431)
		} else if err != nil || r.Check() != nil {
			t.Errorf("%d header lines: %v", lines, err)
		}
	}
}

func malformedHost(t *testing.T) {
	for _, host := range malformedHosts {
		r := good()
		r.Host = host
		err := r.Check()
		if err == nil {
			t.Errorf("Host %q is accepted", host)
		}
		checkStatus(t, err, 400)
		if r, _, err := ParseRequest([]byte("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")); err == nil && trim(host) == host && r.Check() == nil {
			t.Errorf("Host %q is accepted from a raw head", host)
		}
	}
}

func forcedUpgrade(t *testing.T) {
	for _, tt := range []struct{ name, value string }{
		{"Upgrade", ""}, {"Upgrade", "h2c"}, {"Connection", ""}, {"Connection", "keep-alive"},
	} {
		for _, version := range []string{"7", "8", "13"} {
			r := with(with(good(), "Sec-Websocket-Version", version), tt.name, tt.value)
			if err := r.Check(); err == nil {
				t.Errorf("%s: %q with version %s is accepted", tt.name, tt.value, version)
			}
		}
	}
}

func oldDrafts(t *testing.T) {
	for v := range 300 {
		err := with(good(), "Sec-Websocket-Version", fmt.Sprint(v)).Check()
		if (err == nil) != (v == 13) {
			t.Errorf("version %d: %v", v, err)
		}
		checkStatus(t, err, 426)
	}
	hixie := with(with(good(), "Sec-Websocket-Version"), "Sec-Websocket-Key")
	checkStatus(t, with(with(hixie, "Sec-Websocket-Key1", "4 @1  46546xW%0l 1 5"), "Sec-Websocket-Key2", "12998 5 Y3 1  .P00").Check(), 426)
}

var injections = []string{"\r\nX: y", "\nX: y", "\rX: y", "a\r\n\r\nGET / HTTP/1.1", "\x00", "a\u0085b\n", "\r\n"}

func injectionByClient(t *testing.T) {
	u := &URL{Host: "h", Target: "/"}
	for _, s := range injections {
		for _, o := range []Offer{
			{Protocols: []string{s}}, {Extensions: s}, {Extensions: "x" + s},
			{Header: Header{s: {"a"}}}, {Header: Header{"A": {s}}}, {Header: Header{"Host": {"h" + s}}}, {Header: Header{"Upgrade": {s}}},
		} {
			o.Key = rfcKey
			if b, err := AppendRequest(nil, u, &o); err == nil {
				t.Errorf("%+v is written as %q", o, b)
			}
		}
		if u, err := ParseURL("ws://h/" + s); err == nil {
			t.Errorf("ParseURL with %q = %+v", s, u)
		}
	}
}

func injectionByServer(t *testing.T) {
	for _, s := range injections {
		if b, err := AppendResponse(nil, checked(t), "", "", Header{"Location": {"/" + s}}); err == nil {
			t.Errorf("%q is written as %q", s, b)
		}
		b := AppendRefusal(nil, 302, Header{"Location": {"/" + s}}, "")
		r, n, err := ParseResponse(b)
		if err != nil || n != len(b) || len(r.Header) != 4 {
			t.Errorf("refusal with %q is %q", s, b)
		}
	}
}

func wildcardBySuffix(t *testing.T) {
	checkPattern(t, "https://*.example.com", "https",
		[]string{"https://a.example.com"},
		[]string{"https://evilexample.com", "https://example.com.evil", "https://evil.com/.example.com", "https://a.example.com.evil"})
}

// Without patterns only the server's own origin gets in.
func otherOrigins(t *testing.T) {
	for _, origin := range append([]string{"https://evil.example", "https://sub.example.com", "https://example.com:8443"}, notOrigins...) {
		if err := CheckOrigin([]string{origin}, "https", "example.com", nil); err == nil {
			t.Errorf("origin %q is allowed", origin)
		}
	}
	if err := CheckOrigin([]string{"https://example.com"}, "https", "example.com", nil); err != nil {
		t.Errorf("the same origin: %v", err)
	}
}

func otherScheme(t *testing.T) {
	for _, patterns := range [][]string{nil, {"https://example.com"}, {"example.com"}, {"*.example.com"}} {
		for _, origin := range []string{"http://example.com", "http://example.com:443", "http://a.example.com", "ftp://example.com"} {
			if err := CheckOrigin([]string{origin}, "https", "example.com", patterns); err == nil {
				t.Errorf("origin %q is allowed by %q on a server with TLS", origin, patterns)
			}
		}
	}
}
