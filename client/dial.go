package client

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/handshake"
)

// Dial opens a connection to a ws or wss URL. A nil *Options means the defaults.
//
// ctx bounds Dial alone, and not the life of the connection. When it ends first, the socket is closed at once.
// Every error is a *[HandshakeError]; then nothing is left open. Safe for concurrent use.
//
// Source: RFC 6455, section 4.1.
func Dial(ctx context.Context, rawURL string, o *Options) (*conn.Conn, error) {
	d, err := newDialing(rawURL, o)
	for err == nil {
		var c *conn.Conn
		if c, err = d.attempt(ctx); c != nil {
			return c, nil
		} // no connection and no error: we were redirected
	}
	return nil, refusal(err)
}

// dialing is one call of Dial, on its way through redirects.
type dialing struct {
	o       *Options
	offered []handshake.Extension

	// What the next attempt uses, and a redirect changes.
	url       *handshake.URL
	header    http.Header // the caller's, without Proxy-Authorization
	proxyAuth string      // the caller's Proxy-Authorization
	tls       *tls.Config // for the server
	proxyTLS  *tls.Config
	redirects int           // followed so far
	left      time.Duration // of HandshakeTimeout; 0 means no limit
}

func newDialing(rawURL string, o *Options) (*dialing, error) {
	if o == nil {
		o = &Options{}
	}
	u, err := handshake.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	d := &dialing{o: o, offered: offers(o.Conn), url: u, header: o.Header.Clone(), tls: o.TLS, left: o.timeout()}
	if d.tls == nil {
		d.tls = &tls.Config{}
	}
	d.proxyTLS = d.tls
	auth := take(d.header, "Proxy-Authorization")
	if len(auth) > 1 || len(auth) == 1 && !handshake.ValidHeaderValue(auth[0]) {
		return nil, errors.New("websocket: header Proxy-Authorization comes twice or holds a control byte (RFC 9110, section 11.7.2)")
	}
	if len(auth) == 1 {
		d.proxyAuth = auth[0]
	}
	return d, nil
}

// attempt does one opening handshake, from the key to the verdict. Without a connection and without an error, d has
// become the redirect to follow.
func (d *dialing) attempt(ctx context.Context) (*conn.Conn, error) {
	// 1. Ours: an invalid component fails before anything is sent (RFC 6455, section 4.1, step 1).
	offer, request, err := d.request()
	if err != nil {
		return nil, err
	}
	via, err := d.chooseProxy()
	if err != nil {
		return nil, err
	}
	// 2. The socket, after what the Gate wants.
	socket, leave, err := d.open(ctx, via)
	if err != nil {
		return nil, err
	}
	defer leave()
	// 3. Everything on it. Closing the socket is what ends I/O of any kind, TLS in TLS too.
	ctx, done := d.timed(ctx)
	defer done()
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	s, err := d.converse(ctx, socket, via, offer, request)
	if !stop() && err == nil { // too late: the socket is being closed
		s, err = nil, during(ctx, ctx.Err(), "opening the connection")
	}
	if s == nil {
		// Failing before there is a connection closes TCP, and sends no Close frame (RFC 6455, section 7.1.7).
		socket.Close()
		return nil, err
	}
	return conn.New(s.nc, s.setup, d.o.Conn), nil
}

// request makes the request of one attempt, and the offer that will judge its response.
func (d *dialing) request() (*handshake.Offer, []byte, error) {
	h := d.header
	if d.o.Jar != nil {
		h = h.Clone()
		if h == nil {
			h = http.Header{}
		}
		addCookies(h, d.o.Jar, d.url)
	}
	offer := &handshake.Offer{
		Key:        newKey(),
		Protocols:  d.o.Subprotocols,
		Extensions: string(handshake.AppendExtensions(nil, d.offered)), // empty: no such header (RFC 6455, section 9.1)
		Header:     h,
	}
	request, err := handshake.AppendRequest(nil, d.url, offer)
	return offer, request, err
}

// newKey is a key of one attempt: "a nonce consisting of a randomly selected 16-byte value ... randomly selected for each
// connection" (RFC 6455, section 4.1, step 7). crypto/rand.Read never fails.
func newKey() string {
	var random [16]byte
	rand.Read(random[:])
	return handshake.NewKey(random)
}

// success is what becomes a Conn.
type success struct {
	nc    net.Conn
	setup conn.Setup
}

// converse speaks with the proxy, then TLS, then HTTP. Neither result means a redirect to follow.
func (d *dialing) converse(ctx context.Context, socket net.Conn, via *proxy, offer *handshake.Offer, request []byte) (*success, error) {
	nc, early, err := socket, []byte(nil), error(nil)
	if via != nil {
		if nc, early, err = via.tunnel(ctx, nc, d.proxyTLS, d.url); err != nil {
			return nil, err
		}
	}
	if d.url.Secure {
		// What the proxy sent behind its head belongs to TLS.
		if len(early) > 0 {
			nc, early = &ahead{Conn: nc, early: early}, nil
		}
		if nc, err = secure(ctx, nc, d.tls, certName(d.url.DialHost)); err != nil {
			return nil, err
		}
	}
	if _, err := nc.Write(request); err != nil {
		return nil, during(ctx, err, "sending the handshake")
	}
	// Nothing more is sent before the response is there (RFC 6455, section 4.1: "the client MUST wait").
	in := &inbox{src: nc, from: "server", buf: early}
	r, err := in.response(ctx)
	if err != nil {
		return nil, err
	}
	storeCookies(d.o.Jar, d.url, r)
	return d.judge(in, socket, nc, offer, r)
}

// judge makes of a response a connection, a redirect or a refusal.
func (d *dialing) judge(in *inbox, socket, nc net.Conn, offer *handshake.Offer, r *handshake.Response) (*success, error) {
	protocol, agreed, err := d.verdict(offer, r)
	if err == nil {
		// Bytes behind the head are frames, whatever Content-Length says (RFC 6455, section 4.1, last paragraph).
		return &success{nc, conn.Setup{Role: conn.Client, Subprotocol: protocol, Deflate: agreed, Buffered: in.buf}}, nil
	}
	if isRedirect(r.Status) && d.o.MaxRedirects > 0 {
		if err = d.follow(r); err == nil {
			return nil, nil
		}
	}
	e := refused(in, socket, r)
	e.Err = err
	return nil, e
}

// refused keeps what a response says whose connection will be closed. A body that never ends is cut by size, one that
// does not come by closing the socket.
func refused(in *inbox, socket net.Conn, r *handshake.Response) *HandshakeError {
	patience := time.AfterFunc(bodyPatience, func() { socket.Close() })
	defer patience.Stop()
	return &HandshakeError{Status: r.Status, Header: r.Header, Body: in.body(r)}
}
