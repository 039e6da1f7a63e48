package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
)

// What a real kernel does to an ending: resets, full sockets, half closes.

// overTCP returns a connection over loopback TCP and its peer's socket.
func overTCP(t testing.TB, role Role, o *Options) (*Conn, *net.TCPConn) {
	t.Helper()
	near, far := smallTCP(t)
	c := New(near, Setup{Role: role}, o)
	t.Cleanup(func() { c.CloseNow() })
	far.SetDeadline(time.Now().Add(20 * time.Second)) // nothing here may hang
	return c, far
}

// overKernel runs f in both roles over loopback TCP.
func overKernel(t *testing.T, f func(t *testing.T, role Role)) {
	t.Helper()
	for _, role := range both {
		t.Run(role.String(), func(t *testing.T) { f(t, role) })
	}
}

// nextClose reads up to a Close and wants this code.
func nextClose(t testing.TB, f *frames, code CloseCode) {
	t.Helper()
	for {
		h, p, err := f.next()
		if err != nil {
			t.Fatalf("peer got %v, want a Close with %d", err, code)
		}
		if h.Opcode == frame.Close {
			if got, _, err := frame.ParseClose(p); got != code || err != nil {
				t.Fatalf("peer got a Close with %v, %v; want %d", got, err, code)
			}
			return
		}
	}
}

// wantEOF wants the end of the stream, and no reset.
func wantEOF(t testing.TB, f *frames) {
	t.Helper()
	if h, _, err := f.next(); err != io.EOF {
		t.Errorf("peer got %+v, %v; want io.EOF", h, err)
	}
}

// Checklist: L9
func TestCloseReachesATCPPeerThatIsSending(t *testing.T) {
	overKernel(t, func(t *testing.T, role Role) {
		c, far := overTCP(t, role, quiet())
		message := frameOf(1-role, true, frame.Binary, string(make([]byte, 64<<10)))
		begun := make(chan struct{})
		sent := later(func() error {
			for i := range 16 {
				if _, err := far.Write(message); err != nil {
					return err
				}
				if i == 0 {
					close(begun)
				}
			}
			return nil
		})
		<-begun
		closed := later(func() error { return c.CloseWith(context.Background(), 4000, "") })
		f := framesOf(far)
		if got := <-sent; got.err != nil {
			t.Fatalf("peer cannot write: %v", got.err)
		}
		nextClose(t, f, 4000)
		far.Write(frameOf(1-role, true, frame.Close, closePayload(4000, "")))
		if role == Server {
			wantEOF(t, f)
		}
		far.Close()
		if got := <-closed; got.err != nil {
			t.Errorf("Close returned %v, want nil", got.err)
		}
	})
}

// Checklist: L9, L12
func TestCloseAfterABrokenRuleReachesATCPPeer(t *testing.T) {
	overKernel(t, func(t *testing.T, role Role) {
		c, far := overTCP(t, role, quiet())
		read := later(func() error { return readOnce(context.Background(), c) })
		if _, err := far.Write(append([]byte{0x83, 0x00}, make([]byte, 8<<20)...)); err != nil {
			t.Fatalf("peer cannot finish its write: %v", err)
		}
		f := framesOf(far)
		nextClose(t, f, CloseProtocolError)
		wantEOF(t, f)
		far.Close()
		if got := <-read; brokenRule(got.err) != CloseProtocolError {
			t.Errorf("Read returned %v, want the broken rule", got.err)
		}
		<-c.Done()
	})
}

// A server takes what came behind the peer's Close off the socket before it closes
// it: otherwise the kernel resets, and the echo is lost.
//
// Checklist: L9, L16
func TestEchoOfACloseSurvivesBytesBehindIt(t *testing.T) {
	c, far := overTCP(t, Server, quiet())
	b := frameOf(Client, true, frame.Close, closePayload(4001, ""))
	far.Write(append(b, make([]byte, 10<<10)...))
	if e := closeError(t, readOnce(context.Background(), c)); e.Code != 4001 {
		t.Errorf("Read returned %v, want 4001", e)
	}
	<-c.Done()
	f := framesOf(far)
	nextClose(t, f, 4001)
	wantEOF(t, f)
}

// Checklist: L8
func TestServerClosesTCPFirst(t *testing.T) {
	overKernel(t, func(t *testing.T, role Role) {
		c, far := overTCP(t, role, &Options{CloseTimeout: 300 * time.Millisecond})
		far.Write(frameOf(1-role, true, frame.Close, ""))
		start := time.Now()
		readOnce(context.Background(), c)
		f := framesOf(far)
		nextClose(t, f, CloseNoStatus)
		wantEOF(t, f)
		d := time.Since(start)
		if waited := d >= 300*time.Millisecond; waited != (role == Client) {
			t.Errorf("our FIN came after %v, want a client alone to wait for the server's, for 300ms", d)
		}
		<-c.Done()
		if e := closeError(t, c.Err()); e.Code != CloseNoStatus || !IsNormal(e) {
			t.Errorf("Err is %v, want the empty Close", e)
		}
	})
}

// Our Write meets the peer's reset before our Read has met its Close.
func TestAFailedWriteDoesNotHideTheCloseOfATCPPeer(t *testing.T) {
	overKernel(t, func(t *testing.T, role Role) {
		c, far := overTCP(t, role, quiet())
		far.Write(frameOf(1-role, true, frame.Text, "before"))
		far.Write(frameOf(1-role, true, frame.Close, closePayload(4001, "gone")))
		far.Close()
		var err error
		for end := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(end); {
			err = c.Write(context.Background(), Text, []byte("into the void"))
		}
		if !errors.Is(err, errBrokenPipe) && !errors.Is(err, errReset) {
			t.Fatalf("Write returned %v, want a broken pipe or a reset", err)
		}
		if runtime.GOOS != "linux" {
			return // elsewhere a reset destroys what was not read
		}
		if _, b, err := c.Read(context.Background()); string(b) != "before" || err != nil {
			t.Errorf("Read returned %q, %v; want what came before", b, err)
		}
		if e := closeError(t, readOnce(context.Background(), c)); e.Code != 4001 || e.Reason != "gone" || !e.Remote {
			t.Errorf("Read returned %v, want 4001", e)
		}
		<-c.Done()
		if e := closeError(t, c.Err()); e.Code != 4001 {
			t.Errorf("Err is %v, want the Close received", e)
		}
	})
}

// Checklist: L15
func TestCloseIsBoundedOverAFullTCPSocket(t *testing.T) {
	for _, how := range []string{"nobody reads", "a Read waits", "Writes wait"} {
		t.Run(how, func(t *testing.T) {
			overKernel(t, func(t *testing.T, role Role) {
				c, _ := overTCP(t, role, &Options{CloseTimeout: 200 * time.Millisecond, QueueBytes: -1})
				if err := c.Post(Binary, make([]byte, 16<<20)); err != nil {
					t.Fatal(err)
				}
				calls := make(chan result, 2)
				switch how {
				case "a Read waits":
					calls = later(func() error { return readOnce(context.Background(), c) })
				case "Writes wait":
					calls = later(func() error { return c.Write(context.Background(), Binary, make([]byte, 1<<20)) })
				}
				start := time.Now()
				if err := c.Close(); err == nil {
					t.Error("Close returned nil, want that the peer did not answer")
				}
				if d := time.Since(start); d < 200*time.Millisecond || d > 10*time.Second {
					t.Errorf("Close took %v, want 200ms", d)
				}
				if how != "nobody reads" {
					if got := <-calls; got.err == nil {
						t.Error("a waiting call returned nil, want the end")
					}
				}
			})
		})
	}
}

// Checklist: L13
func TestTCPResetInEveryState(t *testing.T) {
	states := map[string]func(c *Conn, far *net.TCPConn){
		"idle":           func(c *Conn, far *net.TCPConn) {},
		"a Read waits":   func(c *Conn, far *net.TCPConn) { go readUntilEnd(c) },
		"a Ping waits":   func(c *Conn, far *net.TCPConn) { go c.Ping(context.Background()) },
		"inside a frame": func(c *Conn, far *net.TCPConn) { far.Write([]byte{0x81, 0x85}) },
		"a Write waits": func(c *Conn, far *net.TCPConn) {
			go c.Write(context.Background(), Binary, make([]byte, 16<<20))
		},
		"a flusher waits":   func(c *Conn, far *net.TCPConn) { c.Post(Binary, make([]byte, 200<<10)) },
		"our Close is sent": func(c *Conn, far *net.TCPConn) { c.BeginClose(CloseGoingAway, "") },
		"Close waits":       func(c *Conn, far *net.TCPConn) { go c.Close() },
		"a rule is broken":  func(c *Conn, far *net.TCPConn) { far.Write([]byte{0x83, 0x00}); readOnce(context.Background(), c) },
		"a client waits for EOF": func(c *Conn, far *net.TCPConn) {
			far.Write(frameOf(1-c.role, true, frame.Close, ""))
			readOnce(context.Background(), c)
		},
	}
	for name, prepare := range states {
		t.Run(name, func(t *testing.T) {
			overKernel(t, func(t *testing.T, role Role) {
				c, far := overTCP(t, role, quiet())
				prepare(c, far)
				start := time.Now()
				far.SetLinger(0)
				far.Close()
				readUntilEnd(c)
				<-c.Done()
				if d := time.Since(start); d > defaultCloseTimeout+time.Second {
					t.Errorf("the end came after %v, want at most %v", d, defaultCloseTimeout)
				}
				closeError(t, c.Err())
			})
		})
	}
}

func TestEndingOverAUnixSocket(t *testing.T) {
	overKernel(t, func(t *testing.T, role Role) {
		near, far := unixPair(t)
		c := New(near, Setup{Role: role}, quiet())
		if !c.wire.tries() {
			t.Error("a unix socket is not driven by its descriptor")
		}
		go readUntilEnd(c)
		far.Write(frameOf(1-role, true, frame.Text, "x"))
		closed := later(c.Close)
		f := framesOf(far)
		nextClose(t, f, CloseNormal)
		far.Write(frameOf(1-role, true, frame.Close, ""))
		if role == Server {
			wantEOF(t, f)
		}
		far.Close()
		if got := <-closed; got.err != nil {
			t.Errorf("Close returned %v, want nil", got.err)
		}
	})
}

func unixPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "") // shorter than t.TempDir: a socket's name is at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	far, near = connected(t, "unix", filepath.Join(dir, "s"))
	far.SetDeadline(time.Now().Add(20 * time.Second))
	return near, far
}
