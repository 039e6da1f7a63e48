package server

import (
	"net/http"
	"time"

	"github.com/tidewire/websocket/conn"
)

// Defaults and limits of the opening handshake, one constant each.
const (
	// defaultHandshakeTimeout is for TLS and the request's head: three slow round trips and a busy machine. A browser's
	// head is one segment.
	defaultHandshakeTimeout = 10 * time.Second

	// middlewarePatience is how long serve of a Handler waits for the end of a request whose context does not tell it. It
	// is long for what middleware does at its end, and short for a peer that waits.
	middlewarePatience = 100 * time.Millisecond

	// firstRead is the room for a request's head, in bytes, before it grows: a browser's is about 600 bytes.
	firstRead = 1 << 10

	// defaultTakeoverMemory is for all connections of a Group together, in bytes: enough for 20,000 of them with windows
	// of 4 KiB, the default, at 12 KiB each, and little enough for a machine with 1 GiB.
	defaultTakeoverMemory = 256 << 20

	// lingerTime and lingerBytes bound what is read and thrown away behind a refusal, so that closing the socket sends
	// no reset that destroys the refusal before the client has read it (RFC 9112, section 9.6).
	lingerTime  = time.Second
	lingerBytes = 32 << 10
)

// Options say how connections are accepted. A nil *Options works; in every field zero means the default. A program may
// share one Options between handlers and must not change it afterwards.
type Options struct {
	// Conn are the options of the connections. With Compression in them a client that offers permessage-deflate gets it
	// (RFC 7692); without, it is declined. Group.TakeoverMemory bounds what context takeover costs, and nothing does
	// without a Group.
	Conn *conn.Options

	// Subprotocols are those that the server speaks, its favourite first. The first one that the client offers is
	// chosen; if there is none, the connection opens without a subprotocol, see [conn.Conn.Subprotocol].
	Subprotocols []string

	// Origins are patterns of origins that may connect, beside the server's own (same scheme, host and port), such as
	// "https://example.com" or "https://*.example.com"; "null" stands for pages without an origin. Behind a proxy that
	// ends TLS the server's own scheme is http and the page's is https: name the origin here then. With a malformed
	// pattern every request is answered with 500. See [handshake.ValidOriginPattern].
	Origins []string

	// InsecureSkipOriginCheck lets pages of any origin connect, with the cookies that the browser has for this server
	// (RFC 6455, section 10.2). It is safe only if nothing depends on who the user of the browser is.
	InsecureSkipOriginCheck bool

	// Authorize is asked last, about a request that is otherwise accepted, and before anything has been sent. r is the
	// request, h the header of the response: what Authorize sets there goes out with the 101 or with the refusal.
	// An error refuses: a *[Refusal] with its status, a *[handshake.Error] with its own, any other with 403 and without
	// its text. Upgrade, or UpgradeConn, then returns that error.
	//
	// Under Upgrade and Handler r is the request of net/http and h the header of its ResponseWriter. Under UpgradeConn
	// r is made for Authorize from the request's head; its context is context.Background.
	Authorize func(r *http.Request, h http.Header) error

	// HandshakeTimeout bounds, in UpgradeConn, TLS and the request's head together, and then the writing of our answer.
	// Under Upgrade and Handler reading the head is the business of http.Server (see its ReadHeaderTimeout), and
	// HandshakeTimeout bounds the writing of the 101. Authorize is not bounded. Default 10 s; negative means off.
	HandshakeTimeout time.Duration

	// Group, if it is not nil, has the connections as its members.
	Group *Group
}

// orDefault makes a nil *Options an empty one.
func (o *Options) orDefault() *Options {
	if o == nil {
		return &noOptions
	}
	return o
}

var noOptions Options // never changed

// timeout is HandshakeTimeout with its default filled in; 0 means off.
func (o *Options) timeout() time.Duration {
	switch {
	case o.HandshakeTimeout == 0:
		return defaultHandshakeTimeout
	case o.HandshakeTimeout < 0:
		return 0
	}
	return o.HandshakeTimeout
}
