package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Checklist: C7, C8, C9
func TestRequestOnTheWire(t *testing.T) {
	heads := make(chan string, 1)
	w := newWorld(t, func(p *peer, _ int) {
		head := p.head()
		heads <- head
		r, _, _ := handshake.ParseRequest([]byte(head))
		p.say(switching(r.Header["Sec-Websocket-Key"][0], ""))
		p.drain()
	})
	for _, row := range []struct{ url, addr, line, host string }{
		{"ws://example.com", "example.com:80", "GET / HTTP/1.1", "example.com"},
		{"ws://example.com:80/a", "example.com:80", "GET /a HTTP/1.1", "example.com"},
		{"ws://example.com:/a", "example.com:80", "GET /a HTTP/1.1", "example.com"},
		{"ws://Example.com:8080/a?b", "example.com:8080", "GET /a?b HTTP/1.1", "example.com:8080"},
		{"ws://[::1]:81/?", "[::1]:81", "GET /? HTTP/1.1", "[::1]:81"},
		{"ws://[fe80::1%25lo]/a%2Fb%23c", "[fe80::1%lo]:80", "GET /a%2Fb%23c HTTP/1.1", "[fe80::1]"},
		{"ws://h/é", "h:80", "GET /%C3%A9 HTTP/1.1", "h"},
	} {
		mustDial(t, t.Context(), row.url, w.options())
		head := <-heads
		want := row.line + "\r\nHost: " + row.host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
		rest, ok := strings.CutPrefix(head, want)
		if !ok || len(rest) < 24 || rest[24:] != "\r\nSec-WebSocket-Version: 13\r\n\r\n" {
			t.Errorf("Dial(%q) sends %q; want %q, a key, the version", row.url, head, want)
		}
		if addrs := w.dialed(); addrs[len(addrs)-1] != row.addr {
			t.Errorf("Dial(%q) dials %q, want %q", row.url, addrs[len(addrs)-1], row.addr)
		}
	}
}

// Checklist: C8, C15
func TestCallersHeader(t *testing.T) {
	heads := make(chan string, 1)
	w := newWorld(t, func(p *peer, _ int) {
		heads <- p.head()
	})
	o := w.options()
	o.Header = header("Origin", "https://example.com", "x-a", "1", "x-a", "2", "Host", "other.example:81", "Proxy-Authorization", "secret")
	o.Subprotocols = []string{"v2.example", "v1.example"}
	mustFail(t, t.Context(), "ws://example.com/", o, 0, "reading the answer of the server")
	head := <-heads
	for _, want := range []string{"\r\nHost: other.example:81\r\n", "\r\nOrigin: https://example.com\r\n", "\r\nX-A: 1\r\nX-A: 2\r\n", "\r\nSec-WebSocket-Protocol: v2.example, v1.example\r\n"} {
		if !strings.Contains(head, want) {
			t.Errorf("head %q lacks %q", head, want)
		}
	}
	if n := strings.Count(head, "Host:"); n != 1 || lines(head) != 9 {
		t.Errorf("head %q has %d Host lines and %d lines, want 1 and 9", head, n, lines(head))
	}
	if strings.Contains(head, "secret") {
		t.Errorf("head %q shows the server what is for a proxy", head)
	}
	if o.Header.Get("Proxy-Authorization") != "secret" {
		t.Error("Dial changed the caller's header")
	}
}

// Nothing invalid reaches a socket: no connection is even begun.
//
// Checklist: U1, U2, U8, U9, U10, C8, C9, C12, C15
func TestInvalidInputSendsNothing(t *testing.T) {
	w := newWorld(t, func(p *peer, _ int) { p.t.Error("a connection was begun") })
	bad := func(change func(o *Options)) *Options {
		o := w.options()
		change(o)
		return o
	}
	with := func(name, value string) *Options {
		return bad(func(o *Options) { o.Header = http.Header{name: {value}} })
	}
	offer := func(p ...string) *Options { return bad(func(o *Options) { o.Subprotocols = p }) }
	const good = "ws://example.com/"
	for _, row := range []struct {
		url  string
		o    *Options
		text string
	}{
		{"", w.options(), "does not start with ws"},
		{"//h", w.options(), "does not start with ws"},
		{"wsx://h/", w.options(), "does not start with ws"},
		{"http://h/", w.options(), "does not start with ws"},
		{"ws+unix:///tmp/s", w.options(), "does not start with ws"},
		{"ws://", w.options(), "malformed host"},
		{"ws://h:99999/", w.options(), "malformed host"},
		{"ws://h/#", w.options(), "fragment"},
		{"ws://h/#a", w.options(), "fragment"},
		{"ws://user:hunter2@h/", w.options(), "userinfo"},
		{"ws://user:hunter2@h:bad/", w.options(), "userinfo"},
		{"ws://h/a b", w.options(), "must be escaped"},
		{"ws://h/a\r\nX: y", w.options(), "must be escaped"},
		{"ws://h\r\nX: y/", w.options(), "malformed host"},
		{"ws://h/%zz", w.options(), "malformed escape"},
		{"ws://bücher.example/", w.options(), "host"},
		{good, with("Upgrade", "h2c"), "belongs to the handshake"},
		{good, with("Connection", "close"), "belongs to the handshake"},
		{good, with("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="), "belongs to the handshake"},
		{good, with("Sec-WebSocket-Version", "13"), "belongs to the handshake"},
		{good, with("Sec-WebSocket-Protocol", "a"), "belongs to the handshake"},
		{good, with("Sec-WebSocket-Extensions", "permessage-deflate"), "belongs to the handshake"},
		{good, with("Content-Length", "5"), "belongs to the handshake"},
		{good, with("Transfer-Encoding", "chunked"), "belongs to the handshake"},
		{good, with("X Y", "a"), "not a token"},
		{good, with("X\r\nY", "a"), "not a token"},
		{good, with("", "a"), "not a token"},
		{good, with("X", "hunter2\r\nY: z"), "control byte"},
		{good, with("X", "hunter2\x00"), "control byte"},
		{good, with("Proxy-Authorization", "hunter2\n"), "control byte"},
		{good, bad(func(o *Options) { o.Header = http.Header{"Proxy-Authorization": {"a", "b"}} }), "comes twice"},
		{good, with("Host", "a b"), "malformed Host"},
		{good, with("Host", ""), "malformed Host"},
		{good, bad(func(o *Options) { o.Header = http.Header{"Host": {"a"}, "host": {"b"}} }), "2 Host headers"},
		{good, offer(""), "not a token"},
		{good, offer("a,b"), "not a token"},
		{good, offer("a\r\nX: y"), "not a token"},
		{good, offer("é"), "not a token"},
		{good, offer("a", "a"), "offered twice"},
		{good, bad(func(o *Options) { o.Proxy = through("ftp://user:hunter2@p") }), "proxy scheme"},
		{good, bad(func(o *Options) { o.Proxy = through("http://user:hunter2@:80") }), "no host"},
		{good, bad(func(o *Options) { o.Proxy = through("socks5://:hunter2@p") }), "RFC 1929"},
		{good, bad(func(o *Options) { o.Proxy = through("socks5://u:" + strings.Repeat("x", 256) + "@p") }), "RFC 1929"},
	} {
		e := mustFail(t, t.Context(), row.url, row.o, 0, row.text)
		if strings.Contains(e.Error(), "hunter2") {
			t.Errorf("Dial(%q): %q shows a secret", row.url, e)
		}
	}
	if got := w.dialed(); len(got) != 0 {
		t.Errorf("Dial connected to %q", got)
	}
}

// Checklist: U10, Z4
func TestInvalidInputMakesNoSYN(t *testing.T) {
	l := listenTCP(t)
	addr := l.Addr().String()
	mustFail(t, t.Context(), "ws://"+addr+"/#", nil, 0, "fragment")
	mustFail(t, t.Context(), "ws://"+addr+"/", &Options{Subprotocols: []string{"a b"}}, 0, "not a token")
	// What comes next through the listener is the connection made here, and no earlier one.
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	got, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if got.RemoteAddr().String() != nc.LocalAddr().String() {
		t.Errorf("listener saw %v, want only %v", got.RemoteAddr(), nc.LocalAddr())
	}
}

// Checklist: C10, E1
func TestKeysAreNewAndCanonical(t *testing.T) {
	const n = 1_000_000
	seen := make(map[string]struct{}, n)
	for range n {
		key := newKey()
		// 16 bytes leave four pad bits, which are zero: the last letter is one of four (RFC 6455, erratum 3150).
		if len(key) != 24 || !strings.HasSuffix(key, "==") || !strings.Contains("AQgw", key[21:22]) {
			t.Fatalf("key %q is not canonical base64 of 16 bytes", key)
		}
		seen[key] = struct{}{}
	}
	if len(seen) != n {
		t.Errorf("%d of %d keys are new", len(seen), n)
	}
}

// Checklist: C14
func TestNothingIsSentBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(p *peer, _ int) {
			r := p.request()
			if b := p.afterwards(); b != 0 {
				t.Errorf("%d bytes came behind the request", b)
			}
			p.say(switching(r.Key, ""))
			if b := p.afterwards(); b != 0 {
				t.Errorf("%d bytes came behind the answer, before any Write", b)
			}
			p.say(helloFrame)
			p.drain()
		})
		c := mustDial(t, t.Context(), "ws://example.com/", w.options())
		mustRead(t, c, "Hello")
		c.CloseNow()
	})
}

// afterwards is what has come when nobody has anything left to do.
func (p *peer) afterwards() int {
	synctest.Wait()
	return p.r.Buffered() + p.Conn.(*wiretest.Conn).Buffered()
}

// The deadline ends a Dial whatever the other side does with its time.
//
// Checklist: C16
func TestHandshakeTimeout(t *testing.T) {
	drip := func(p *peer, text string) {
		for i := range len(text) {
			if !p.say(text[i : i+1]) {
				return
			}
			time.Sleep(time.Second) // virtual
		}
	}
	long := strings.Repeat("X-A: b\r\n", 90)
	for name, row := range map[string]struct {
		url, proxy string
		serve      func(p *peer, i int)
	}{
		"silent":        {"ws://h/", "", func(p *peer, _ int) { p.drain() }},
		"drip of lines": {"ws://h/", "", func(p *peer, _ int) { p.head(); drip(p, "HTTP/1.1 101 Switching\r\n"+long) }},
		"interims":      {"ws://h/", "", func(p *peer, _ int) { p.head(); p.say("HTTP/1.1 103 Hints\r\n\r\n"); p.drain() }},
		"TLS":           {"wss://h/", "", func(p *peer, _ int) { p.drain() }},
		"proxy":         {"ws://h/", "http://p", func(p *peer, _ int) { p.head(); drip(p, "HTTP/1.1 200 OK\r\n"+long) }},
		"proxy TLS":     {"ws://h/", "https://p", func(p *peer, _ int) { p.drain() }},
		"socks":         {"ws://h/", "socks5://p", func(p *peer, _ int) { drip(p, "\x05\x00\x05\x00\x00\x03\xff"+long) }},
		"redirects": {"ws://h/", "", func(p *peer, i int) {
			p.head()
			time.Sleep(1900 * time.Millisecond) // virtual; each hop alone would be in time
			p.say("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
		}},
	} {
		for _, timeout := range []time.Duration{0, 3 * time.Second} {
			t.Run(fmt.Sprint(name, timeout), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, row.serve)
					o := w.options()
					o.HandshakeTimeout = timeout
					o.MaxRedirects = 10
					if row.proxy != "" {
						o.Proxy = through(row.proxy)
					}
					begin := time.Now()
					e := mustFail(t, t.Context(), row.url, o, 0, "deadline exceeded")
					want := timeout
					if want == 0 {
						want = 10 * time.Second
					}
					if took := time.Since(begin); took != want || !errors.Is(e, context.DeadlineExceeded) {
						t.Errorf("Dial took %v and returned %v, want %v", took, e, want)
					}
					w.allClosed()
				})
			})
		}
	}
}

// Without a limit of its own, Dial waits as long as the context lets it.
//
// Checklist: C16
func TestHandshakeTimeoutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(p *peer, i int) {
			time.Sleep(time.Hour) // virtual
			p.accept(helloFrame)
		})
		o := w.options()
		o.HandshakeTimeout = -1
		mustRead(t, mustDial(t, t.Context(), "ws://h/", o), "Hello")

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		e := mustFail(t, ctx, "ws://h/", o, 0, "deadline exceeded")
		if took := time.Since(begin); took != time.Minute || !errors.Is(e, context.DeadlineExceeded) {
			t.Errorf("Dial took %v and returned %v, want a minute", took, e)
		}
	})
}

// The context and the timeout are Dial's; the connection lives on without them.
func TestConnectionOutlivesTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(p *peer, _ int) {
			r := p.request()
			p.say(switching(r.Key, ""))
			time.Sleep(20 * time.Second) // virtual; longer than the timeout
			p.say(helloFrame)
			p.drain()
		})
		ctx, cancel := context.WithCancel(t.Context())
		c := mustDial(t, ctx, "ws://h/", w.options())
		cancel()
		mustRead(t, c, "Hello")
		c.CloseNow()
	})
}

// A context that ends at any byte of the answer closes the socket and is the error; nothing stays behind (synctest
// would say so).
//
// Checklist: C16
func TestCancelAtEveryByte(t *testing.T) {
	const extra = "X-A: b\r\n"
	size := len(switching("AAAAAAAAAAAAAAAAAAAAAA==", extra))
	for n := range size {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := newWorld(t, func(p *peer, _ int) {
				if r := p.request(); r != nil {
					p.say(switching(r.Key, extra))
					p.drain()
				}
			})
			o := &Options{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := w.DialContext(ctx, network, addr)
				return wiretest.After(nc, wiretest.OpRead, int64(n), func() {
					cancel()
					synctest.Wait() // until the cancellation has done its work
				}), err
			}}
			e := mustFail(t, ctx, "ws://h/", o, 0, "context canceled")
			if !errors.Is(e, context.Canceled) {
				t.Fatalf("canceled at byte %d: %v", n, e)
			}
			w.allClosed()
		})
	}
}

// The context ends while Dial waits for any of its steps.
//
// Checklist: C16, U8
func TestCancelAtEveryStep(t *testing.T) {
	for name, row := range map[string]struct {
		url, proxy string
		serve      func(p *peer, _ int)
	}{
		"answer":       {"ws://h/", "", func(p *peer, _ int) { p.drain() }},
		"TLS":          {"wss://h/", "", func(p *peer, _ int) { p.drain() }},
		"CONNECT":      {"ws://h/", "http://u:hunter2@p", func(p *peer, _ int) { p.drain() }},
		"tunnel":       {"ws://h/", "http://u:hunter2@p", func(p *peer, _ int) { p.head(); p.say("HTTP/1.1 200 OK\r\n\r\n"); p.drain() }},
		"tunnel TLS":   {"wss://h/", "http://u:hunter2@p", func(p *peer, _ int) { p.head(); p.say("HTTP/1.1 200 OK\r\n\r\n"); p.drain() }},
		"proxy TLS":    {"ws://h/", "https://u:hunter2@p", func(p *peer, _ int) { p.drain() }},
		"socks greet":  {"ws://h/", "socks5://u:hunter2@p", func(p *peer, _ int) { p.drain() }},
		"socks login":  {"ws://h/", "socks5://u:hunter2@p", func(p *peer, _ int) { p.say("\x05\x02"); p.drain() }},
		"socks reply":  {"ws://h/", "socks5h://u:hunter2@p", func(p *peer, _ int) { p.say("\x05\x02\x01\x00"); p.drain() }},
		"socks answer": {"ws://h/", "socks5h://p", func(p *peer, _ int) { p.say("\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"); p.drain() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, row.serve)
				o := w.options()
				if row.proxy != "" {
					o.Proxy = through(row.proxy)
				}
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					synctest.Wait()
					cancel()
				}()
				begin := time.Now()
				e := mustFail(t, ctx, row.url, o, 0, "context canceled")
				if !errors.Is(e, context.Canceled) || time.Since(begin) != 0 || strings.Contains(e.Error(), "hunter2") {
					t.Errorf("Dial = %v after %v; want it canceled at once", e, time.Since(begin))
				}
				w.allClosed()
			})
		})
	}
}

// A context that ends in the last moment, when all bytes are there, still closes the socket.
func TestCancelAfterTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(p *peer, _ int) {
			p.say(switching(p.request().Key, "Set-Cookie: a=b\r\n"))
			p.drain()
		})
		ctx, cancel := context.WithCancel(t.Context())
		o := w.options()
		o.Jar = jarFunc(func() { cancel(); synctest.Wait() })
		mustFail(t, ctx, "ws://h/", o, 0, "opening the connection: context canceled")
		w.allClosed()
	})
}

// A context that has ended dials nothing.
func TestCanceledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, o := range []*Options{nil, {Gate: &Gate{}}} {
		if e := mustFail(t, ctx, "ws://127.0.0.1:1/", o, 0, ""); !errors.Is(e, context.Canceled) {
			t.Errorf("Dial = %v; want context.Canceled", e)
		}
	}
}

func TestDialErrors(t *testing.T) {
	refuse := errors.New("no way")
	o := &Options{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refuse }}
	if e := mustFail(t, t.Context(), "ws://h/", o, 0, `connecting to "h:80": no way`); !errors.Is(e, refuse) {
		t.Errorf("%v does not unwrap to the dialer's error", e)
	}
	o.Gate = &Gate{}
	mustFail(t, t.Context(), "ws://h/", o, 0, `connecting to "h:80": no way`)
	// A real port that nobody listens on.
	l := listenTCP(t)
	l.Close()
	var op *net.OpError
	if e := mustFail(t, t.Context(), "ws://"+l.Addr().String(), nil, 0, "connecting to"); !errors.As(e, &op) {
		t.Errorf("%v does not unwrap to a *net.OpError", e)
	}
	// The socket breaks under the request.
	w := newWorld(t, func(p *peer, _ int) {})
	o = &Options{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := w.DialContext(ctx, network, addr)
		return wiretest.FailAt(nc, wiretest.OpWrite, 1, refuse), err
	}}
	mustFail(t, t.Context(), "ws://h/", o, 0, "sending the handshake: no way")
	o.Proxy = through("http://p")
	mustFail(t, t.Context(), "ws://h/", o, 0, "no way")
	o.Proxy = through("socks5://p")
	mustFail(t, t.Context(), "ws://h/", o, 0, "no way")
	w.allClosed()
}

// Over a real TCP socket nothing stays open: not a descriptor, not a goroutine.
func TestDialLeaksNoDescriptor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts descriptors in /proc/self/fd")
	}
	l := listenTCP(t)
	serveTCP(t, l, func(p *peer) {
		p.head()
		p.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
	})
	refused := func() {
		e := mustFail(t, t.Context(), "ws://"+l.Addr().String(), nil, 403, "status 403")
		if string(e.Body) != "no" {
			t.Errorf("body is %q", e.Body)
		}
	}
	refused() // the poller opens its own descriptors once
	before := descriptors(t)
	for range 100 {
		refused()
	}
	// The server's ends may linger for a moment each; a leak of ours would be a hundred.
	if after := descriptors(t); after > before+50 {
		t.Errorf("%d descriptors are open after 100 refused Dials, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestDialOverUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skipf("no unix sockets here: %v", err)
	}
	serveTCP(t, l, func(p *peer) { p.accept(helloFrame) })
	c := mustDial(t, t.Context(), "ws://localhost/", &Options{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}})
	mustRead(t, c, "Hello")
}

// Checklist: V12
func TestDialOverTCP(t *testing.T) {
	l := listenTCP(t)
	serveTCP(t, l, func(p *peer) { p.accept(helloFrame) })
	o := &Options{Subprotocols: []string{"a", "b"}, Conn: &conn.Options{ReadLimit: 5}}
	c := mustDial(t, t.Context(), "ws://"+l.Addr().String(), o)
	mustRead(t, c, "Hello")
	if p := c.Subprotocol(); p != "" {
		t.Errorf("Subprotocol = %q, want none", p)
	}
}

// The client works where only approved cryptography does: SHA-1 is not, and the handshake has its own.
//
// Checklist: Z6
func TestDialUnderFIPS(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Skipf("cannot run this test's program again: %v", err)
	}
	cmd := exec.Command(exe, "-test.v", "-test.run=^(TestDialOverTCP|TestRequestOnTheWire)$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if n := strings.Count(string(out), "--- PASS"); n != 2 || err != nil {
		t.Errorf("under fips140=only: %v\n%s", err, out)
	}
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serveTCP runs serve for each connection, and at the end of the test closes the listener and waits for all.
func serveTCP(t *testing.T, l net.Listener, serve func(p *peer)) {
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer nc.Close()
				serve(newPeer(t, nc))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wait.Wait()
	})
}
