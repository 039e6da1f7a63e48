package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/handshake"
)

// without is request() less the line that starts with prefix, with others in its place.
func without(prefix string, others ...string) string {
	lines := strings.Split(strings.TrimSuffix(request(), "\r\n\r\n"), "\r\n")
	i := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, prefix) })
	if i < 0 {
		panic("no line " + prefix)
	}
	return head(slices.Replace(lines, i, i+1, others...)...)
}

// speaks13 is what a 426 carries (RFC 6455, section 4.4; RFC 9110, section 15.5.22).
var speaks13 = http.Header{"Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}}

// refusals are requests that no door lets in. net/http answers some of them itself: own is false then.
var refusals = []struct {
	name    string
	request string
	status  int
	own     bool
	header  http.Header
}{
	{"POST", without("GET", "POST / HTTP/1.1"), 405, true, http.Header{"Allow": {"GET"}}},
	{"HTTP/1.0", without("GET", "GET / HTTP/1.0"), 400, true, nil},
	{"no Host", without("Host"), 400, false, nil},
	{"two Hosts", request("Host: example.com"), 400, false, nil},
	{"empty Host", without("Host", "Host:"), 400, true, nil},
	{"malformed Host", without("Host", "Host: a[b"), 400, true, nil},
	{"no Upgrade", without("Upgrade"), 426, true, speaks13},
	{"websocket2", without("Upgrade", "Upgrade: websocket2"), 426, true, speaks13},
	{"no Connection", without("Connection"), 400, true, nil},
	{"notupgrade", without("Connection", "Connection: notupgrade"), 400, true, nil},
	{"no key", without("Sec-WebSocket-Key"), 400, true, nil},
	{"key of 15 bytes", without("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"), 400, true, nil},
	{"two keys", request("Sec-WebSocket-Key: " + sampleKey), 400, true, nil},
	{"two versions", request("Sec-WebSocket-Version: 13"), 400, true, nil},
	{"version 013", without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 013"), 400, true, nil},
	{"version 12", without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 12"), 426, true, speaks13},
	{"no version", without("Sec-WebSocket-Version"), 426, true, speaks13},
	{"foreign origin", request("Origin: http://evil.example"), 403, true, nil},
	{"malformed protocol", request("Sec-WebSocket-Protocol: a b"), 400, true, nil},
	{"malformed extension", request(`Sec-WebSocket-Extensions: a="`), 400, true, nil},
	{"body", request("Content-Length: 5") + "hello", 400, true, nil},
	{"chunked body", request("Transfer-Encoding: chunked") + "0\r\n\r\n", 400, true, nil},
	{"fragment", without("GET", "GET /a#b HTTP/1.1"), 400, true, nil},
	{"NUL in a value", request("X: a\x00b"), 400, false, nil},
	{"space before colon", request("X : a"), 400, false, nil},
	{"name with a control byte", request("X\x01: a"), 400, false, nil},
}

// Checklist: S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S11, S12, S14, S16, S19, R7, Z5
func TestEveryRefusalIsAResponse(t *testing.T) {
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var err error
				l := d.open(t, nil, never(t), func(e error) { err = e })
				for _, test := range refusals {
					err = nil
					p := l.dial()
					p.send(test.request)
					p.t = named{t, d.name + ": " + test.name}
					r, _ := p.refused(test.status)
					for name, want := range test.header {
						if got := r.Header[name]; !slices.Equal(got, want) {
							t.Errorf("%s: %s: %s = %q, want %q", d.name, test.name, name, got, want)
						}
					}
					synctest.Wait()
					var broken *handshake.Error
					told := d.name == "UpgradeConn" || d.name == "Upgrade" && test.own
					if told && (!errors.As(err, &broken) || broken.Status != test.status) {
						t.Errorf("%s: %s: error %v, want a *handshake.Error with status %d", d.name, test.name, err, test.status)
					}
				}
			})
		})
	}
}

// named puts a name before a failure.
type named struct {
	testing.TB
	name string
}

func (n named) Fatalf(format string, args ...any) {
	n.Helper()
	n.TB.Fatalf(n.name+": "+format, args...)
}

func (n named) Errorf(format string, args ...any) {
	n.Helper()
	n.TB.Errorf(n.name+": "+format, args...)
}

// Checklist: S13
func TestRawRequestIsReadStrictly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := doors[2].open(t, nil, never(t), ignore)
		for name, text := range map[string]string{
			"folded line":      request("X: a\r\n b"),
			"bare LF":          strings.ReplaceAll(request(), "\r\n", "\n"),
			"bare CR":          request("X: a\rb"),
			"empty first line": "\r\n" + request(),
			"no colon":         request("X"),
		} {
			p := l.dial()
			p.t = named{t, name}
			p.send(text)
			p.refused(http.StatusBadRequest)
		}
		p := l.dial()
		p.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") // a client that speaks HTTP/2 at us
		p.refused(http.StatusHTTPVersionNotSupported)
	})
}

// Checklist: S1
func TestHEADIsRefusedWithoutABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := doors[0].open(t, nil, never(t), ignore).dial()
		p.send(without("GET", "HEAD / HTTP/1.1"))
		r, err := http.ReadResponse(p.in, &http.Request{Method: "HEAD"})
		if err != nil || r.StatusCode != http.StatusMethodNotAllowed {
			t.Fatalf("response = %v, %v; want 405", r, err)
		}
		p.gone()
	})
}

func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{&Refusal{Status: 401}, 401, "Unauthorized\n"},
		{&Refusal{Status: 404, Body: "no such room"}, 404, "no such room"},
		{fmt.Errorf("login: %w", &Refusal{Status: 401}), 401, "Unauthorized\n"},
		{&Refusal{Status: 302}, 302, "Found\n"},
		{&Refusal{}, 500, "Internal Server Error\n"},
		{&Refusal{Status: 101}, 500, "Internal Server Error\n"},
		{&Refusal{Status: 204}, 500, "Internal Server Error\n"},
		{&Refusal{Status: 304}, 500, "Internal Server Error\n"},
		{&Refusal{Status: 600}, 500, "Internal Server Error\n"},
		{&handshake.Error{Status: 400, Msg: "bad", Place: "here"}, 400, "websocket: bad (here)\n"},
		{&handshake.Error{Status: 500, Msg: "secret"}, 500, "Internal Server Error\n"},
		{&handshake.Error{Msg: "of a client"}, 500, "websocket: of a client ()\n"},
		{errors.New("password is wrong"), 403, "Forbidden\n"},
	} {
		if status, _, body := answer(test.err); status != test.status || body != test.body {
			t.Errorf("answer(%v) = %d, %q; want %d, %q", test.err, status, body, test.status, test.body)
		}
	}
	if got := (&Refusal{Status: 401}).Error(); got != "websocket: refused with status 401" {
		t.Errorf("Refusal.Error() = %q", got)
	}
}

func TestRefusalDropsWhatWasSaidOfAnotherBody(t *testing.T) {
	w := httptest.NewRecorder()
	for _, name := range []string{
		"Content-Encoding", "Transfer-Encoding", "Etag", "Last-Modified", "Cache-Control", "Content-Length", "Connection",
	} {
		w.Header().Set(name, "x")
	}
	refuse(w, newRequest(), &Refusal{Status: 401, Body: "who?", Header: http.Header{
		"www-authenticate": {"Basic"}, "Content-Type": {"text/x"}, "Transfer-Encoding": {"chunked"},
	}})
	want := http.Header{
		"Content-Type":           {"text/x"},
		"X-Content-Type-Options": {"nosniff"},
		"Content-Length":         {"4"},
		"Connection":             {"close"},
		"Www-Authenticate":       {"Basic"},
	}
	if got := w.Result().Header; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("header = %v, want %v", got, want)
	}
}
