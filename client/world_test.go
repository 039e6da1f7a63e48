package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

// TestMain takes the machine's proxies out of the environment, or plays the child of TestProxyFromEnvironment.
func TestMain(m *testing.M) {
	if targets := os.Getenv(envTargets); targets != "" {
		printProxies(strings.Fields(targets))
		return
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		os.Unsetenv(name)
		os.Unsetenv(strings.ToLower(name))
	}
	os.Exit(m.Run())
}

// A world is a server in memory, or a proxy, and all that clients did to reach it. It works inside synctest.
type world struct {
	t *testing.T
	l *wiretest.Listener

	mu    sync.Mutex
	addrs []string         // that clients dialed
	ends  []*wiretest.Conn // the clients' ends
	wait  sync.WaitGroup
}

// newWorld runs serve for each connection, with its number, and closes the connection afterwards.
func newWorld(t *testing.T, serve func(p *peer, i int)) *world {
	w := &world{t: t, l: wiretest.Listen(0)}
	w.wait.Go(func() {
		for i := 0; ; i++ {
			nc, err := w.l.Accept()
			if err != nil {
				return
			}
			w.wait.Go(func() {
				defer nc.Close()
				serve(newPeer(t, nc), i)
			})
		}
	})
	t.Cleanup(func() {
		w.l.Close()
		w.wait.Wait()
	})
	return w
}

// DialContext connects to the world whatever the address.
func (w *world) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := w.l.Dial(ctx)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addrs = append(w.addrs, addr)
	w.ends = append(w.ends, c)
	return c, nil
}

// options lead into the world.
func (w *world) options() *Options { return &Options{DialContext: w.DialContext} }

// dialed is where clients went.
func (w *world) dialed() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.addrs...)
}

// end is the client's end of connection i.
func (w *world) end(i int) *wiretest.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ends[i]
}

// allClosed fails the test if a client left a socket open.
func (w *world) allClosed() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, c := range w.ends {
		if !c.Closed() {
			w.t.Errorf("socket %d to %s is open after a failed Dial", i, w.addrs[i])
		}
	}
}

// A peer is the server's end of a connection.
type peer struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func newPeer(t *testing.T, nc net.Conn) *peer { return &peer{nc, t, bufio.NewReader(nc)} }

// head reads up to the empty line; empty if the client went before.
func (p *peer) head() string {
	var b strings.Builder
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		c, err := p.r.ReadByte()
		if err != nil {
			return ""
		}
		b.WriteByte(c)
	}
	return b.String()
}

// request reads an opening handshake and judges it as our server would.
func (p *peer) request() *handshake.Request {
	head := p.head()
	if head == "" {
		return nil
	}
	r, _, err := handshake.ParseRequest([]byte(head))
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		p.t.Errorf("our own server refuses %q: %v", head, err)
		return nil
	}
	return r
}

// say sends text; a client that has gone is no error of the server's.
func (p *peer) say(text string) bool {
	_, err := io.WriteString(p, text)
	return err == nil
}

// drain reads until the client goes and returns what it sent.
func (p *peer) drain() []byte {
	b, _ := io.ReadAll(p.r)
	return b
}

// accept answers a handshake with 101 and what follows, and waits until the client goes.
func (p *peer) accept(behind string) {
	if r := p.request(); r != nil {
		p.say(switching(r.Key, "") + behind)
		p.drain()
	}
}

// switching is a good answer to a key, with further header lines.
func switching(key, lines string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		handshake.AcceptKey(key) + "\r\n" + lines + "\r\n"
}

const helloFrame = "\x81\x05Hello" // FIN+text, unmasked, 5 bytes (RFC 6455, section 5.7)

// mustDial fails the test if there is no connection, and closes it at the end.
func mustDial(t *testing.T, ctx context.Context, url string, o *Options) *conn.Conn {
	t.Helper()
	c, err := Dial(ctx, url, o)
	if err != nil {
		t.Fatalf("Dial(%q) = %v; want a connection", url, err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// mustRead fails the test unless the next message is want.
func mustRead(t *testing.T, c *conn.Conn, want string) {
	t.Helper()
	_, got, err := c.Read(t.Context())
	if string(got) != want || err != nil {
		t.Fatalf("Read = %q, %v; want %q", got, err, want)
	}
}

// mustFail fails the test unless Dial refuses with that status and an error that contains text.
func mustFail(t *testing.T, ctx context.Context, url string, o *Options, status int, text string) *HandshakeError {
	t.Helper()
	c, err := Dial(ctx, url, o)
	if c != nil {
		c.CloseNow()
	}
	var e *HandshakeError
	if !errors.As(err, &e) || c != nil {
		t.Fatalf("Dial(%q) = %v, %v; want a *HandshakeError", url, c, err)
	}
	if e.Status != status || !strings.Contains(e.Error(), text) || !strings.HasPrefix(e.Error(), "websocket: ") {
		t.Fatalf("Dial(%q): status %d, %q; want status %d and %q", url, e.Status, e, status, text)
	}
	return e
}

// through is an Options.Proxy for one proxy.
func through(raw string) func(*url.URL) (*url.URL, error) {
	return func(*url.URL) (*url.URL, error) { return url.Parse(raw) }
}

// lines counts the header lines of a head.
func lines(head string) int { return strings.Count(head, "\r\n") - 2 }

// header makes an http.Header of pairs.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}
