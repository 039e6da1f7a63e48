package fuzz

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/conntest"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
	"github.com/tidewire/websocket/server"
)

const goodRequest = "GET /chat?a=b HTTP/1.1\r\n" +
	"Host: server.example.com\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + // RFC 6455, section 1.3
	"Origin: http://server.example.com\r\n" +
	"Sec-WebSocket-Protocol: chat, superchat\r\n" +
	"Sec-WebSocket-Version: 13\r\n\r\n"

// requests are the seeds: good ones, and what a refusal is for.
var requests = []string{
	goodRequest,
	strings.Replace(goodRequest, "/chat", "http://server.example.com/chat", 1),
	strings.NewReplacer("/chat", "http://server.example.com/chat", "Host: ", "Host: a b").Replace(goodRequest),
	strings.Replace(goodRequest, "\r\nConnection: ", "\r\nConnection: keep-alive\r\nconnection: close, ", 1),
	strings.Replace(goodRequest, "http://server", "https://server", 1),
	strings.Replace(goodRequest, "http://server", "null", 1),
	strings.Replace(goodRequest, ": 13", ": 8", 1),
	strings.Replace(goodRequest, ": 13", ": 13, 8", 1),
	strings.Replace(goodRequest, "GET", "POST", 1),
	strings.Replace(goodRequest, "HTTP/1.1", "HTTP/1.0", 1),
	strings.Replace(goodRequest, "Q==", "Q", 1),
	strings.Replace(goodRequest, "Host", "Host: other\r\nHost", 1),
	strings.Replace(goodRequest, "Host: ", "Host : ", 1),
	strings.Replace(goodRequest, "Origin: ", "Content-Length: 5\r\nOrigin: ", 1),
	strings.Replace(goodRequest, "Origin: ", "Transfer-Encoding: chunked\r\nOrigin: ", 1),
	strings.Replace(goodRequest, "Origin: ", "Sec-WebSocket-Extensions: permessage-deflate; a=\"b\\\"\"\r\nOrigin: ", 1),
	strings.Replace(goodRequest, "Origin: ", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=1000\r\n"+
		"Sec-WebSocket-Extensions: , permessage-deflate; client_max_window_bits;server_max_window_bits=\"1\\0\"\r\nOrigin: ", 1),
	strings.Replace(goodRequest, "Origin: ", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nOrigin: ", 1),
	strings.Replace(goodRequest, "chat, superchat", "chat,, \"x\"", 1),
	strings.Replace(goodRequest, "server.example.com", "[::1", 1),
	strings.ReplaceAll(goodRequest, "\r\n", "\n"),
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	goodRequest[:100],
	"",
}

// answer is what a request came to.
type answer struct {
	status   int
	accept   []string
	protocol []string
	agreed   []string // extensions
	got      []message
	err      error // of the upgrade
}

// Property: whatever bytes a client sends as its opening handshake and behind it,
// and however they are cut: UpgradeConn answers with one complete HTTP response, or
// nothing if the client went before; the response is 101 exactly if there is a
// connection, and then Upgrade on net/http accepts the same bytes with the same
// answer and delivers the same messages from behind them, compressed ones too if the
// server's options, chosen by mode, agree to that.
// Checklist: S15, S19
func FuzzUpgrade(f *testing.F) {
	frames := string(helloDeflated.Append(conntest.TextFrame("Hello").Append(nil, conn.Client), conn.Client))
	for i, r := range requests {
		f.Add([]byte(r+frames), []byte{byte(40 * i)}, byte(i))
		f.Add([]byte(r+frames), []byte{}, byte(i+1))
		f.Add([]byte(r), []byte{0, byte(i), 255}, byte(0))
	}
	f.Fuzz(func(t *testing.T, request, cuts []byte, mode byte) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			o := &server.Options{Subprotocols: []string{"superchat", "chat"}, Conn: compressing(mode)}
			raw := upgradeConn(t, o, request, cuts)
			if raw.status != http.StatusSwitchingProtocols {
				return
			}
			std := upgradeHTTP(t, o, request, cuts)
			if !slices.Equal(raw.accept, std.accept) || !slices.Equal(raw.protocol, std.protocol) || !slices.Equal(raw.agreed, std.agreed) ||
				!slices.Equal(raw.got, std.got) || std.status != raw.status {
				t.Errorf("%q\nwithout net/http: %v\nwith:             %v", request, raw, std)
			}
			if waited := time.Since(start); waited > 0 {
				t.Errorf("it took %v although everything was there", waited)
			}
		})
	})
}

// compressing chooses options of a connection: none that compress, or one of two that do.
func compressing(mode byte) *conn.Options {
	switch mode % 3 {
	case 1:
		return &conn.Options{Compression: &conn.Compression{}}
	case 2:
		return &conn.Options{Compression: &conn.Compression{Takeover: true}}
	}
	return nil
}

// helloDeflated is "Hello" (RFC 7692, section 7.2.3.1).
var helloDeflated = conntest.Frame{Header: frame.Header{Fin: true, RSV1: true, Opcode: frame.Text}, Payload: []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")}

// clientOf returns the client's end, which has sent everything.
func clientOf(request, cuts []byte) (client *wiretest.Conn, nc net.Conn) {
	a, b := wiretest.Pipe(1 << 20)
	b.SetManners(wiretest.Manners{QuietClose: true})
	a.Write(request)
	a.CloseWrite()
	return a, wiretest.Split(b, pieces(cuts))
}

func upgradeConn(t *testing.T, o *server.Options, request, cuts []byte) (got answer) {
	a, nc := clientOf(request, cuts)
	c, r, err := server.UpgradeConn(nc, o)
	got.err = err
	if (c == nil) != (err != nil) || (err == nil && r == nil) {
		t.Fatalf("UpgradeConn: got %v, %v, %v", c, r, err)
	}
	if c != nil {
		got.got, _ = readAll(context.Background(), c, byRead)
		<-c.Done()
	}
	got.read(t, a)
	var refused *handshake.Error
	switch {
	case err == nil && got.status != 101, err != nil && got.status == 101:
		t.Errorf("status %d, and UpgradeConn said %v", got.status, err)
	case errors.As(err, &refused) && got.status != refused.Status:
		t.Errorf("status %d, and UpgradeConn said %d, %v", got.status, refused.Status, err)
	case err != nil && refused == nil && got.status != 0:
		t.Errorf("status %d, and UpgradeConn said %v, which is no refusal", got.status, err)
	}
	return got
}

// read reads the one response that a client gets, or nothing at all.
func (got *answer) read(t *testing.T, nc net.Conn) {
	b := rest(t, nc)
	if len(b) == 0 {
		return
	}
	br := bufio.NewReader(bytes.NewReader(b))
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("the response %q: %v", b, err)
	}
	got.status = resp.StatusCode
	got.accept, got.protocol = resp.Header["Sec-Websocket-Accept"], resp.Header["Sec-Websocket-Protocol"]
	got.agreed = resp.Header["Sec-Websocket-Extensions"]
	if got.status == 101 {
		behind, _ := io.ReadAll(br)
		const whole = true
		legal(t, conn.Server, behind, whole)
		return
	}
	if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode < 400 || !resp.Close {
		t.Errorf("the refusal %q is not complete, or not one: %v", b, err)
	}
	if n := br.Buffered(); n > 0 {
		t.Errorf("behind the refusal there are %d more bytes: %q", n, b)
	}
}

// upgradeHTTP is upgradeConn on net/http.
func upgradeHTTP(t *testing.T, o *server.Options, request, cuts []byte) (got answer) {
	a, nc := clientOf(request, cuts)
	got.err = errors.New("the handler was not called")
	over, end := make(chan struct{}), sync.Once{}
	l := &oneConn{nc: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.nc <- nc
	refused := func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed { // by net/http, without calling the handler
			end.Do(func() { close(over) })
		}
	}
	s := &http.Server{ConnState: refused, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c *conn.Conn
		if c, got.err = server.Upgrade(w, r, o); got.err == nil {
			got.got, _ = readAll(context.Background(), c, byRead)
			<-c.Done()
		}
		end.Do(func() { close(over) })
	})}
	go s.Serve(l)
	<-over
	s.Close()
	got.read(t, a)
	return got
}

func (got answer) String() string {
	return fmt.Sprintf("status %d, accept %q, protocol %q, extensions %q, messages %v; %v",
		got.status, got.accept, got.protocol, got.agreed, got.got, got.err)
}

// oneConn is a listener for one connection.
type oneConn struct {
	nc     chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case nc := <-l.nc:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	close(l.closed)
	return nil
}

func (l *oneConn) Addr() net.Addr { return wiretest.Addr("pipe:server") }
