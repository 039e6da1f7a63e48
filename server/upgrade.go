package server

import (
	"fmt"
	"net/http"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/handshake"
)

// Upgrade answers an opening handshake that net/http has read, and makes a connection of it. If the request cannot be
// accepted, a complete HTTP response has been written when Upgrade returns, and the error, a *[handshake.Error] or what
// [Options.Authorize] returned, says why; the handler has only to return. If the client goes while it is answered, the
// error is that of the socket.
//
// w may be wrapped by middleware: it must be an [http.Hijacker] or have an Unwrap method that leads to one. What is set
// in w.Header() goes out with the 101, but a field that belongs to the handshake (Connection, Sec-WebSocket-Accept...)
// is an error, and so is a value with a line break; they are answered with 500. The deadlines of the http.Server are
// lifted, and frames that the client sent behind its request are not lost.
//
// The connection belongs to the caller, who must close it. http.Server.Shutdown does not know it: see [Group]. While a
// handler of net/http serves the connection itself, net/http keeps its buffers, the request and a grown stack, more
// than 10 KiB; [Handler] serves without them.
func Upgrade(w http.ResponseWriter, r *http.Request, o *Options) (*conn.Conn, error) {
	p := ask(w, r, o)
	defer p.free()
	if err := p.judge(); err != nil {
		refuse(w, r, err)
		return nil, err
	}
	return p.hijack(w, nil)
}

// ask begins an opening handshake under net/http.
func ask(w http.ResponseWriter, r *http.Request, o *Options) *opening {
	p := newOpening(o)
	p.http, p.header = r, w.Header()
	p.own = fromHTTP(r)
	p.req = &p.own
	return p
}

// fromHTTP is the request for package handshake. net/http takes Host, Content-Length and Transfer-Encoding out of the
// header, and has refused a request with two Hosts.
func fromHTTP(r *http.Request) handshake.Request {
	target := r.RequestURI
	if target == "" { // not made by http.Server
		target = r.URL.RequestURI()
	}
	return handshake.Request{
		Method:           r.Method,
		Target:           target,
		Proto:            r.Proto,
		Host:             r.Host,
		Header:           r.Header,
		ContentLength:    r.ContentLength,
		TransferEncoding: r.TransferEncoding,
	}
}

// endHook is told of the end of a connection; nil: nobody is.
type endHook func(c *conn.Conn, err error)

// hijack takes the socket from net/http, writes the 101 and makes the connection.
func (p *opening) hijack(w http.ResponseWriter, t *tail) (*conn.Conn, error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.place.giveUp()
		err := &handshake.Error{
			Status: http.StatusInternalServerError,
			Place:  "RFC 6455, section 4.2.2",
			Msg:    fmt.Sprintf("%T cannot give the connection away: %v", w, err),
		}
		refuse(w, p.http, err)
		return nil, err
	}
	p.nc = nc
	var behind []byte
	if rw != nil {
		behind, _ = rw.Reader.Peek(rw.Reader.Buffered())
	}
	return p.open(behind, t)
}

// answer writes the 101 to nc.
func (p *opening) answer() error {
	n := p.writeNow(p.head)
	if n == len(p.head) {
		return nil
	}
	p.bind(p.options.timeout())
	_, err := p.nc.Write(p.head[n:])
	p.unbind()
	return err
}

// open writes the 101 to nc and makes the connection. It owns nc and the place.
func (p *opening) open(behind []byte, t *tail) (*conn.Conn, error) {
	if err := p.answer(); err != nil {
		p.place.giveUp()
		p.nc.Close()
		return nil, fmt.Errorf("websocket: writing the response of the handshake: %w", err)
	}
	// New lifts the deadline.
	p.setup = conn.Setup{
		Role:        conn.Server,
		Subprotocol: p.protocol,
		Deflate:     p.deflate,
		Buffered:    behind,
		OnEnd:       p.place.onEnd(t),
		Wheel:       p.place.wheel(),
		TakeOver:    t != nil, // serve runs on a fresh goroutine, whose stack shall stay small
	}
	c, shut := p.join()
	if shut {
		p.place.g.sayGoodbyeTo(c)
	}
	return c, nil
}
