package server

import (
	"net/http"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/handshake"
)

// question is an opening handshake that waits for our decision.
type question struct {
	req    *handshake.Request
	secure bool                 // it came over TLS
	remote string               // the client's address, "IP:port" if it has one
	http   func() *http.Request // for Authorize; called at most once
	header http.Header          // of the response: what is in it goes out, and Authorize may add to it
}

// verdict is a decision for the connection. Its place must be joined or given up.
type verdict struct {
	protocol string
	deflate  *deflate.Params // what was agreed on; nil: nothing
	head     []byte          // the 101
	place    place
}

// judge decides about an opening handshake (RFC 6455, section 4.2.2). The cheap questions come first, and the
// application is asked about nothing that will be refused anyway, and before anything is accepted.
func (o *Options) judge(q question) (v verdict, err error) {
	// 1. Is this server's own configuration sound?
	for _, p := range o.Origins {
		if err := handshake.ValidOriginPattern(p); err != nil {
			return v, err
		}
	}
	// 2. Is it an opening handshake?
	if err := q.req.Check(); err != nil {
		return v, err
	}
	// 3. May pages from there connect? (RFC 6455, section 4.2.2, step 2, /origin/)
	if err := o.checkOrigin(q); err != nil {
		return v, err
	}
	// 4. Is there room?
	if v.place, err = o.Group.admit(q.remote); err != nil {
		return v, err
	}
	accepted := false
	defer func() {
		if !accepted { // Authorize may panic
			v.place.giveUp()
		}
	}()
	// 5. What does the application say?
	if o.Authorize != nil {
		if err := o.Authorize(q.http(), q.header); err != nil {
			return v, err
		}
	}
	// 6. The answer. What is not agreed to is not named (RFC 6455, section 4.2.2, /extensions/).
	v.protocol = handshake.Select(q.req.Protocols, o.Subprotocols)
	var extension string
	extension, v.deflate = o.agree(q.req.Extensions, &v.place)
	v.head, err = handshake.AppendResponse(nil, q.req, v.protocol, extension, q.header)
	accepted = err == nil
	return v, err
}

func (o *Options) checkOrigin(q question) error {
	if o.InsecureSkipOriginCheck {
		return nil
	}
	scheme := "http"
	if q.secure {
		scheme = "https"
	}
	return handshake.CheckOrigin(q.req.Header["Origin"], scheme, q.req.Host, o.Origins)
}
