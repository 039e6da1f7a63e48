package handshake

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseRequestOfAGoodHead(t *testing.T) {
	b := []byte(goodRequest + frames)
	r, n, err := ParseRequest(b)
	if err != nil || n != len(goodRequest) {
		t.Fatalf("ParseRequest = %d, %v, want %d", n, err, len(goodRequest))
	}
	clear(b) // nothing in r refers to b
	want := &Request{Method: "GET", Target: "/chat?x=1", Proto: "HTTP/1.1", Host: "example.com", Header: Header{
		"Upgrade":                {"websocket"},
		"Connection":             {"keep-alive, Upgrade"},
		"Sec-Websocket-Key":      {rfcKey},
		"Sec-Websocket-Version":  {"13"},
		"Origin":                 {"http://example.com"},
		"Sec-Websocket-Protocol": {"chat", "superchat"},
		"X-Empty":                {""},
	}}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
}

// Checklist: S13
func TestParseRequestOfEveryTruncation(t *testing.T) {
	for n := range len(goodRequest) {
		if r, _, err := ParseRequest([]byte(goodRequest[:n])); err != ErrShort || r != nil {
			t.Errorf("ParseRequest of %d bytes = %v, %v, want ErrShort", n, r, err)
		}
	}
}

func TestParseRequestNames(t *testing.T) {
	long := strings.Repeat("x", 100)
	r, _, err := ParseRequest([]byte(request("aCCEPT: 1", "x-API-key: 2", "X-Api-Key: 3", "a--b-: 4", "1a-2b: 5", long+": 6")))
	want := Header{"Accept": {"1"}, "X-Api-Key": {"2", "3"}, "A--B-": {"4"}, "1a-2b": {"5"}, "X" + long[1:]: {"6"}}
	if err != nil || !reflect.DeepEqual(r.Header, want) {
		t.Errorf("Header = %v, %v, want %v", r.Header, err, want)
	}
}

func TestParseRequestValues(t *testing.T) {
	r, _, err := ParseRequest([]byte(request("A: \t b\tc  d \t", "A:", "A: \xe9\xff", "A: a:b: c")))
	want := []string{"b\tc  d", "", "\xe9\xff", "a:b: c"}
	if err != nil || !reflect.DeepEqual(r.Header["A"], want) {
		t.Errorf("A = %q, %v, want %q", r.Header["A"], err, want)
	}
	// A value appended to one field does not run into another's.
	r.Header["A"] = append(r.Header["A"], "x")
	if r.Host != "h" {
		t.Errorf("Host = %q", r.Host)
	}
}

// Absolute-form names the host itself, and the Host header is not looked at (RFC 9112, section 3.2.2).
//
// Checklist: S2, S16, U11
func TestTargetForms(t *testing.T) {
	for _, tt := range []struct{ target, want, host string }{
		{"/", "/", "h"},
		{"/a%2Fb?c?d", "/a%2Fb?c?d", "h"},
		{"/?", "/?", "h"},
		{"//x/y", "//x/y", "h"},
		{"/a:b@c;d=e,f|g\"<>^`{}[]\\", "/a:b@c;d=e,f|g\"<>^`{}[]\\", "h"},
		{"/?q=100%", "/?q=100%", "h"},
		{"/.well-known/x", "/.well-known/x", "h"},
		{"/http://x/", "/http://x/", "h"},
		{"http://x", "/", "x"},
		{"http://x?a", "/?a", "x"},
		{"HTTPS://x:1/a?b", "/a?b", "x:1"},
		{"http://[::1]:1/", "/", "[::1]:1"},
	} {
		head := strings.Replace(goodRequest, "/chat?x=1", tt.target, 1)
		r, _, err := ParseRequest([]byte(strings.Replace(head, "Host: example.com", "Host: h", 1)))
		if err != nil {
			t.Errorf("%q: %v", tt.target, err)
			continue
		}
		if r.Target != tt.target {
			t.Errorf("%q: Target = %q before Check", tt.target, r.Target)
		}
		if err := r.Check(); err != nil || r.Target != tt.want || r.Host != tt.host {
			t.Errorf("%q: Target, Host = %q, %q, %v, want %q, %q", tt.target, r.Target, r.Host, err, tt.want, tt.host)
		}
	}
}

func TestScannerGivesTheRequestOnceItIsComplete(t *testing.T) {
	in := []byte(goodRequest + frames)
	want, n, err := ParseRequest(in)
	if err != nil {
		t.Fatal(err)
	}
	var s HeadScanner
	for i := range n {
		if r, err := s.Request(in[:i]); r != nil || err != ErrShort {
			t.Fatalf("after %d of %d bytes: %+v, %v", i, n, r, err)
		}
		s.Scan(in[:i+1])
	}
	got, err := s.Request(in)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	clear(in)
	if !reflect.DeepEqual(got, want) {
		t.Fatal("the request refers to the bytes it was read from")
	}
	var broken HeadScanner
	if _, err := broken.Scan([]byte("GET\r\n\r\n")); err == nil {
		t.Fatal("accepted a request line of one word")
	}
	if r, err := broken.Request([]byte("GET\r\n\r\n")); r != nil || err != ErrShort {
		t.Fatalf("of a broken head: %+v, %v", r, err)
	}
}
