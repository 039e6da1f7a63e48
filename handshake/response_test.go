package handshake

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseResponseOfAGoodHead(t *testing.T) {
	b := []byte(goodResponse + frames)
	r, n, err := ParseResponse(b)
	if err != nil || n != len(goodResponse) {
		t.Fatalf("ParseResponse = %d, %v, want %d", n, err, len(goodResponse))
	}
	clear(b) // nothing in r refers to b
	want := &Response{Status: 101, Proto: "HTTP/1.1", Reason: "Switching Protocols", Header: Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {rfcAccept},
	}}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
}

// Checklist: V13
func TestParseResponseOfEveryTruncation(t *testing.T) {
	for n := range len(goodResponse) {
		if r, _, err := ParseResponse([]byte(goodResponse[:n])); err != ErrShort || r != nil {
			t.Errorf("ParseResponse of %d bytes = %v, %v, want ErrShort", n, r, err)
		}
	}
}

func TestStatusLines(t *testing.T) {
	for _, tt := range []struct {
		line   string
		status int // 0 is malformed
		reason string
	}{
		{"HTTP/1.1 200 OK", 200, "OK"},
		{"HTTP/1.1 404 Not  Found ", 404, "Not  Found "},
		{"HTTP/1.1 200 ", 200, ""},
		{"HTTP/1.1 200", 200, ""}, // the space is missing; servers do it
		{"HTTP/1.0 407 Proxy\tAuth\xe9", 407, "Proxy\tAuth\xe9"},
		{"HTTP/2.0 101 x", 101, "x"},
		{"HTTP/1.1 999 x", 999, "x"},
		{"HTTP/1.1 099 x", 0, ""},
		{"HTTP/1.1 20 x", 0, ""},
		{"HTTP/1.1 2000 x", 0, ""},
		{"HTTP/1.1 +10 x", 0, ""},
		{"HTTP/1.1 1e1 x", 0, ""},
		{"HTTP/1.1  101 x", 0, ""},
		{"HTTP/1.1\t101 x", 0, ""},
		{"HTTP/1.1", 0, ""},
		{"HTTP/1.11 101 x", 0, ""},
		{"http/1.1 101 x", 0, ""},
		{" HTTP/1.1 101 x", 0, ""},
		{"ICY 200 OK", 0, ""},
		{"SSH-2.0-OpenSSH_9", 0, ""},
		{"", 0, ""},
	} {
		r, _, err := ParseResponse([]byte(tt.line + "\r\n\r\n"))
		if tt.status == 0 {
			if err == nil {
				t.Errorf("%q = %+v, want an error", tt.line, r)
			}
			checkStatus(t, err, 0)
			continue
		}
		if err != nil || r.Status != tt.status || r.Reason != tt.reason {
			t.Errorf("%q = %+v, %v, want %d %q", tt.line, r, err, tt.status, tt.reason)
		}
	}
}

// The field lines of a response have the grammar and the caps of a request's; only the status is not an HTTP one.
//
// Checklist: V13
func TestParseResponseRefusesBadHeads(t *testing.T) {
	for _, tt := range badHeads {
		fields, ok := strings.CutPrefix(tt.head, "GET / HTTP/1.1\r\n")
		if !ok || tt.at == 0 {
			continue // about the request line, or about Host
		}
		_, _, err := ParseResponse([]byte("HTTP/1.1 101\r\n" + fields))
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
		checkStatus(t, err, 0)
	}
	_, _, err := ParseResponse([]byte("HTTP/1.1 101 " + strings.Repeat("x", MaxLine)))
	if err == nil {
		t.Error("a long status line is accepted")
	}
	checkStatus(t, err, 0)
}

// Checklist: V13
func TestResponseHeadIsBounded(t *testing.T) {
	field := "A: " + strings.Repeat("b", 500) + "\r\n"
	b := []byte("HTTP/1.1 200 OK\r\n" + strings.Repeat(field, 2000))
	s := HeadScanner{Response: true}
	for n := 0; ; n += 1000 {
		_, err := s.Scan(b[:n])
		if err == ErrShort && n <= 64<<10 {
			continue
		}
		checkStatus(t, err, 0)
		if n > MaxHead+1000 || err == ErrShort {
			t.Errorf("error %v after %d bytes, want one at %d", err, n, MaxHead)
		}
		return
	}
}

// Checklist: V2
func TestInterimResponses(t *testing.T) {
	b := []byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + goodResponse + frames)
	for skipped := 0; ; skipped++ {
		r, n, err := ParseResponse(b)
		if err != nil {
			t.Fatal(err)
		}
		b = b[n:]
		if r.Interim() {
			continue
		}
		if r.Status != 101 || skipped != 2 || string(b) != frames {
			t.Errorf("status %d after %d interim responses, %q left", r.Status, skipped, b)
		}
		break
	}
	for status, want := range map[int]bool{99: false, 100: true, 101: false, 102: true, 199: true, 200: false} {
		if got := (&Response{Status: status}).Interim(); got != want {
			t.Errorf("Interim of %d = %v, want %v", status, got, want)
		}
	}
	if MaxInterim < 2 {
		t.Errorf("MaxInterim is %d: 103, 100 and 101 in a row are legal", MaxInterim)
	}
}
