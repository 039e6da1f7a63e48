package handshake

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// sameUnderSplit fails unless a head cut at one place, and at every place, gives the verdict of the whole.
func sameUnderSplit(t *testing.T, b []byte, split int, response bool) {
	t.Helper()
	whole := HeadScanner{Response: response}
	end, err := whole.Scan(b)
	two := HeadScanner{Response: response}
	e, er := two.Scan(b[:split%(len(b)+1)])
	if er == ErrShort {
		e, er = two.Scan(b)
	}
	if e != end || fmt.Sprint(er) != fmt.Sprint(err) {
		t.Fatalf("split at %d: %d, %v, want %d, %v", split%(len(b)+1), e, er, end, err)
	}
	one := HeadScanner{Response: response}
	if e, er := scanBytewise(&one, b); e != end || fmt.Sprint(er) != fmt.Sprint(err) {
		t.Fatalf("by bytes: %d, %v, want %d, %v", e, er, end, err)
	}
}

// sameHeader compares with net/http's fields. It adds Cache-Control for a Pragma and may take out skip.
func sameHeader(t *testing.T, got Header, want http.Header, skip ...string) {
	t.Helper()
	for name, values := range got {
		if !slices.Contains(skip, name) && !slices.Equal(values, want[name]) {
			t.Fatalf("%s = %q, net/http has %q", name, values, want[name])
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok && (name != "Cache-Control" || got["Pragma"] == nil) {
			t.Fatalf("net/http has %s = %q", name, want[name])
		}
	}
}

// FuzzRequestHead: the verdict on a head does not depend on how it was cut, and a request that we accept is the same
// request for net/http.
func FuzzRequestHead(f *testing.F) {
	f.Add([]byte(goodRequest+frames), 20)
	f.Add([]byte(strings.Replace(goodRequest, "/chat", "http://h/chat", 1)), 40)
	for _, tt := range badHeads {
		if len(tt.head) < 1000 {
			f.Add([]byte(tt.head), tt.at)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, split int) {
		sameUnderSplit(t, b, max(split, 0), false)
		r, n, err := ParseRequest(b)
		if err != nil {
			return
		}
		target, host := r.Target, r.Host
		if r.Check() != nil {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[:n])))
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b[:n], err)
		}
		if req.Method != r.Method || req.RequestURI != target || req.Proto != r.Proto || req.Host != r.Host {
			t.Fatalf("got %+v, Host %q, net/http has %+v", r, host, req)
		}
		sameHeader(t, r.Header, req.Header)
	})
}

// FuzzResponseHead: the verdict on a head does not depend on how it was cut, and a response that we accept is the same
// response for net/http, but for what it hides.
func FuzzResponseHead(f *testing.F) {
	f.Add([]byte(goodResponse+frames), 20)
	f.Add([]byte("HTTP/1.1 401 No\r\nWWW-Authenticate: a\r\nWWW-Authenticate: b\r\nConnection: close, Upgrade\r\n\r\nbody"), 3)
	for _, tt := range badHeads {
		if _, fields, ok := strings.Cut(tt.head, "HTTP/1.1\r\n"); ok && len(fields) < 1000 {
			f.Add([]byte("HTTP/1.1 200\r\n"+fields), tt.at)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, split int) {
		sameUnderSplit(t, b, max(split, 0), true)
		r, n, err := ParseResponse(b)
		if err != nil {
			return
		}
		o, _ := accepting()
		if _, _, err := o.Judge(r); err == nil && r.Header["Sec-Websocket-Accept"][0] != rfcAccept {
			t.Fatalf("accepted without the right answer: %q", b[:n])
		}
		for _, name := range []string{"Content-Length", "Transfer-Encoding", "Trailer"} {
			if r.Header[name] != nil {
				return // net/http judges the body's framing along with the head
			}
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b[:n])), nil)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b[:n], err)
		}
		if res.StatusCode != r.Status || res.Proto != r.Proto {
			t.Fatalf("got %+v, net/http has %+v", r, res)
		}
		sameHeader(t, r.Header, res.Header, "Connection")
	})
}

// FuzzExtensions: what is parsed and written parses to the same, and lines are one list.
func FuzzExtensions(f *testing.F) {
	for _, tt := range extensionLists {
		f.Add(tt.lines[0], tt.lines[len(tt.lines)-1])
	}
	for _, s := range malformedExtensions {
		f.Add("a", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		first, errA := ParseExtensions([]string{a})
		second, errB := ParseExtensions([]string{b})
		both, err := ParseExtensions([]string{a, b})
		if errA == nil && errB == nil && err == nil && !reflect.DeepEqual(both, append(first, second...)) {
			t.Fatalf("lines %q, %q are %v", a, b, both)
		}
		if err != nil {
			return
		}
		joined, err := ParseExtensions([]string{a + "," + b})
		if err != nil || !reflect.DeepEqual(both, joined) {
			t.Fatalf("joined: %v, %v, want %v", joined, err, both)
		}
		for _, e := range both {
			for _, p := range e.Params {
				if !IsToken(p.Name) || p.HasValue != IsToken(p.Value) {
					t.Fatalf("parameter %+v", p)
				}
			}
		}
		s := string(AppendExtensions(nil, both))
		if again, err := ParseExtensions([]string{s}); err != nil || !reflect.DeepEqual(both, again) {
			t.Fatalf("%q is %v, %v, want %v", s, again, err, both)
		}
	})
}

// plainTokens is the plain twin of ParseTokens for one line.
func plainTokens(line string) (tokens []string, ok bool) {
	for e := range strings.SplitSeq(line, ",") {
		if e = strings.Trim(e, " \t"); e == "" {
			continue
		}
		if !IsToken(e) {
			return nil, false
		}
		tokens = append(tokens, e)
	}
	return tokens, 0 < len(tokens) && len(tokens) <= MaxElements
}

// FuzzTokens: ParseTokens and HasToken give what cutting at commas gives.
func FuzzTokens(f *testing.F) {
	for _, tt := range tokenLists {
		f.Add(strings.Join(tt.lines, ","))
	}
	f.Fuzz(func(t *testing.T, line string) {
		want, ok := plainTokens(line)
		got, err := ParseTokens([]string{line})
		if (err == nil) != ok || ok && !slices.Equal(got, want) {
			t.Fatalf("ParseTokens(%q) = %q, %v, want %q", line, got, err, want)
		}
		for _, token := range got {
			if !HasToken([]string{line}, strings.ToUpper(token)) {
				t.Fatalf("HasToken(%q, %q) = false", line, token)
			}
		}
		if HasToken([]string{line}, "upgrade") && !strings.Contains(strings.ToLower(line), "upgrade") {
			t.Fatalf("HasToken(%q) = true", line)
		}
	})
}

// urlOrigin is the origin of a URL by net/url: scheme, host, port.
func urlOrigin(raw string) (o [3]string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil {
		return o, false
	}
	o = [3]string{strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), strings.TrimLeft(u.Port(), "0")}
	if ip, err := netip.ParseAddr(o[1]); err == nil && ip.Is6() {
		o[1] = ip.StringExpanded()
	}
	if u.Port() == "" {
		o[2] = map[string]string{"http": "80", "https": "443"}[o[0]]
	}
	return o, true
}

// FuzzOrigin: without patterns an origin gets in only if net/url sees the same scheme, host and port as the server's;
// with a pattern that has a wildcard only if its host ends in what follows the star.
func FuzzOrigin(f *testing.F) {
	f.Add("http://example.com", "example.com:80", "https://*.example.com", false)
	f.Add("https://[::1]:8443", "[0::1]:8443", "*.example.com:81", true)
	for _, s := range notOrigins {
		f.Add(s, "example.com", s, false)
	}
	f.Fuzz(func(t *testing.T, origin, host, pattern string, secure bool) {
		scheme := httpScheme(secure)
		same := CheckOrigin([]string{origin}, scheme, host, nil) == nil
		if same {
			a, ok := urlOrigin(trim(origin))
			b, ok2 := urlOrigin(scheme + "://" + host)
			if !ok || !ok2 || a != b {
				t.Fatalf("origin %q is allowed on %s://%q: %q, %q", origin, scheme, host, a, b)
			}
		}
		allowed := CheckOrigin([]string{origin}, scheme, host, []string{pattern}) == nil
		if same && !allowed {
			t.Fatalf("pattern %q takes the same origin %q away", pattern, origin)
		}
		if same || !allowed {
			return
		}
		if ValidOriginPattern(pattern) != nil {
			t.Fatalf("malformed pattern %q allows %q", pattern, origin)
		}
		if _, base, ok := strings.Cut(pattern, "*."); ok {
			a, _ := urlOrigin(trim(origin))
			b, _ := urlOrigin("x://" + base)
			if len(a[1]) <= len(b[1]) || !strings.HasSuffix(a[1], "."+b[1]) {
				t.Fatalf("pattern %q allows %q", pattern, origin)
			}
		}
	})
}

// FuzzURL: a URL that is accepted is written as one request line with its target, and net/url sees the same host.
func FuzzURL(f *testing.F) {
	for _, tt := range urls {
		f.Add(tt.raw)
	}
	for _, raw := range badURLs {
		f.Add(raw)
	}
	f.Add("wss://[fe80::1%25lo]:8080/é%20?a=b&c")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURL(raw)
		if err != nil {
			return
		}
		checkOneLine(t, u)
		std, err := url.Parse(raw)
		if err != nil {
			t.Fatalf("net/url refuses %q: %v", raw, err)
		}
		host, _, _ := strings.Cut(std.Hostname(), "%")
		dial, _, _ := strings.Cut(u.DialHost, "%")
		if std.User != nil || std.Fragment != "" || strings.ToLower(host) != dial {
			t.Fatalf("ParseURL(%q) = %+v, net/url has %+v", raw, u, std)
		}
		again, err := ParseURL(u.String())
		if err != nil {
			t.Fatalf("ParseURL(%q): %v", u, err)
		}
		if again.DialHost, again.ServerName = u.DialHost, u.ServerName; *again != *u {
			t.Fatalf("ParseURL(%q) = %+v, want %+v", u, again, u)
		}
	})
}

// FuzzHeaderInjection: whatever a program puts into a handshake, the head that is written parses to exactly the fields
// that were meant, or is not written.
func FuzzHeaderInjection(f *testing.F) {
	f.Add("X-A", "b", "chat", "x; y=1", "h")
	for _, s := range injections {
		f.Add(s, "b", "", "", "")
		f.Add("A", s, "", "", "")
		f.Add("A", "b", s, "", "")
		f.Add("A", "b", "", s, "")
		f.Add("A", "b", "", "", s)
	}
	f.Fuzz(func(t *testing.T, name, value, protocol, extensions, host string) {
		if len(name)+len(value)+len(protocol)+len(extensions)+len(host) > MaxLine/2 {
			return
		}
		want := Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, canonical(name): {trim(value)}}
		if protocol != "" {
			want["Sec-Websocket-Protocol"] = []string{protocol}
		}
		if extensions != "" {
			want["Sec-Websocket-Extensions"] = []string{trim(extensions)}
		}
		injectRequest(t, name, value, protocol, extensions, host, want)
		injectResponse(t, name, value, protocol, extensions, want)
		injectRefusal(t, name, value, protocol)
	})
}

func injectRequest(t *testing.T, name, value, protocol, extensions, host string, want Header) {
	o := &Offer{Key: rfcKey, Extensions: extensions, Header: Header{name: {value}}}
	if protocol != "" {
		o.Protocols = []string{protocol}
	}
	b, err := AppendRequest(nil, &URL{Host: host, Target: "/"}, o)
	if err != nil {
		return
	}
	r, n, err := ParseRequest(b)
	if err != nil || n != len(b) {
		t.Fatalf("request %q: %d, %v", b, n, err)
	}
	wantHost := host
	want = cloneHeader(want)
	if canonical(name) == "Host" {
		wantHost = trim(value)
		delete(want, "Host")
	}
	want["Sec-Websocket-Key"], want["Sec-Websocket-Version"] = []string{rfcKey}, []string{"13"}
	if r.Host != wantHost || r.Target != "/" || !reflect.DeepEqual(r.Header, want) {
		t.Fatalf("request %q is %+v, want %v", b, r, want)
	}
	if err := r.Check(); err != nil {
		t.Fatalf("our own request %q: %v", b, err)
	}
}

func injectResponse(t *testing.T, name, value, protocol, extensions string, want Header) {
	req := good()
	req.Key, req.Protocols = rfcKey, []string{protocol}
	req.Extensions, _ = ParseExtensions([]string{extensions})
	b, err := AppendResponse(nil, req, protocol, extensions, Header{name: {value}})
	if err != nil || protocol != "" && !IsToken(protocol) {
		return
	}
	r, n, err := ParseResponse(b)
	if err != nil || n != len(b) {
		t.Fatalf("response %q: %d, %v", b, n, err)
	}
	want = cloneHeader(want)
	want["Sec-Websocket-Accept"] = []string{rfcAccept}
	if r.Status != 101 || !reflect.DeepEqual(r.Header, want) {
		t.Fatalf("response %q is %+v, want %v", b, r, want)
	}
}

func injectRefusal(t *testing.T, name, value, body string) {
	b := AppendRefusal(nil, 403, Header{name: {value}}, body)
	r, n, err := ParseResponse(b)
	if err != nil || string(b[n:]) != body || r.Status != 403 || len(r.Header) > 5 {
		t.Fatalf("refusal %q: %+v, %v", b, r, err)
	}
	if r.Header["Content-Length"][0] != fmt.Sprint(len(body)) || len(r.Header["Content-Length"]) != 1 {
		t.Fatalf("refusal %q: %+v", b, r)
	}
}

func cloneHeader(h Header) Header {
	c := make(Header, len(h))
	for name, values := range h {
		c[name] = values
	}
	return c
}
