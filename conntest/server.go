package conntest

import (
	"context"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/tidewire/websocket/client"
	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/internal/wiretest"
)

// URL is where the handlers of this package are: what a request's Host and the
// default Origin rule see. A path and a query may be added.
const URL = "ws://conntest.example"

// Dial runs h without a network and returns a client connected to it, that is, to
// the handler's answer for the path "/". Use [NewServer] for other paths, for more
// than one client, and for a handshake that is to be refused. The end of the test
// cuts the connection. No more than one *client.Options may be given.
func Dial(t testing.TB, h http.Handler, o ...*client.Options) *conn.Conn {
	t.Helper()
	return NewServer(t, h).Dial(t, "/", o...)
}

// Server runs an http.Handler with net/http over a listener in memory.
type Server struct {
	listener *wiretest.Listener
	http     *http.Server

	mu    sync.Mutex
	wires []*Wire // the server's ends
}

// NewServer starts a server. What its handlers panic with, and what net/http
// complains about, is in the log of t. The end of the test closes it and resets
// all of its connections. It does not wait for the handlers, which may be yours to
// wait for with a server.Group; inside testing/synctest the bubble waits.
func NewServer(t testing.TB, h http.Handler) *Server {
	s := &Server{listener: wiretest.Listen(0)}
	tlog := &testLog{t: t}
	s.http = &http.Server{Handler: h, ErrorLog: log.New(tlog, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.http.Serve(wireListener{s})
	}()
	t.Cleanup(func() {
		s.http.Close()
		<-served
		s.resetAll()
		tlog.close()
	})
	return s
}

// Dial returns a client connected to the handler for path, which may have a query.
// A handshake that fails fails the test.
func (s *Server) Dial(t testing.TB, path string, o ...*client.Options) *conn.Conn {
	t.Helper()
	opt := s.Options(one(t, o))
	c, err := client.Dial(context.Background(), URL+path, opt)
	if err != nil {
		t.Fatalf("conntest: dial %s%s: %v", URL, path, err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// Options returns a copy of o, which may be nil, whose connections go to this
// server, whatever their URL says: for client.Dial, where a refusal is wanted.
func (s *Server) Options(o *client.Options) *client.Options {
	var opt client.Options
	if o != nil {
		opt = *o
	}
	opt.DialContext, opt.Proxy = s.DialContext, client.NoProxy
	return &opt
}

// DialContext connects to this server, whatever the address, in the form that
// client.Options and http.Transport want. It returns a *[Wire].
func (s *Server) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	pipe, err := s.listener.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return newWire(pipe), nil
}

func (s *Server) resetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wires {
		w.Reset()
	}
}

// wireListener accepts wires.
type wireListener struct{ s *Server }

func (l wireListener) Accept() (net.Conn, error) {
	nc, err := l.s.listener.Accept()
	if err != nil {
		return nil, err
	}
	w := newWire(nc.(*wiretest.Conn))
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.wires = append(l.s.wires, w)
	return w, nil
}

func (l wireListener) Close() error   { return l.s.listener.Close() }
func (l wireListener) Addr() net.Addr { return l.s.listener.Addr() }

// testLog writes lines to the log of a test, and nothing behind its end.
type testLog struct {
	mu sync.Mutex
	t  testing.TB // nil: over
}

func (l *testLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Logf("%s", line)
	}
	return len(line), nil
}

func (l *testLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t = nil
}
