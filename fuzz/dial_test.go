package fuzz

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/client"
	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/conntest"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

// ACCEPT in a seed stands for the right answer to the key.
const goodResponse = "HTTP/1.1 101 Switching Protocols\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: ACCEPT\r\n" +
	"Sec-WebSocket-Protocol: chat\r\n\r\n"

var responses = []string{
	goodResponse,
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + goodResponse,
	"HTTP/1.1 101 x\r\nupgrade: WebSocket\r\nconnection: close\r\nconnection: upgrade\r\nsec-websocket-accept:  ACCEPT \r\n\r\n",
	"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
	"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12; client_max_window_bits=9\r\n\r\n",
	"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions: , permessage-deflate ;server_no_context_takeover\r\n\r\n",
	"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=1000\r\n\r\n",
	"HTTP/1.0 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
	"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 5\r\n\r\nHello",
	"HTTP/1.1 302 Found\r\nLocation: ws://server.example.com/other\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n",
	"HTTP/1.1 500 x\r\n\r\nto the end of the stream",
	"HTTP/1.1 204 x\r\n\r\n",
	"\r\n\r\n",
	"HTTP/1.1 101 x\r\nUpgrade: websocket",
	"",
}

// Property: whatever a server answers to an opening handshake, and however that is
// cut, Dial returns a connection or a *HandshakeError that is no context's, at
// once; the socket of an error is closed; a connection is one that the answer's
// head agrees to, with an extension only if the client's options, chosen by mode,
// compress; and what follows the head are its frames.
// Checklist: V14, V17
func FuzzDial(f *testing.F) {
	frames := string(conntest.TextFrame("Hello").Append(nil, conn.Server))
	deflated := string(helloDeflated.Append(nil, conn.Server))
	for i, r := range responses {
		f.Add([]byte(r+frames), []byte{byte(20 * i)}, byte(i), byte(0))
		f.Add([]byte(r+frames+deflated), []byte{}, byte(i), byte(1))
		f.Add([]byte(r+deflated+frames), []byte{}, byte(0), byte(2))
		f.Add([]byte(r), []byte{byte(i), 0}, byte(0), byte(i))
	}
	f.Fuzz(func(t *testing.T, response, cuts []byte, redirects, mode byte) {
		synctest.Test(t, func(t *testing.T) { dial(t, response, cuts, int(redirects%4), compressing(mode)) })
	})
}

func dial(t *testing.T, response, cuts []byte, redirects int, o *conn.Options) {
	start := time.Now()
	s := &answering{t: t, response: response, cuts: cuts}
	c, err := client.Dial(context.Background(), "ws://server.example.com/chat", &client.Options{
		DialContext:  s.dial,
		Proxy:        client.NoProxy,
		Subprotocols: []string{"chat"},
		MaxRedirects: redirects,
		Conn:         o,
	})
	var refused *client.HandshakeError
	switch {
	case err == nil:
		want, _ := plainPlay(conn.Client, s.behind(t, c))
		got, err := readAll(context.Background(), c, byRead)
		if len(got) < len(want.messages) || err == nil {
			t.Errorf("got %v, then %v, want %v", got, err, want.messages)
		}
		<-c.Done()
	case !errors.As(err, &refused) || c != nil:
		t.Errorf("Dial: got %v, %v, want a *HandshakeError", c, err)
	default:
		notContexts(t, "Dial", err)
		if len(refused.Body) > 1<<10 {
			t.Errorf("%d bytes of the body were kept, want 1 KiB at most", len(refused.Body))
		}
	}
	if waited := time.Since(start); waited > 0 {
		t.Errorf("it took %v although everything was there", waited)
	}
	for _, pipe := range s.pipes {
		if !pipe.Closed() {
			t.Error("a socket is open behind the end")
		}
	}
}

// answering is a server that gives every request the same answer.
type answering struct {
	t              *testing.T
	response, cuts []byte
	sent           []byte // the last answer
	pipes          []*wiretest.Conn
}

// dial returns a connection that answers as soon as a request has come.
func (s *answering) dial(context.Context, string, string) (net.Conn, error) {
	a, b := wiretest.Pipe(1 << 20)
	a.SetManners(wiretest.Manners{QuietClose: true})
	s.pipes = append(s.pipes, a)
	go func() {
		head := make([]byte, 64<<10)
		n, err := b.Read(head) // one Write of ours
		if err != nil {
			return
		}
		r, _, err := handshake.ParseRequest(head[:n])
		if err == nil {
			err = r.Check()
		}
		if err != nil {
			s.t.Errorf("our request %q: %v", head[:n], err)
			b.Close()
			return
		}
		s.sent = bytes.ReplaceAll(s.response, []byte("ACCEPT"), []byte(handshake.AcceptKey(r.Key)))
		b.Write(s.sent)
		b.CloseWrite()
		io.Copy(io.Discard, b)
		b.Close()
	}()
	return wiretest.Split(a, pieces(s.cuts)), nil
}

// behind checks the head that a connection was made from, and returns what
// follows it.
func (s *answering) behind(t *testing.T, c *conn.Conn) []byte {
	b := s.sent
	for {
		r, n, err := handshake.ParseResponse(b)
		if err != nil {
			t.Fatalf("Dial accepted %q: %v", s.sent, err)
		}
		b = b[n:]
		if r.Status != 101 {
			continue // interim
		}
		agreed, err := handshake.ParseExtensions(r.Header["Sec-Websocket-Extensions"])
		if err != nil || len(agreed) > 1 || (len(agreed) == 1) != (c.Extensions() != "") || len(agreed) == 1 && agreed[0].Name != deflate.Name {
			t.Errorf("Dial agreed to %q, the answer says %v, %v", c.Extensions(), agreed, err)
		}
		if p := r.Header["Sec-Websocket-Protocol"]; len(p) > 1 || len(p) == 1 && p[0] != c.Subprotocol() {
			t.Errorf("the subprotocol is %q, the answer says %q", c.Subprotocol(), p)
		}
		return b
	}
}
