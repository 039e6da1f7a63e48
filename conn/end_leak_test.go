package conn

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

// ours is how many goroutines run that this package started, and where they are; in a
// bubble, those of the bubble: with real sockets, tests before it may have left some that
// are about to end. The leader of a poller, which may be an overtaken one's successor, is
// not counted: it is there while there are sockets.
func ours() (n int, stacks string) {
	buf := make([]byte, 8<<20)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	head, _, _ := strings.Cut(all[0], "\n") // goroutine 7 [running, synctest bubble 1]:
	_, bubble, _ := strings.Cut(head, ", synctest")
	for _, g := range all {
		if strings.Contains(g, "created by github.com/tidewire/websocket/conn.(*") &&
			!strings.Contains(g, "conn.(*poller).lead(") && strings.Contains(g, bubble) {
			n++
			stacks += g + "\n\n"
		}
	}
	return n, stacks
}

// A bubble sees its own goroutines and no others, which the test of a process sees.
func TestOursAreThoseOfTheBubble(t *testing.T) {
	near, far := loopback(t)
	near.SetWriteBuffer(4 << 10)
	far.SetReadBuffer(4 << 10)
	outside := New(near, Setup{Role: Server}, &Options{QueueBytes: -1})
	defer outside.CloseNow()
	if err := outside.Post(Binary, make([]byte, 16<<20)); err != nil { // needs a flusher
		t.Fatal(err)
	}
	if n, _ := ours(); n == 0 {
		t.Error("no flusher is seen")
	}
	synctest.Test(t, func(t *testing.T) {
		if n, stacks := ours(); n != 0 {
			t.Errorf("a bubble without a connection has %d:\n%s", n, stacks)
		}
		c, _ := room(t, Server, 0, quiet())
		c.Post(Text, []byte("x"))
		synctest.Wait()
		if n, stacks := ours(); n != 1 {
			t.Errorf("a bubble with one flusher has %d:\n%s", n, stacks)
		}
	})
}

// wantNoneOfOurs wants that no goroutine of the package is left, soon.
func wantNoneOfOurs(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(soon); ; runtime.Gosched() {
		n, stacks := ours()
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left, want none:\n%s", n, stacks)
		}
	}
}

func TestNothingRunsWhileAConnectionWaits(t *testing.T) {
	waits := map[string]func(c *Conn, p *peer){
		"nobody reads": func(c *Conn, p *peer) {},
		"a Read waits": func(c *Conn, p *peer) { go readOnce(context.Background(), c) },
		"a Read with a context waits": func(c *Conn, p *peer) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			_ = cancel // at the end of the bubble
			go readOnce(ctx, c)
		},
		"a loop waits": func(c *Conn, p *peer) {
			go func() {
				for range c.Messages(context.Background()) {
				}
			}()
		},
		"a Ping waits": func(c *Conn, p *peer) { go c.Ping(context.Background()) },
		"after traffic": func(c *Conn, p *peer) {
			p.message(frame.Ping, "x")
			p.message(frame.Text, "x")
			readOnce(context.Background(), c)
			c.Write(context.Background(), Text, []byte("x"))
			c.Post(Text, []byte("x"))
		},
		"a Writer is open":  func(c *Conn, p *peer) { c.Writer(context.Background(), Text) },
		"our Close is sent": func(c *Conn, p *peer) { c.BeginClose(CloseNormal, "") },
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, nil)
				wait(c, p)
				synctest.Wait()
				if n, stacks := ours(); n != 0 {
					t.Errorf("%d goroutines of ours run, want none:\n%s", n, stacks)
				}
			})
		})
	}
}

// odd are ways in which programs and peers leave each other.
var odd = map[string]func(c *Conn, far *net.TCPConn){
	"CloseNow":             func(c *Conn, far *net.TCPConn) { c.CloseNow() },
	"CloseNow twice":       func(c *Conn, far *net.TCPConn) { go c.CloseNow(); c.CloseNow() },
	"Close, mute peer":     func(c *Conn, far *net.TCPConn) { c.Close() },
	"Close, context":       func(c *Conn, far *net.TCPConn) { c.CloseWith(ended(), CloseNormal, "") },
	"BeginClose":           func(c *Conn, far *net.TCPConn) { c.BeginClose(CloseNormal, "") },
	"BeginClose, CloseNow": func(c *Conn, far *net.TCPConn) { c.BeginClose(CloseNormal, ""); c.CloseNow() },
	"Close, peer resets":   func(c *Conn, far *net.TCPConn) { go c.Close(); far.SetLinger(0); far.Close() },
	"Close, peer ends":     func(c *Conn, far *net.TCPConn) { go c.Close(); far.CloseWrite() },
	"peer ends":            func(c *Conn, far *net.TCPConn) { far.Close(); readUntilEnd(c) },
	"peer ends its half":   func(c *Conn, far *net.TCPConn) { far.CloseWrite(); readUntilEnd(c) },
	"peer resets":          func(c *Conn, far *net.TCPConn) { far.SetLinger(0); far.Close(); readUntilEnd(c) },
	"peer closes":          func(c *Conn, far *net.TCPConn) { far.Write(frameOf(1-c.role, true, frame.Close, "")); readUntilEnd(c) },
	"peer breaks a rule":   func(c *Conn, far *net.TCPConn) { far.Write([]byte{0x83, 0}); readUntilEnd(c) },
	"peer breaks a rule and stays silent in a full socket": func(c *Conn, far *net.TCPConn) {
		c.Post(Binary, make([]byte, 200<<10))
		far.Write([]byte{0x83, 0})
		readUntilEnd(c)
	},
	"full socket, CloseNow": func(c *Conn, far *net.TCPConn) { c.Post(Binary, make([]byte, 200<<10)); c.CloseNow() },
	"full socket, Close":    func(c *Conn, far *net.TCPConn) { c.Post(Binary, make([]byte, 200<<10)); c.Close() },
	"waiting Write, CloseNow": func(c *Conn, far *net.TCPConn) {
		go c.Write(context.Background(), Binary, make([]byte, 8<<20))
		c.CloseNow()
	},
	"waiting Write, canceled": func(c *Conn, far *net.TCPConn) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		c.Write(ctx, Binary, make([]byte, 8<<20))
		if c.Err() == nil { // on a slow machine it may not have begun
			c.CloseNow()
		}
	},
	"waiting calls, CloseNow": func(c *Conn, far *net.TCPConn) {
		go readOnce(context.Background(), c)
		go c.Discard(context.Background())
		go c.Ping(context.Background())
		go c.Close()
		c.CloseNow()
	},
	"open Writer, CloseNow": func(c *Conn, far *net.TCPConn) {
		w, _ := c.Writer(context.Background(), Text)
		io.WriteString(w, strings.Repeat("x", 20<<10))
		c.CloseNow()
	},
	"half-read Reader, CloseNow": func(c *Conn, far *net.TCPConn) {
		far.Write(frameOf(1-c.role, false, frame.Text, "half"))
		_, r, _ := c.Reader(context.Background())
		io.ReadFull(r, make([]byte, 2))
		c.CloseNow()
	},
	behindOurBack:                  func(c *Conn, far *net.TCPConn) { c.NetConn().Close(); readUntilEnd(c) },
	"canceled Read, then CloseNow": func(c *Conn, far *net.TCPConn) { readOnce(ended(), c); c.CloseNow() },
}

const behindOurBack = "the socket is closed behind our back"

// ended is a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestNoGoroutineOutlivesItsConnection(t *testing.T) {
	for name, leave := range odd {
		t.Run(name, func(t *testing.T) {
			overKernel(t, func(t *testing.T, role Role) {
				before := runtime.NumGoroutine()
				over := make(chan struct{})
				o := &Options{CloseTimeout: 100 * time.Millisecond, QueueBytes: -1}
				o.KeepNetConn = name == behindOurBack // no other descriptor can be closed so
				o.OnEnd = func(*Conn, error) { close(over) }
				c, far := overTCP(t, role, o)
				leave(c, far)
				<-over
				wantNoneOfOurs(t)
				for end := time.Now().Add(soon); runtime.NumGoroutine() > before; runtime.Gosched() {
					if time.Now().After(end) {
						t.Fatalf("%d goroutines, want %d as before", runtime.NumGoroutine(), before)
					}
				}
				if c.needSeldom().timer != nil && c.needSeldom().timer.Stop() {
					t.Error("the close timer still runs")
				}
				if c.keep.by.own.timer.Stop() {
					t.Error("the keepalive's timer still runs")
				}
			})
		})
	}
}
