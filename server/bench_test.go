package server

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidewire/websocket/conn"
)

// browserRequest is what a browser sends, about 600 bytes.
var browserRequest = strings.Join([]string{
	"GET /chat?room=1 HTTP/1.1",
	"Host: example.com",
	"Connection: Upgrade",
	"Pragma: no-cache",
	"Cache-Control: no-cache",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Upgrade: websocket",
	"Origin: http://example.com",
	"Sec-WebSocket-Version: 13",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: en-US,en;q=0.9",
	"Cookie: session=0123456789abcdef0123456789abcdef",
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
	"\r\n",
}, "\r\n")

// written is a socket that has a request to read and takes all that is written.
type written struct {
	net.Conn // nil: no other method is called
	in       string
	n        int
}

func (w *written) Read(p []byte) (int, error) {
	n := copy(p, w.in[w.n:])
	w.n += n
	return n, nil
}

func (w *written) Write(p []byte) (int, error)      { return len(p), nil }
func (w *written) Close() error                     { return nil }
func (w *written) SetDeadline(time.Time) error      { return nil }
func (w *written) SetReadDeadline(time.Time) error  { return nil }
func (w *written) SetWriteDeadline(time.Time) error { return nil }
func (w *written) RemoteAddr() net.Addr             { return address }
func (w *written) LocalAddr() net.Addr              { return address }

var address = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711}

// What a handshake costs without a socket: parsing, judging, answering, and the connection itself (conn.New).
func BenchmarkUpgradeConn(b *testing.B) {
	for _, bb := range []struct{ name, request string }{
		{"short", request()},
		{"browser", browserRequest},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			w := &written{in: bb.request}
			for b.Loop() {
				w.n = 0
				c, _, err := UpgradeConn(w, nil)
				if err != nil {
					b.Fatal(err)
				}
				c.CloseNow()
			}
		})
	}
}

// What of it is package conn's.
func BenchmarkNewConn(b *testing.B) {
	b.ReportAllocs()
	w := &written{}
	for b.Loop() {
		conn.New(w, conn.Setup{Role: conn.Server}, nil).CloseNow()
	}
}

// given is a ResponseWriter of which only the socket is wanted.
type given struct {
	header http.Header
	nc     *written
	rw     *bufio.ReadWriter
}

func (g *given) Header() http.Header         { return g.header }
func (g *given) Write(p []byte) (int, error) { return len(p), nil }
func (g *given) WriteHeader(int)             {}

func (g *given) Hijack() (net.Conn, *bufio.ReadWriter, error) { return g.nc, g.rw, nil }

// BenchmarkUpgrade and BenchmarkHijackAndAnswer begin where net/http has parsed the request.
func BenchmarkUpgrade(b *testing.B) {
	benchmarkHTTP(b, func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(w, r, nil)
		if err != nil {
			b.Fatal(err)
		}
		c.CloseNow()
	})
}

// BenchmarkHijackAndAnswer is the least that a server can do and still open a connection.
func BenchmarkHijackAndAnswer(b *testing.B) {
	benchmarkHTTP(b, func(w http.ResponseWriter, r *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			b.Fatal(err)
		}
		sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		nc.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"))
		nc.Close()
	})
}

// BenchmarkHandler has the goroutine of serve in it.
func BenchmarkHandler(b *testing.B) {
	over := make(chan struct{})
	h := Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
		c.CloseNow()
		over <- struct{}{}
		return nil
	}, nil)
	benchmarkHTTP(b, func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		<-over
	})
}

func benchmarkHTTP(b *testing.B, serve http.HandlerFunc) {
	b.ReportAllocs()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(browserRequest)))
	if err != nil {
		b.Fatal(err)
	}
	r.RemoteAddr = address.String()
	nc := &written{}
	rw := bufio.NewReadWriter(bufio.NewReader(nc), bufio.NewWriter(nc))
	for b.Loop() {
		serve(&given{header: make(http.Header), nc: nc, rw: rw}, r)
	}
}

// A server begins a goroutine for each socket, whose stack may have to grow: see stretch.
func BenchmarkUpgradeConnOnNewGoroutine(b *testing.B) {
	b.ReportAllocs()
	w := &written{in: browserRequest}
	done := make(chan error)
	for b.Loop() {
		w.n = 0
		go func() {
			c, _, err := UpgradeConn(w, nil)
			if err == nil {
				c.CloseNow()
			}
			done <- err
		}()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
