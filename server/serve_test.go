package server

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/handshake"
)

// events is a Receiver that echoes and tells of the end.
type events struct {
	message func(c *conn.Conn, m conn.Message) // nil: an echo
	closed  chan error
}

func newEvents() *events { return &events{closed: make(chan error, 100)} }

func (e *events) Message(c *conn.Conn, m conn.Message) {
	if e.message != nil {
		e.message(c, m)
		return
	}
	c.Write(context.Background(), m.Type, m.Data)
}

func (e *events) Closed(_ *conn.Conn, err error) { e.closed <- err }

// overNetworks runs f with a handler over pipes, where a goroutine of its own serves, and over TCP, where a poller may.
func overNetworks(t *testing.T, f func(t *testing.T, start func(http.Handler) (dial func() *peer))) {
	t.Run("pipe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f(t, func(h http.Handler) func() *peer {
				return serveHTTP(t, &http.Server{Handler: h}).dial
			})
		})
	})
	t.Run("TCP", func(t *testing.T) {
		f(t, func(h http.Handler) func() *peer {
			s := httptest.NewUnstartedServer(h)
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.Start()
			t.Cleanup(s.Close)
			return func() *peer { return tcpPeer(t, s.Listener.Addr()) }
		})
	})
}

func tcpPeer(t *testing.T, addr net.Addr) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	return newPeer(t, nc)
}

// echoes sends a message and wants it back.
func (p *peer) echoes(text string) {
	p.t.Helper()
	p.send(masked(frame.Text, text))
	p.text(text)
}

// A served connection outlives its serve function, and so does its context.
func TestServedConnectionOutlivesServe(t *testing.T) {
	overNetworks(t, func(t *testing.T, start func(http.Handler) func() *peer) {
		type key struct{}
		e, lives, returned := newEvents(), make(chan context.Context, 1), make(chan struct{})
		serve := func(ctx context.Context, c *conn.Conn, r *http.Request) error {
			defer close(returned)
			lives <- ctx
			return c.Serve(e)
		}
		h := Handler(serve, &Options{Group: new(Group)})
		p := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "kept")))
		}))().opens()
		ctx := <-lives
		<-returned
		p.echoes("behind the end of serve")
		if ctx.Err() != nil || ctx.Value(key{}) != "kept" {
			t.Errorf("the context has ended with serve: %v, value %v", ctx.Err(), ctx.Value(key{}))
		}
		p.send(byeFrame())
		p.closed(1000, "")
		p.gone()
		if err := <-e.closed; !conn.IsNormal(err) {
			t.Errorf("Closed got %v", err)
		}
		<-ctx.Done()
	})
}

// Whatever but nil ends a serve function ends its connection, served or not, and the Receiver hears of it.
func TestEndOfServeEndsAServedConnection(t *testing.T) {
	for _, test := range []struct {
		name   string
		end    func() error
		code   conn.CloseCode
		reason string
	}{
		{"own code", func() error { return &conn.CloseError{Code: 4001, Reason: "kicked"} }, 4001, "kicked"},
		{"other error", func() error { return errors.New("secret") }, 1011, ""},
		{"panic", func() error { panic("oh") }, 1011, ""},
		{"Goexit", func() error { runtime.Goexit(); return nil }, 1011, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			overNetworks(t, func(t *testing.T, start func(http.Handler) func() *peer) {
				var g Group
				e, heard := newEvents(), make(chan struct{})
				e.message = func(c *conn.Conn, m conn.Message) {
					c.Write(context.Background(), m.Type, m.Data)
					close(heard)
				}
				p := start(Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
					if err := c.Serve(e); err != nil {
						t.Error(err)
					}
					<-heard
					return test.end()
				}, &Options{Group: &g}))().opens()
				p.echoes("first")
				p.endsWith(test.code, test.reason)
				var ce *conn.CloseError
				if err := <-e.closed; !errors.As(err, &ce) || ce.Code != test.code {
					t.Errorf("Closed got %v, want %v", err, test.code)
				}
				if err := g.Shutdown(t.Context()); err != nil || len(e.closed) != 0 {
					t.Errorf("Shutdown = %v, and Closed was called %d times more", err, len(e.closed))
				}
			})
		})
	}
	overNetworks(t, func(t *testing.T, start func(http.Handler) func() *peer) {
		e := newEvents()
		p := start(Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
			c.Serve(e)
			panic(http.ErrAbortHandler)
		}, nil))().opens()
		p.gone()
		if err := <-e.closed; !errors.Is(err, conn.ErrClosed) {
			t.Errorf("Closed got %v, want ErrClosed", err)
		}
	})
}

// A panic in a Receiver ends its connection with 1011 and no other.
func TestPanicInReceiver(t *testing.T) {
	before := log.Writer()
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(before) })
	overNetworks(t, func(t *testing.T, start func(http.Handler) func() *peer) {
		e := newEvents()
		e.message = func(c *conn.Conn, m conn.Message) {
			if string(m.Data) == "panic" {
				panic("oh")
			}
			c.Write(context.Background(), m.Type, m.Data)
		}
		var g Group
		dial := start(Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error { return c.Serve(e) }, &Options{Group: &g}))
		other := dial().opens()
		for range 5 {
			p := dial().opens()
			p.echoes("good")
			p.send(masked(frame.Text, "panic"))
			p.endsWith(1011, "")
			<-e.closed
			other.echoes("still there")
		}
		other.send(byeFrame())
		other.closed(1000, "")
		other.gone()
		<-e.closed
		if err := g.Shutdown(t.Context()); err != nil || len(e.closed) != 0 {
			t.Errorf("Shutdown = %v, Closed %d times more", err, len(e.closed))
		}
	})
}

// Shutdown ends served connections, idle ones and those whose handler runs, and waits until they are gone.
func TestShutdownOfServedConnections(t *testing.T) {
	overNetworks(t, func(t *testing.T, start func(http.Handler) func() *peer) {
		const conns = 20
		var g Group
		e, release, begun := newEvents(), make(chan struct{}), make(chan struct{}, conns)
		e.message = func(c *conn.Conn, m conn.Message) {
			if string(m.Data) == "wait" {
				begun <- struct{}{}
				<-release
			}
			c.Write(context.Background(), m.Type, m.Data)
		}
		dial := start(Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
			return c.Serve(e)
		}, &Options{Group: &g}))
		var peers []*peer
		for i := range conns {
			p := dial().opens()
			p.echoes("here")
			if i%4 == 0 {
				p.send(masked(frame.Text, "wait"))
				<-begun
			}
			peers = append(peers, p)
		}
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(t.Context()) }()
		for _, p := range peers {
			p.closed(1001, "")
		}
		if len(down) != 0 {
			t.Fatalf("Shutdown = %v before the peers have answered", <-down)
		}
		close(release)
		for _, p := range peers {
			p.send(masked(frame.Close, "\x03\xe9"))
			p.gone()
		}
		if err := <-down; err != nil || g.Len() != 0 {
			t.Errorf("Shutdown = %v, Len = %d", err, g.Len())
		}
		for range conns {
			if err := <-e.closed; !conn.IsNormal(err) {
				t.Errorf("Closed got %v", err)
			}
		}
		if len(e.closed) != 0 {
			t.Errorf("Closed was called %d times too often", len(e.closed))
		}
	})
}

// A peer that does not answer the Close of a Shutdown is cut off.
func TestShutdownCutsServedConnections(t *testing.T) {
	overNetworks(t, func(t *testing.T, start func(http.Handler) func() *peer) {
		var g Group
		e := newEvents()
		dial := start(Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error { return c.Serve(e) }, &Options{Group: &g}))
		mute := dial().opens()
		mute.echoes("here")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown = %v, want its context's error", err)
		}
		mute.closed(1001, "")
		mute.gone()
		<-e.closed
	})
}

// The other two doors give connections that are served alike.
func TestServeThroughEveryDoor(t *testing.T) {
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEvents()
				p := d.open(t, nil, func(c *conn.Conn) {
					if err := c.Serve(e); err != nil {
						t.Error(err)
					}
				}, ignore).dial()
				p.isServed(e)
			})
		})
	}
	t.Run("UpgradeConn/TCP", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		e := newEvents()
		go func() {
			nc, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			var c *conn.Conn
			var r *handshake.Request
			if c, r, err = UpgradeConn(nc, nil); err != nil || r == nil {
				t.Error(err)
				return
			}
			c.Serve(e)
		}()
		tcpPeer(t, l.Addr()).isServed(e)
	})
}

// isServed has a conversation with a server whose Receiver is e.
func (p *peer) isServed(e *events) {
	p.t.Helper()
	p.send(request() + masked(frame.Text, "behind the request"))
	p.head()
	p.text("behind the request")
	p.echoes("and on")
	p.send(byeFrame())
	p.closed(1000, "")
	p.gone()
	<-e.closed
}
