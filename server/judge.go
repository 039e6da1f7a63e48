package server

import (
	"net/http"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/handshake"
)

// verdict is a decision for the connection. Its place must be joined or given up.
type verdict struct {
	protocol string
	deflate  *deflate.Params // what was agreed on; nil: nothing
	head     []byte          // the 101
	place    place
}

// judge decides about an opening handshake (RFC 6455, section 4.2.2) and writes its verdict down.
func (p *opening) judge() error {
	if err := p.admit(); err != nil {
		return err
	}
	return p.accept()
}

// admit judges the request and takes a place. The cheap questions come first.
func (p *opening) admit() (err error) {
	o := p.options
	// 1. Is this server's own configuration sound?
	for _, pattern := range o.Origins {
		if err := handshake.ValidOriginPattern(pattern); err != nil {
			return err
		}
	}
	// 2. Is it an opening handshake?
	if err := p.req.Check(); err != nil {
		return err
	}
	// 3. May pages from there connect? (RFC 6455, section 4.2.2, step 2, /origin/)
	if err := p.checkOrigin(); err != nil {
		return err
	}
	// 4. Is there room?
	p.place, err = o.Group.admit(p)
	return err
}

// accept asks the application, which is asked about nothing that is refused anyway, and makes the answer. It gives the
// place up if there is an error.
func (p *opening) accept() (err error) {
	o := p.options
	accepted := false
	defer func() {
		if !accepted { // Authorize may panic
			p.place.giveUp()
		}
	}()
	// 5. What does the application say?
	if o.Authorize != nil {
		if err := o.Authorize(p.asHTTP(), p.header); err != nil {
			return err
		}
	}
	// 6. The answer. What is not agreed to is not named (RFC 6455, section 4.2.2, /extensions/).
	p.protocol = handshake.Select(p.req.Protocols, o.Subprotocols)
	var extension string
	extension, p.deflate = o.agree(p.req.Extensions, &p.place)
	p.head, err = handshake.AppendResponse(p.head[:0], p.req, p.protocol, extension, p.header)
	accepted = err == nil
	return err
}

func (p *opening) checkOrigin() error {
	if p.options.InsecureSkipOriginCheck {
		return nil
	}
	scheme := "http"
	if p.secure() {
		scheme = "https"
	}
	return handshake.CheckOrigin(p.req.Header["Origin"], scheme, p.req.Host, p.options.Origins)
}

// secure reports whether the handshake came over TLS.
func (p *opening) secure() bool {
	if p.http != nil {
		return p.http.TLS != nil
	}
	_, ok := p.nc.(withTLS)
	return ok
}

// remote is the client's address, "IP:port" if it has one.
func (p *opening) remote() string {
	if p.http != nil {
		return p.http.RemoteAddr
	}
	return remoteAddr(p.nc)
}

// asHTTP is the request for Authorize.
func (p *opening) asHTTP() *http.Request {
	if p.http != nil {
		return p.http
	}
	return toHTTP(p.req, remoteAddr(p.nc), tlsState(p.nc))
}
