package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

// The verdict on each response, which arrives whole and byte by byte.
// In a row, ACCEPT is the right Sec-WebSocket-Accept, and UP the two lines that every 101 has.
//
// Checklist: V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12, V15, V17, C13
func TestResponses(t *testing.T) {
	const (
		ok  = "HTTP/1.1 101 Switching Protocols\r\n"
		key = "Sec-WebSocket-Accept: ACCEPT\r\n"
	)
	for _, row := range []struct {
		response string
		status   int    // 0 with text "" is a connection
		text     string // of the error
	}{
		{ok + "UP" + key + "\r\n", 0, ""},
		// V1: anything but 101 is HTTP.
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "status 200, want 101"},
		{"HTTP/1.1 200 OK\r\nUP" + key + "\r\n", 200, "status 200, want 101"},
		{"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n", 401, "status 401"},
		{"HTTP/1.1 302 Found\r\nLocation: ws://h/\r\n\r\n", 302, "status 302"},
		{"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\n\r\n", 426, "status 426"},
		{"HTTP/1.1 500 \x1b[31mOops\r\n\r\n", 0, "control byte"},
		{"HTTP/1.1 500 Oops\r\n\r\n", 500, "status 500"},
		{"HTTP/1.1 999 What\r\n\r\n", 999, "status 999"},
		// V2: up to five interim responses.
		{"HTTP/1.1 100 Continue\r\n\r\n" + ok + "UP" + key + "\r\n", 0, ""},
		{"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + ok + "UP" + key + "\r\n", 0, ""},
		{strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 5) + ok + "UP" + key + "\r\n", 0, ""},
		{strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 6) + ok + "UP" + key + "\r\n", 0, "more than 5 interim responses"},
		{"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n", 403, "status 403"},
		// V3
		{ok + "Upgrade: WebSocket\r\nConnection: Upgrade\r\n" + key + "\r\n", 0, ""},
		{ok + "Upgrade:\t websocket \r\nConnection: Upgrade\r\n" + key + "\r\n", 0, ""},
		{ok + "Connection: Upgrade\r\n" + key + "\r\n", 101, "Upgrade header"},
		{ok + "Upgrade: \r\nConnection: Upgrade\r\n" + key + "\r\n", 101, "Upgrade header"},
		{ok + "Upgrade: websocket, foo\r\nConnection: Upgrade\r\n" + key + "\r\n", 101, "Upgrade header"},
		{ok + "Upgrade: websocket2\r\nConnection: Upgrade\r\n" + key + "\r\n", 101, "Upgrade header"},
		{ok + "Upgrade: h2c\r\nConnection: Upgrade\r\n" + key + "\r\n", 101, "Upgrade header"},
		// V4
		{ok + "Upgrade: websocket\r\nConnection: close, Upgrade\r\n" + key + "\r\n", 0, ""},
		{ok + "Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: uPGRADE\r\n" + key + "\r\n", 0, ""},
		{ok + "Upgrade: websocket\r\nConnection: close\r\n" + key + "\r\n", 101, "Connection header"},
		{ok + "Upgrade: websocket\r\nConnection: notupgrade\r\n" + key + "\r\n", 101, "Connection header"},
		{ok + "Upgrade: websocket\r\n" + key + "\r\n", 101, "Connection header"},
		// V5, V6
		{ok + "UPSec-WebSocket-Accept:   ACCEPT  \r\n\r\n", 0, ""},
		{ok + "UP\r\n", 101, "0 Sec-WebSocket-Accept"},
		{ok + "UPSec-WebSocket-Accept: \r\n\r\n", 101, "Sec-WebSocket-Accept is"},
		{ok + "UPSec-WebSocket-Accept: tpecca\r\n\r\n", 101, "Sec-WebSocket-Accept is"},
		{ok + "UPSec-WebSocket-Accept: SWAPPED\r\n\r\n", 101, "Sec-WebSocket-Accept is"},
		{ok + "UPSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", 101, "Sec-WebSocket-Accept is"},
		{ok + "UP" + key + "Sec-WebSocket-Accept: x\r\n\r\n", 101, "2 Sec-WebSocket-Accept"},
		{ok + "UPSec-WebSocket-Accept: x\r\n" + key + "\r\n", 101, "2 Sec-WebSocket-Accept"},
		// V7, V8: none is offered, so none may be there.
		{ok + "UP" + key + "Sec-WebSocket-Extensions: x-foo\r\n\r\n", 101, "not offered"},
		{ok + "UP" + key + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 101, "not offered"},
		{ok + "UP" + key + "Sec-WebSocket-Extensions: a; b=\"c d\"\r\n\r\n", 101, "malformed Sec-WebSocket-Extensions"},
		// V9, V10, V12: the offer is "chat, Super".
		{ok + "UP" + key + "Sec-WebSocket-Protocol: Super\r\n\r\n", 0, ""},
		{ok + "UP" + key + "Sec-WebSocket-Protocol: super\r\n\r\n", 101, `subprotocol "super", which was not offered`},
		{ok + "UP" + key + "Sec-WebSocket-Protocol: evil\r\n\r\n", 101, `"evil"`},
		{ok + "UP" + key + "Sec-WebSocket-Protocol: \r\n\r\n", 101, "not offered"},
		{ok + "UP" + key + "Sec-WebSocket-Protocol: chat, Super\r\n\r\n", 101, "not offered"},
		{ok + "UP" + key + "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n\r\n", 101, "2 Sec-WebSocket-Protocol"},
		// V11
		{"HTTP/1.0 101 Switching\r\nUP" + key + "\r\n", 101, `"HTTP/1.0"`},
		{"HTTP/2.0 101 Switching\r\nUP" + key + "\r\n", 101, `"HTTP/2.0"`},
		{"HTTP/1.2 101 Switching\r\nUP" + key + "\r\n", 0, ""},
		// V15
		{ok + "UP" + key + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0, ""},
		// What is no HTTP at all.
		{"SSH-2.0-OpenSSH_9.2\r\n", 0, "malformed status line"},
		{"HTTP/1.1 101 Switching\nUpgrade: websocket\n\n", 0, "bare LF"},
		{ok + "Upgrade : websocket\r\n\r\n", 0, "white space"},
		{ok + "UP" + key, 0, "unexpected EOF"},
		{"", 0, "unexpected EOF"},
	} {
		for _, piece := range []int{1, 1 << 20} {
			w := newWorld(t, func(p *peer, _ int) {
				r := p.request()
				accept := handshake.AcceptKey(r.Key)
				p.say(strings.NewReplacer("UP", "Upgrade: websocket\r\nConnection: Upgrade\r\n", "ACCEPT", accept,
					"SWAPPED", swapCase(accept)).Replace(row.response))
				if row.text == "" {
					p.say(helloFrame)
					p.drain()
				}
			})
			o := &Options{Subprotocols: []string{"chat", "Super"}, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := w.DialContext(ctx, network, addr)
				return wiretest.Split(nc, wiretest.Fixed(piece)), err
			}}
			if row.text == "" {
				c := mustDial(t, t.Context(), "ws://h/", o)
				mustRead(t, c, "Hello")
				if want := map[bool]string{true: "Super"}[strings.Contains(row.response, ": Super")]; c.Subprotocol() != want {
					t.Errorf("subprotocol of %q is %q, want %q", row.response, c.Subprotocol(), want)
				}
				continue
			}
			e := mustFail(t, t.Context(), "ws://h/", o, row.status, row.text)
			if (e.Header == nil) != (row.status == 0) {
				t.Errorf("%q: header is %v", row.response, e.Header)
			}
			w.allClosed()
		}
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if c := r | 0x20; c >= 'a' && c <= 'z' {
			return r ^ 0x20
		}
		return r
	}, s)
}

// A subprotocol that nobody asked for is refused too.
//
// Checklist: V9
func TestSubprotocolWithoutOffer(t *testing.T) {
	w := newWorld(t, func(p *peer, _ int) {
		p.say(switching(p.request().Key, "Sec-WebSocket-Protocol: chat\r\n"))
	})
	mustFail(t, t.Context(), "ws://h/", w.options(), 101, "not offered")
}

// The head and three frames in one segment, and cut in two at every byte.
//
// Checklist: V14
func TestFramesBehindTheHead(t *testing.T) {
	const frames = helloFrame + "\x81\x01a" + "\x81\x01b"
	size := len(switching("AAAAAAAAAAAAAAAAAAAAAA==", "")) + len(frames)
	for cut := range size + 1 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(p *peer, _ int) {
				all := switching(p.request().Key, "") + frames
				p.say(all[:cut])
				synctest.Wait()
				p.say(all[cut:])
				p.drain()
			})
			c := mustDial(t, t.Context(), "ws://h/", w.options())
			for _, want := range []string{"Hello", "a", "b"} {
				mustRead(t, c, want)
			}
			c.CloseNow()
		})
	}
}

// Whatever is refused is left by closing TCP: at once, and without a byte more.
//
// Checklist: V17
func TestFailingClosesTCP(t *testing.T) {
	for _, response := range []string{
		"HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"HTTP/1.1 403 Forbidden\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nno more comes",
		"nonsense\r\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(p *peer, _ int) {
				p.request()
				p.say(response)
				begin := time.Now()
				if rest := p.drain(); len(rest) > 0 {
					t.Errorf("after %q the client sends %q", response, rest)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("after %q the client stays for %v", response, took)
				}
			})
			begin := time.Now()
			_, err := Dial(t.Context(), "ws://h/", w.options())
			if took := time.Since(begin); err == nil || took > time.Second {
				t.Errorf("%q: Dial = %v after %v", response, err, took)
			}
			w.allClosed()
		})
	}
}

// The body of a refusal: its first KiB, without chunks, bounded in bytes and in time.
//
// Checklist: V1
func TestBodyOfRefusal(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<10) // 16 KiB
	for name, row := range map[string]struct {
		head, body string
		open       bool // the server does not close
		want       string
		took       time.Duration
	}{
		"length":          {"403 Forbidden\r\nContent-Length: 5\r\n", "sorry and more", true, "sorry", 0},
		"length 0":        {"403 Forbidden\r\nContent-Length: 0\r\n", "", true, "", 0},
		"until EOF":       {"403 Forbidden\r\n", "sorry", false, "sorry", 0},
		"bad length":      {"403 Forbidden\r\nContent-Length: 5, 5\r\n", "sorry", false, "sorry", 0},
		"negative length": {"403 Forbidden\r\nContent-Length: -5\r\n", "sorry", false, "", 0},
		"chunked":         {"403 Forbidden\r\nTransfer-Encoding: chunked\r\n", "3\r\nsor\r\n2;x=y\r\nry\r\n0\r\n\r\n", true, "sorry", 0},
		"bad chunks":      {"403 Forbidden\r\nTransfer-Encoding: chunked\r\n", "3\r\nsor\r\nzz\r\n", true, "sor", 0},
		"short":           {"403 Forbidden\r\nContent-Length: 9\r\n", "sorry", false, "sorry", 0},
		"no content":      {"204 No Content\r\n", "sorry", true, "", 0},
		"not modified":    {"304 Not Modified\r\n", "sorry", true, "", 0},
		"long":            {"403 Forbidden\r\n", long, true, long[:1<<10], 0},
		"long chunk":      {"403 Forbidden\r\nTransfer-Encoding: gzip, Chunked\r\n", "4000\r\n" + long, true, long[:1<<10], 0},
		"stalls":          {"403 Forbidden\r\nContent-Length: 9\r\n", "sorry", true, "sorry", time.Second},
		"stalls for ever": {"403 Forbidden\r\n", "", true, "", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(p *peer, _ int) {
					p.request()
					p.say("HTTP/1.1 " + row.head + "\r\n" + row.body)
					if row.open {
						p.drain()
					}
				})
				begin := time.Now()
				_, err := Dial(t.Context(), "ws://h/", w.options())
				e := err.(*HandshakeError)
				if string(e.Body) != row.want || e.Status == 0 || time.Since(begin) != row.took {
					t.Errorf("status %d, body %q after %v; want %q after %v", e.Status, e.Body, time.Since(begin), row.want, row.took)
				}
				w.allClosed()
			})
		})
	}
}

// A head without end is an error before 64 KiB of it are read.
//
// Checklist: V13
func TestEndlessHead(t *testing.T) {
	for name, line := range map[string]string{
		"lines": "X-A: " + strings.Repeat("b", 1000) + "\r\n",
		"short": "A: b\r\n",
		"line":  strings.Repeat("x", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(p *peer, _ int) {
				p.request()
				p.say("HTTP/1.1 101 Switching\r\n")
				for sent := 0; sent < 64<<20 && p.say(line); sent += len(line) {
				}
			})
			mustFail(t, t.Context(), "ws://h/", w.options(), 0, "RFC 6455, section 10.4")
			if n := w.end(0).BytesRead(); n > 64<<10 {
				t.Errorf("%d bytes were read, want at most 64 KiB", n)
			}
			w.allClosed()
		})
	}
}

// An inbox keeps what is behind a head, however it came.
func TestInboxKeepsTheRest(t *testing.T) {
	const head, rest = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "the rest"
	for cut := range len(head) + len(rest) + 1 {
		all := head + rest
		in := inbox{src: strings.NewReader(all[cut:]), from: "server", buf: []byte(all[:cut])}
		r, err := in.response(t.Context())
		if err != nil || r.Status != 200 {
			t.Fatalf("response = %v, %v", r, err)
		}
		if got, _ := io.ReadAll(io.MultiReader(bytes.NewReader(in.buf), in.src)); string(got) != rest {
			t.Errorf("behind the head cut at %d is %q, want %q", cut, got, rest)
		}
	}
}

func TestHandshakeErrorText(t *testing.T) {
	e := &HandshakeError{Status: 503}
	if got := e.Error(); got != "websocket: handshake failed with status 503" || e.Unwrap() != nil {
		t.Errorf("Error() = %q, Unwrap() = %v", got, e.Unwrap())
	}
	q := quoted{fmt.Errorf("\x1b[31m%s", strings.Repeat("x", 200))}
	if got := q.Error(); !strings.HasPrefix(got, `"\x1b[31m`) || len(got) > 2*maxQuoted {
		t.Errorf("quoted text is %s", got)
	}
}
