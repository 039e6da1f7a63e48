package handshake

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// checked is a request that Check has accepted, with offers.
func checked(t testing.TB) *Request {
	t.Helper()
	r := with(with(good(), "Sec-Websocket-Protocol", "chat, superchat"), "Sec-Websocket-Extensions", "x; y, z")
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

// Checklist: R1, R2, R3, R5
func TestAppendResponseGolden(t *testing.T) {
	const bare = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	for _, tt := range []struct {
		protocol, extensions string
		header               Header
		want                 string
	}{
		{"", "", nil, bare + "\r\n"},
		{"chat", "", nil, bare + "Sec-WebSocket-Protocol: chat\r\n\r\n"},
		{"", "x; y=1", nil, bare + "Sec-WebSocket-Extensions: x; y=1\r\n\r\n"},
		{"superchat", "z, x", Header{"Server": {"s"}, "Set-Cookie": {"b=1", " a=2\t"}, "Date": {""}, "Vary": nil},
			bare + "Sec-WebSocket-Protocol: superchat\r\nSec-WebSocket-Extensions: z, x\r\nDate: \r\nServer: s\r\n" +
				"Set-Cookie: b=1\r\nSet-Cookie: a=2\r\n\r\n"},
	} {
		got, err := AppendResponse([]byte("before"), checked(t), tt.protocol, tt.extensions, tt.header)
		if err != nil || string(got) != "before"+tt.want {
			t.Errorf("AppendResponse(%q, %q, %v) = %q, %v, want %q", tt.protocol, tt.extensions, tt.header, got, err, tt.want)
		}
	}
}

var reservedNames = []string{
	"Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Sec-WebSocket-Accept", "Sec-WebSocket-Key",
	"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Sec-WebSocket-Version", "sec-websocket-accept", "UPGRADE",
	"Trailer", "TE", "Keep-Alive", "Proxy-Connection", "Expect", "HTTP2-Settings",
}

// badFields would change the head they stand in.
var badFields = []Header{
	{"": {"a"}}, {"a b": {"a"}}, {"a:": {"a"}}, {"a\r\nb": {"a"}}, {"é": {"a"}}, {"a\x00": {"a"}},
	{"A": {"a\r\nX: y"}}, {"A": {"a\nX: y"}}, {"A": {"a\rb"}}, {"A": {"a\x00"}}, {"A": {"ok", "\x7f"}}, {"A": {"\x1b[m"}},
}

// Checklist: R2, R3, R4, R6
func TestAppendResponseRefusesToBreakTheHandshake(t *testing.T) {
	refuse := func(r *Request, protocol, extensions string, h Header) {
		t.Helper()
		got, err := AppendResponse([]byte("before"), r, protocol, extensions, h)
		if err == nil || string(got) != "before" {
			t.Errorf("AppendResponse(%q, %q, %v) = %q, want an error", protocol, extensions, h, got)
		}
		checkStatus(t, err, 500)
	}
	for _, p := range []string{"evil", "Chat", "chat, superchat", "chat\r\nX: y", " chat"} {
		refuse(checked(t), p, "", nil)
	}
	for _, e := range []string{"w", "X", "x, x", "x;", ",", "x\r\nX: y", "x, w"} {
		refuse(checked(t), "", e, nil)
	}
	for _, name := range reservedNames {
		refuse(checked(t), "", "", Header{name: {"a"}})
	}
	for _, h := range badFields {
		refuse(checked(t), "", "", h)
	}
	refuse(good(), "", "", nil) // not checked: no key
}

func TestHeaderErrorsDoNotShowValues(t *testing.T) {
	_, err := AppendResponse(nil, checked(t), "", "", Header{"Set-Cookie": {"secret\n"}})
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "Set-Cookie") {
		t.Errorf("error is %v", err)
	}
}

// Checklist: S8, S19, R7
func TestAppendRefusalGolden(t *testing.T) {
	const want = "before" + "HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"X-Content-Type-Options: nosniff\r\nContent-Length: 3\r\nConnection: close, Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n\r\nno\n"
	h := Header{"Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}}
	if got := string(AppendRefusal([]byte("before"), 426, h, "no\n")); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Checklist: S19, R6
func TestAppendRefusalIsAlwaysHTTP(t *testing.T) {
	headers := append([]Header{nil, {"Www-Authenticate": {"Basic", "Digest"}, "Empty": nil}}, badFields...)
	for _, name := range reservedNames {
		headers = append(headers, Header{name: {"7"}})
	}
	for status := -1; status < 700; status++ {
		want := status
		if status < 300 || status > 599 || status == 304 {
			want = 500
		}
		h := headers[(status+1)%len(headers)]
		b := AppendRefusal(nil, status, h, "body")
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
		if err != nil {
			t.Fatalf("status %d, %v: %v", status, h, err)
		}
		body, err := io.ReadAll(res.Body)
		if res.StatusCode != want || string(body) != "body" || err != nil || !res.Close || res.ContentLength != 4 {
			t.Errorf("status %d, %v: %q", status, h, b)
		}
		if _, n, err := ParseResponse(b); err != nil || n != len(b)-4 || res.Header.Get("X") != "" {
			t.Errorf("status %d, %v: %d, %v: %q", status, h, n, err, b)
		}
	}
}

func TestAppendRefusalKeepsTheContentType(t *testing.T) {
	b := string(AppendRefusal(nil, 400, Header{"content-type": {"application/json"}, "X-Content-Type-Options": {"x"}}, "{}"))
	if strings.Count(b, "Content-Type: ") != 1 || !strings.Contains(b, "\r\nContent-Type: application/json\r\n") ||
		strings.Count(b, "nosniff") != 1 || strings.Count(b, "Options") != 1 {
		t.Errorf("AppendRefusal = %q", b)
	}
}

func TestErrorAppend(t *testing.T) {
	var e *Error
	if !errors.As((&Request{Method: "PUT"}).Check(), &e) {
		t.Fatal("no *Error")
	}
	got := string(e.Append(nil))
	if !strings.HasPrefix(got, "HTTP/1.1 405 Method Not Allowed\r\n") || !strings.Contains(got, "\r\nAllow: GET\r\n") ||
		!strings.HasSuffix(got, "\r\n\r\n"+e.Error()+"\n") {
		t.Errorf("Append = %q", got)
	}
}
