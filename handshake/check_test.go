package handshake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// good is a request that Check accepts, as another HTTP parser would fill it.
func good() *Request {
	return &Request{Method: "GET", Target: "/chat", Proto: "HTTP/1.1", Host: "example.com", Header: Header{
		"Upgrade":               {"websocket"},
		"Connection":            {"Upgrade"},
		"Sec-Websocket-Key":     {rfcKey},
		"Sec-Websocket-Version": {"13"},
	}}
}

// with sets a header of r; no values delete it.
func with(r *Request, name string, values ...string) *Request {
	r.Header[name] = values
	if len(values) == 0 {
		delete(r.Header, name)
	}
	return r
}

func TestCheckFillsTheRequest(t *testing.T) {
	r := with(with(good(), "Sec-Websocket-Protocol", "a, b", "c"), "Sec-Websocket-Extensions", "x; y=1", "z")
	with(r, "Origin", "https://example.com")
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	exts := []Extension{{Name: "x", Params: []Param{{Name: "y", Value: "1", HasValue: true}}}, {Name: "z"}}
	if r.Key != rfcKey || !slices.Equal(r.Protocols, []string{"a", "b", "c"}) || !reflect.DeepEqual(r.Extensions, exts) {
		t.Errorf("Check filled %+v", r)
	}
	if !r.HasOrigin || r.Origin != "https://example.com" {
		t.Errorf("Origin = %q, %v", r.Origin, r.HasOrigin)
	}
	r = good()
	if err := r.Check(); err != nil || r.HasOrigin || r.Protocols != nil || r.Extensions != nil {
		t.Errorf("without offers and Origin: %+v, %v", r, err)
	}
}

// Checklist: S1, S3, S4, S5, S7, S10, S14, E1
func TestCheckAccepts(t *testing.T) {
	line := func(proto string) *Request { r := good(); r.Proto = proto; return r }
	for _, r := range []*Request{
		line("HTTP/1.1"), line("HTTP/1.2"), line("HTTP/1.9"),
		with(good(), "Upgrade", "h2c, WebSocket"),
		with(good(), "Upgrade", "foo/2", "websocket"),
		with(good(), "Connection", "keep-alive, UPGRADE"),
		with(good(), "Connection", "keep-alive", "upgrade"),
		with(good(), "Connection", "close, Upgrade"),
		with(good(), "Sec-Websocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC=="),
		with(good(), "Sec-Websocket-Key", " "+rfcKey+"\t"),
		with(good(), "Sec-Websocket-Version", " 13 "),
		with(good(), "Sec-Websocket-Protocol", "a", "b,,c"),
		with(good(), "Content-Length", "0"),
		with(good(), "Content-Length", "000"),
	} {
		if err := r.Check(); err != nil {
			t.Errorf("%s %v: %v", r.Proto, r.Header, err)
		}
	}
}

// refusals are requests that Check refuses, with the status of the refusal.
var refusals = []struct {
	name   string
	change func(r *Request)
	status int
}{
	{"POST", func(r *Request) { r.Method = "POST" }, 405},
	{"get", func(r *Request) { r.Method = "get" }, 405},
	{"HEAD", func(r *Request) { r.Method = "HEAD" }, 405},
	{"HTTP/1.0", func(r *Request) { r.Proto = "HTTP/1.0" }, 400},
	{"HTTP/2.0", func(r *Request) { r.Proto = "HTTP/2.0" }, 505},
	{"HTTP/0.9", func(r *Request) { r.Proto = "HTTP/0.9" }, 505},
	{"no version", func(r *Request) { r.Proto = "" }, 400},
	{"other protocol", func(r *Request) { r.Proto = "HTTPS/1.1" }, 400},
	{"fragment", func(r *Request) { r.Target = "/a#b" }, 400},
	{"no target", func(r *Request) { r.Target = "" }, 400},
	{"asterisk", func(r *Request) { r.Target = "*" }, 400},
	{"no host", func(r *Request) { r.Host = "" }, 400},
	{"malformed host", func(r *Request) { r.Host = "a b" }, 400},
	{"host list", func(r *Request) { r.Host = "a,b" }, 400},
	{"host with port out of range", func(r *Request) { r.Host = "a:65536" }, 400},
	{"malformed host behind a target that outranks it", func(r *Request) { r.Target, r.Host = "http://example.com/", "a b" }, 400},
	{"no host behind a target that outranks it", func(r *Request) { r.Target, r.Host = "http://example.com/", "" }, 400},
	{"host unclosed", func(r *Request) { r.Host = "[::1" }, 400},

	{"body", func(r *Request) { r.ContentLength = 5 }, 400},
	{"body of unknown length", func(r *Request) { r.ContentLength = -1 }, 400},
	{"chunked taken out", func(r *Request) { r.TransferEncoding = []string{"chunked"} }, 400},
	{"length 5", func(r *Request) { with(r, "Content-Length", "5") }, 400},
	{"lengths disagree", func(r *Request) { with(r, "Content-Length", "0", "5") }, 400},
	{"lengths agree", func(r *Request) { with(r, "Content-Length", "0", "0") }, 400},
	{"length list", func(r *Request) { with(r, "Content-Length", "0, 0") }, 400},
	{"length signed", func(r *Request) { with(r, "Content-Length", "+0") }, 400},
	{"length negative", func(r *Request) { with(r, "Content-Length", "-0") }, 400},
	{"length empty", func(r *Request) { with(r, "Content-Length", "") }, 400},
	{"length hex", func(r *Request) { with(r, "Content-Length", "0x0") }, 400},
	{"chunked", func(r *Request) { with(r, "Transfer-Encoding", "chunked") }, 400},
	{"identity", func(r *Request) { with(r, "Transfer-Encoding", "identity") }, 400},
	{"length and chunked", func(r *Request) { with(with(r, "Content-Length", "0"), "Transfer-Encoding", "chunked") }, 400},

	{"no Upgrade", func(r *Request) { with(r, "Upgrade") }, 426},
	{"Upgrade empty", func(r *Request) { with(r, "Upgrade", "") }, 426},
	{"Upgrade websocket2", func(r *Request) { with(r, "Upgrade", "websocket2") }, 426},
	{"Upgrade substring", func(r *Request) { with(r, "Upgrade", "xwebsocket") }, 426},
	{"Upgrade h2c", func(r *Request) { with(r, "Upgrade", "h2c") }, 426},
	{"Upgrade quoted", func(r *Request) { with(r, "Upgrade", `"websocket"`) }, 426},
	{"Upgrade semicolon", func(r *Request) { with(r, "Upgrade", "websocket; a") }, 426},
	{"no Connection", func(r *Request) { with(r, "Connection") }, 400},
	{"Connection keep-alive", func(r *Request) { with(r, "Connection", "keep-alive") }, 400},
	{"Connection substring", func(r *Request) { with(r, "Connection", "notupgrade") }, 400},
	{"Connection space", func(r *Request) { with(r, "Connection", "keep-alive Upgrade") }, 400},

	{"no version header", func(r *Request) { with(r, "Sec-Websocket-Version") }, 426},
	{"version 0", func(r *Request) { with(r, "Sec-Websocket-Version", "0") }, 426},
	{"version 7", func(r *Request) { with(r, "Sec-Websocket-Version", "7") }, 426},
	{"version 8", func(r *Request) { with(r, "Sec-Websocket-Version", "8") }, 426},
	{"version 12", func(r *Request) { with(r, "Sec-Websocket-Version", "12") }, 426},
	{"version 14", func(r *Request) { with(r, "Sec-Websocket-Version", "14") }, 426},
	{"version 256", func(r *Request) { with(r, "Sec-Websocket-Version", "256") }, 426},
	{"version long", func(r *Request) { with(r, "Sec-Websocket-Version", strings.Repeat("1", 5000)) }, 426},
	{"version twice", func(r *Request) { with(r, "Sec-Websocket-Version", "13", "13") }, 400},
	{"version two lines", func(r *Request) { with(r, "Sec-Websocket-Version", "13", "8") }, 400},
	{"version list", func(r *Request) { with(r, "Sec-Websocket-Version", "13, 8") }, 400},
	{"version 013", func(r *Request) { with(r, "Sec-Websocket-Version", "013") }, 400},
	{"version +13", func(r *Request) { with(r, "Sec-Websocket-Version", "+13") }, 400},
	{"version 13.0", func(r *Request) { with(r, "Sec-Websocket-Version", "13.0") }, 400},
	{"version 1 3", func(r *Request) { with(r, "Sec-Websocket-Version", "1 3") }, 400},
	{"version empty", func(r *Request) { with(r, "Sec-Websocket-Version", "") }, 400},
	{"version word", func(r *Request) { with(r, "Sec-Websocket-Version", "thirteen") }, 400},

	{"no key", func(r *Request) { with(r, "Sec-Websocket-Key") }, 400},
	{"key twice", func(r *Request) { with(r, "Sec-Websocket-Key", rfcKey, rfcKey) }, 400},
	{"key joined", func(r *Request) { with(r, "Sec-Websocket-Key", rfcKey+", "+rfcKey) }, 400},
	{"key empty", func(r *Request) { with(r, "Sec-Websocket-Key", "") }, 400},
	{"key of 15 bytes", func(r *Request) { with(r, "Sec-Websocket-Key", "AQIDBAUGBwgJCgsMDQ4P") }, 400},
	{"key of 17 bytes", func(r *Request) { with(r, "Sec-Websocket-Key", "AQIDBAUGBwgJCgsMDQ4PEBE=") }, 400},
	{"key of 18 bytes", func(r *Request) { with(r, "Sec-Websocket-Key", "AQIDBAUGBwgJCgsMDQ4PEBES") }, 400},
	{"key of marks", func(r *Request) { with(r, "Sec-Websocket-Key", strings.Repeat("!", 24)) }, 400},
	{"key with space", func(r *Request) { with(r, "Sec-Websocket-Key", "dGhlIHNhbXBs ZSBub25jZQ==") }, 400},
	{"key with LF", func(r *Request) { with(r, "Sec-Websocket-Key", "AQIDBAUGBwgJCgsMDQ4P\n\n\n\n") }, 400},
	{"key url-safe", func(r *Request) { with(r, "Sec-Websocket-Key", "-_-_-_-_-_-_-_-_-_-_-w==") }, 400},
	{"key without padding", func(r *Request) { with(r, "Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ") }, 400},

	{"protocol empty", func(r *Request) { with(r, "Sec-Websocket-Protocol", "") }, 400},
	{"protocol empty elements", func(r *Request) { with(r, "Sec-Websocket-Protocol", ", ,") }, 400},
	{"protocol with space", func(r *Request) { with(r, "Sec-Websocket-Protocol", "a b") }, 400},
	{"protocol quoted", func(r *Request) { with(r, "Sec-Websocket-Protocol", `"a"`) }, 400},
	{"protocol control", func(r *Request) { with(r, "Sec-Websocket-Protocol", "a\x01") }, 400},
	{"protocol second line", func(r *Request) { with(r, "Sec-Websocket-Protocol", "a", "b c") }, 400},
	{"extensions empty", func(r *Request) { with(r, "Sec-Websocket-Extensions", "") }, 400},
	{"extensions malformed", func(r *Request) { with(r, "Sec-Websocket-Extensions", "a;") }, 400},
	{"extensions second line", func(r *Request) { with(r, "Sec-Websocket-Extensions", "a", `b; c="`) }, 400},
}

// Checklist: S1, S2, S3, S4, S5, S6, S7, S8, S10, S11, S12, S14, S16
func TestCheckRefuses(t *testing.T) {
	for _, tt := range refusals {
		r := good()
		tt.change(r)
		err := r.Check()
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
		checkStatus(t, err, tt.status)
	}
}

// Each refusal is a complete HTTP response that says what the status wants said.
//
// Checklist: S8, S19, R7, Z5
func TestRefusalsAreHTTP(t *testing.T) {
	var all []error
	for _, tt := range refusals {
		r := good()
		tt.change(r)
		all = append(all, r.Check())
	}
	for _, tt := range badHeads {
		_, _, err := ParseRequest([]byte(tt.head))
		all = append(all, err)
	}
	all = append(all, CheckOrigin([]string{"https://evil.example"}, "https", "example.com", nil))
	for _, err := range all {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("error %v is no *Error", err)
		}
		if err := judgeRefusal(e); err != nil {
			t.Errorf("%v: %v", e, err)
		}
	}
}

// judgeRefusal reads the refusal with e as another HTTP client does.
func judgeRefusal(e *Error) error {
	rd := bufio.NewReader(bytes.NewReader(e.Append(nil)))
	res, err := http.ReadResponse(rd, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != e.Error()+"\n" || rd.Buffered() != 0 {
		return fmt.Errorf("body %q, %v, %d bytes behind it", body, err, rd.Buffered())
	}
	if res.StatusCode != e.Status || !res.Close {
		return fmt.Errorf("status %d, close %v", res.StatusCode, res.Close)
	}
	has := func(name, want string) bool { return res.Header.Get(name) == want }
	switch {
	case e.Status == 405 && !has("Allow", "GET"):
		return errors.New("405 without Allow")
	case e.Status == 426 && !(has("Upgrade", "websocket") && has("Sec-WebSocket-Version", "13")):
		return errors.New("426 without Upgrade or version")
	case !has("X-Content-Type-Options", "nosniff") || !has("Content-Type", "text/plain; charset=utf-8"):
		return errors.New("body could be sniffed")
	}
	return nil
}

// Checklist: R2
func TestSelect(t *testing.T) {
	for _, tt := range []struct {
		offered, supported []string
		want               string
	}{
		{[]string{"a", "b"}, []string{"b", "a"}, "b"}, // the server's order
		{[]string{"a", "b"}, []string{"c", "a"}, "a"},
		{[]string{"A"}, []string{"a"}, ""},
		{nil, []string{"a"}, ""},
		{[]string{"a"}, nil, ""},
		{[]string{"x"}, []string{"a"}, ""},
	} {
		if got := Select(tt.offered, tt.supported); got != tt.want {
			t.Errorf("Select(%q, %q) = %q, want %q", tt.offered, tt.supported, got, tt.want)
		}
	}
}
