//go:build unix

package server

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tidewire/websocket/handshake"
)

// tcpPair is a client and the socket that a server has accepted.
func tcpPair(t *testing.T) (far, nc *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	dialed.SetDeadline(time.Now().Add(10 * time.Second))
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// A head on TCP may be there at once or in part, or come later; deadlines that the program had set, and that have gone
// by, do not count.
func TestUpgradeConnOnTCPInPieces(t *testing.T) {
	text := request()
	for _, there := range []int{0, 1, len(text) / 2, len(text) - 1, len(text)} {
		far, nc := tcpPair(t)
		io.WriteString(far, text[:there])
		nc.SetDeadline(time.Now().Add(-time.Second))
		go io.WriteString(far, text[there:])
		c, r, err := UpgradeConn(nc, nil)
		if err != nil {
			t.Fatalf("with %d bytes there: %v", there, err)
		}
		if r.Host != "example.com" {
			t.Errorf("with %d bytes there: Host is %q", there, r.Host)
		}
		c.CloseNow()
		answer, err := io.ReadAll(far)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 101 ") || !strings.HasSuffix(string(answer), "\r\n\r\n") {
			t.Errorf("with %d bytes there the client got %q, %v", there, answer, err)
		}
	}
}

// A head that goes on for ever, or not at all, meets its deadline though the first bytes came before it was set.
func TestUpgradeConnOnTCPBoundsAHead(t *testing.T) {
	for _, there := range []string{"", "G", request()[:40]} {
		far, nc := tcpPair(t)
		io.WriteString(far, there)
		_, _, err := UpgradeConn(nc, &Options{HandshakeTimeout: 20 * time.Millisecond})
		broken := (*handshake.Error)(nil)
		if !errors.As(err, &broken) || broken.Status != 408 {
			t.Errorf("behind %q: %v, want status 408", there, err)
		}
		if answer, err := io.ReadAll(far); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
			t.Errorf("behind %q the client got %q, %v", there, answer, err)
		}
	}
}

// An answer for which there is no room waits for it, within the timeout.
func TestAnswerWithoutRoomIsBounded(t *testing.T) {
	far, nc := tcpPair(t)
	nc.SetWriteBuffer(4 << 10)
	far.SetReadBuffer(4 << 10)
	for n := 1; n > 0; { // until there is no room any more
		nc.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		n, _ = nc.Write(make([]byte, 8<<20))
	}
	p := newOpening(&Options{HandshakeTimeout: 20 * time.Millisecond})
	defer p.free()
	p.nc, p.head = nc, make([]byte, 200)
	if err := p.answer(); !isTimeout(err) {
		t.Errorf("answer = %v, want a timeout", err)
	}
	nc.SetDeadline(time.Time{})
	go io.Copy(io.Discard, far)
	p.options = &Options{}
	if err := p.answer(); err != nil {
		t.Errorf("answer with room to come = %v", err)
	}
}

func isTimeout(err error) bool {
	ne := net.Error(nil)
	return errors.As(err, &ne) && ne.Timeout()
}
