package server

import (
	"context"
	"errors"
	"log"
	"net/http"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidewire/websocket/conn"
)

// Handler returns an [http.Handler] that accepts every opening handshake as [Upgrade] does and runs serve for each
// connection. Requests that are refused are answered, and serve does not hear of them.
//
// serve runs on a goroutine of its own with a small stack; that of net/http is let go. It starts when ServeHTTP and the
// middleware around it have returned, or 100 ms after ServeHTTP if a middleware has replaced the request's context by
// one that goes on. So what middleware takes back at its end (a span, a database transaction) must not be used in
// serve, and a middleware that catches panics does not catch those of serve.
//
// ctx has the values of the request's context and ends with the connection, and with nothing else; context.Cause then
// tells what the connection's Err does. r is a copy of the request whose Context is ctx; it has no body.
//
// What serve returns ends the connection, if it has not ended yet:
//
//	nil                   closes with 1000, but a connection that is served goes on: see conn.Conn.Serve
//	a *conn.CloseError    closes with its code and reason; 1005 sends an empty Close, and a code that may not be
//	                      sent becomes 1011 without the reason (RFC 6455, section 7.4.1)
//	any other error       closes with 1011, internal error, and tells the peer nothing else: log it before
//	a panic               closes with 1011 and is reported with its stack to http.Server.ErrorLog, as net/http does
//	http.ErrAbortHandler  as a panic drops the connection without a Close and without a report, as in net/http
//	runtime.Goexit        closes with 1011
//
// The closing handshake is made by the same goroutine and bounded by CloseTimeout. A connection that is to outlive
// its serve function needs [Upgrade] or Serve.
func Handler(serve func(ctx context.Context, c *conn.Conn, r *http.Request) error, o *Options) http.Handler {
	return &handler{serve: serve, options: o.orDefault()}
}

type handler struct {
	serve   func(ctx context.Context, c *conn.Conn, r *http.Request) error
	options *Options
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := ask(w, r, h.options)
	defer p.free()
	if err := p.judge(); err != nil {
		refuse(w, r, err)
		return
	}
	// WithoutCancel: the request's context ends when ServeHTTP returns.
	ctx := &life{values: context.WithoutCancel(r.Context()), tail: new(tail)}
	h.options.Group.begin()
	c, err := p.hijack(w, ctx.tail)
	if err != nil {
		h.options.Group.done()
		return
	}
	ctx.conn = c
	returned := r.Context()
	r = r.WithContext(ctx)
	r.Body = http.NoBody
	s := &serving{handler: h, conn: c, request: r}
	s.server, _ = ctx.values.Value(http.ServerContextKey).(*http.Server)
	s.start(returned)
}

// serving is one serve function at work.
type serving struct {
	handler *handler
	conn    *conn.Conn
	request *http.Request // nil once serve runs: it lives as long as serve uses it
	server  *http.Server  // nil: not called by one
	over    bool          // serve has returned
}

// start makes the goroutine of a connection when the middleware around the handler has returned: that is when http.Server
// cancels the request's context. If some middleware has put another context there, nobody knows when it ends, and serve
// starts after middlewarePatience.
func (s *serving) start(returned context.Context) {
	if s.server == nil {
		go s.run()
		return
	}
	late := time.AfterFunc(middlewarePatience, s.run)
	context.AfterFunc(returned, func() {
		if late.Stop() { // exactly one of the two runs it
			s.run()
		}
	})
}

// run is the goroutine of a connection. Its frame stays under serve as long as the connection lives, so it is small.
func (s *serving) run() {
	defer s.end()
	r := s.request
	s.request = nil
	err := s.handler.serve(r.Context(), s.conn, r)
	s.over = true
	s.close(err)
}

func (s *serving) end() {
	defer s.handler.options.Group.done()
	if s.over {
		return
	}
	switch v := recover(); v {
	case nil: // runtime.Goexit
		s.close(errGoexit)
	case http.ErrAbortHandler:
		s.conn.CloseNow()
	default:
		s.report(v)
		s.close(errPanic)
	}
}

var (
	errGoexit = errors.New("websocket: serve called runtime.Goexit")
	errPanic  = errors.New("websocket: serve panicked")
)

// close makes the closing handshake that err asks for. If the connection has ended, nothing happens.
func (s *serving) close(err error) {
	if err == nil && s.conn.Serving() {
		return
	}
	code, reason := closing(err)
	s.conn.CloseWith(context.Background(), code, reason) // serve is over: nobody is left to hear of an error
}

// closing says which Close frame an error of serve stands for.
func closing(err error) (code conn.CloseCode, reason string) {
	if err == nil {
		return conn.CloseNormal, ""
	}
	var ce *conn.CloseError
	switch {
	case !errors.As(err, &ce):
		return conn.CloseInternalError, ""
	case ce.Code == conn.CloseNoStatus: // an empty Close
		return ce.Code, ""
	case !ce.Code.Sendable():
		return conn.CloseInternalError, ""
	}
	return ce.Code, shorten(ce.Reason)
}

// maxReason is what fits behind the code of a Close frame, in bytes of UTF-8 (RFC 6455, section 5.5).
const maxReason = 123

// shorten makes s a reason that may be sent, cut where a character ends.
func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxReason {
		return s
	}
	end := maxReason
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// report writes a panic where http.Server would.
func (s *serving) report(v any) {
	const size = 64 << 10 // bytes of stack, as in net/http
	stack := make([]byte, size)
	stack = stack[:runtime.Stack(stack, false)]
	logf := log.Printf
	if s.server != nil && s.server.ErrorLog != nil {
		logf = s.server.ErrorLog.Printf
	}
	logf("websocket: panic serving %v: %v\n%s", s.conn.RemoteAddr(), v, stack)
}
