package wiretest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A stream is what a *net.TCPConn and a *Conn have in common.
type stream interface {
	net.Conn
	CloseRead() error
	CloseWrite() error
}

// Each script is played on a loopback TCP connection and on a pipe with Linux manners; both must tell the same story.
// "a abort" is a close that sends a RST.
var scripts = []string{
	"a write data, b read, b write answer, a read",
	"a write data, a close, b read, b read, b read",
	"a write data, a abort, b read, b read, b read, b write x, b write y",
	"a write data, a abort, b write x, b read, b read, b write y",
	"a abort, b write x, b write x, b read, b closewrite, b closeread, b close",
	"b write unread, a write bye, a close, b read, b read, b read, b write x",
	"a write bye, a close, b write x, b write x, b read, b read, b read",
	"a write bye, a close, b write x, b read, b read, b read, b write x",
	"a write bye, a close, b read, b write x, b read, b write x, b closewrite",
	"a closewrite, a closewrite, a write x, a write, b read, b write hi, a read",
	"a write x, a closewrite, b write y, a close, b read, b read, b write z, b closewrite",
	"a closewrite, b closewrite, a closewrite, a read, b read, a closeread, b closewrite, a close, b close",
	"b write before, a closeread, a read, a read, b write after, a read, a read, a closeread, b write x",
	"b write before, a closeread, a close, b read, b read",
	"a close, a close, a read, a write x, a closewrite, a closeread, a unset, a expire",
	"b write x, a expire, a read, a write, a write y, a unset, a read, a write y, b read",
	"a expire, a close, a read, a write x",
	"a write, b expire, b read",
}

func TestPipeActsLikeLoopbackTCP(t *testing.T) {
	for _, script := range scripts {
		t.Run(script, func(t *testing.T) {
			want := play(script, linuxPipe)
			var got []string
			for range 50 { // a FIN or RST of the real one may come late
				if got = play(script, func() (a, b stream) { return tcpPair(t) }); slices.Equal(got, want) {
					return
				}
			}
			t.Errorf("TCP and pipe differ:\n tcp  %q\n pipe %q", got, want)
		})
	}
}

func linuxPipe() (stream, stream) {
	a, b := Pipe(0)
	a.SetManners(Linux())
	b.SetManners(Linux())
	return a, b
}

func tcpPair(t *testing.T) (stream, stream) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

func play(script string, pair func() (a, b stream)) (story []string) {
	a, b := pair()
	defer a.Close()
	defer b.Close()
	for step := range strings.SplitSeq(script, ", ") {
		words := append(strings.Fields(step), "")
		end := map[string]stream{"a": a, "b": b}[words[0]]
		story = append(story, act(end, words[1], words[2]))
	}
	return story
}

func act(c stream, verb, data string) string {
	switch verb {
	case "write":
		n, err := c.Write([]byte(data))
		return fmt.Sprint("wrote ", n, kind(err))
	case "read":
		p := make([]byte, 64)
		n, err := c.Read(p)
		return fmt.Sprintf("read %q%s", p[:n], kind(err))
	case "close":
		return "closed" + kind(c.Close())
	case "closewrite":
		return "shut" + kind(c.CloseWrite())
	case "closeread":
		return "shut" + kind(c.CloseRead())
	case "expire":
		return "set" + kind(c.SetDeadline(time.Unix(1, 0)))
	case "unset":
		return "set" + kind(c.SetDeadline(time.Time{}))
	case "abort":
		switch c := c.(type) {
		case *net.TCPConn:
			c.SetLinger(0)
		case *Conn:
			c.Reset()
		}
		return "aborted" + kind(c.Close())
	}
	panic("no such verb: " + verb)
}

func kind(err error) string {
	var oe *net.OpError
	switch {
	case err == nil:
		return ""
	case err == io.EOF:
		return " EOF"
	case !errors.As(err, &oe):
		return " foreign: " + err.Error()
	}
	for _, target := range []error{net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE, syscall.ENOTCONN} {
		if errors.Is(err, target) {
			return fmt.Sprint(" ", oe.Op, ": ", oe.Timeout(), " ", target)
		}
	}
	return " strange: " + err.Error()
}

func TestWaitingCallsEndAsWithTCP(t *testing.T) {
	tests := []struct {
		name string
		wait func(a stream) error
		end  func(a, b stream)
		want string
	}{
		{"read, own close", readOne, func(a, b stream) { a.Close() }, " read: false use of closed network connection"},
		{"read, own CloseRead", readOne, func(a, b stream) { a.CloseRead() }, " EOF"},
		{"read, peer close", readOne, func(a, b stream) { b.Close() }, " EOF"},
		{"read, peer abort", readOne, func(a, b stream) { act(b, "abort", "") }, " read: false connection reset by peer"},
		{"read, deadline", readOne, func(a, b stream) { a.SetReadDeadline(time.Unix(1, 0)) }, " read: true i/o timeout"},
		{"write, own close", writeMuch, func(a, b stream) { a.Close() }, " write: false use of closed network connection"},
		{"write, own CloseWrite", writeMuch, func(a, b stream) { a.CloseWrite() }, " write: false broken pipe"},
		{"write, peer close", writeMuch, func(a, b stream) { b.Close() }, " write: false connection reset by peer"},
		{"write, peer abort", writeMuch, func(a, b stream) { act(b, "abort", "") }, " write: false connection reset by peer"},
		{"write, deadline", writeMuch, func(a, b stream) { a.SetWriteDeadline(time.Unix(1, 0)) }, " write: true i/o timeout"},
	}
	for _, tt := range tests {
		for name, pair := range map[string]func() (a, b stream){
			"pipe": linuxPipe, "tcp": func() (a, b stream) { return tcpPair(t) },
		} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				a, b := pair()
				result := make(chan error, 1)
				go func() { result <- tt.wait(a) }()
				letBegin(tt.name, b)
				tt.end(a, b)
				if got := kind(<-result); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				b.Close()
			})
		}
	}
}

// letBegin returns when a write is on its way. A read cannot be seen from outside; it is given a moment, and its result is the
// same when it comes late.
func letBegin(name string, peer stream) {
	if strings.HasPrefix(name, "read") {
		peer.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	}
	readOne(peer)
}

func readOne(c stream) error {
	_, err := c.Read(make([]byte, 1))
	return err
}

func writeMuch(c stream) error {
	_, err := c.Write(make([]byte, 32<<20))
	return err
}
