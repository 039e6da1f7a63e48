package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/tidewire/websocket/conn"
)

// Defaults and limits, one constant each. [Options] overrides what a program may have reasons to change.
const (
	// defaultHandshakeTimeout is what a server of ours gives its clients too: three round trips over a bad line and
	// a cold TLS stack take two or three seconds, and more than ten is an outage.
	defaultHandshakeTimeout = 10 * time.Second

	// maxRedirects is the most that Options.MaxRedirects can ask for: where browsers and net/http stop (10 to 20)
	// nobody has arrived anywhere.
	maxRedirects = 10

	// maxBody is what a HandshakeError keeps of a body, in bytes: an error page's first sentences.
	maxBody = 1 << 10

	// bodyPatience bounds the wait for that body. It usually comes with the head; the verdict stands without it.
	bodyPatience = time.Second

	// readSize is how much a head is read at a time, in bytes: nearly every head is one read, and little more than
	// handshake.MaxHead is ever taken from a hostile one.
	readSize = 4 << 10

	// maxNamed is how many handshakes a Gate lets run to servers whose address it does not know ("a reasonably low
	// number": RFC 6455, section 4.1, step 2). Browsers allow six connections a host, and more in all.
	maxNamed = 16
)

// Options change how [Dial] opens a connection. A nil *Options works; zero values mean the default. A program may share
// one Options between calls of Dial, also concurrent ones, and must not change it afterwards.
type Options struct {
	// Header is sent with the handshake: Origin, Authorization, Cookie, User-Agent. Names and values that would
	// break the head are an error, and so are fields that belong to the handshake itself (Upgrade, Connection,
	// Sec-WebSocket-*). Host, at most once, replaces that of the URL. Proxy-Authorization goes to an HTTP proxy whose
	// URL has no user, and never to the server.
	Header http.Header

	// Subprotocols are offered to the server, the favourite first: tokens, each once. The server may choose one or none;
	// [conn.Conn.Subprotocol] tells.
	Subprotocols []string

	// Conn are the options of the connection itself, with all of its limits. With Compression in them permessage-deflate
	// is offered (RFC 7692); a server may decline it, and then nothing is compressed.
	Conn *conn.Options

	// TLS is used, in a copy, for wss and for https proxies. An empty ServerName is taken from the URL; for a proxy
	// it always is. NextProtos is replaced by http/1.1 (WebSocket over HTTP/2 is another protocol), and a MinVersion of
	// 0 means TLS 1.2. Certificates are verified unless this says InsecureSkipVerify.
	// On a redirect to another origin ServerName, client certificates and ECH keys are left out.
	TLS *tls.Config

	// Proxy chooses a proxy for a target: http, https, socks5 or socks5h, with user and password if it wants them;
	// a nil URL means none. The target's scheme is http for ws and https for wss, as proxy rules have it. Names are
	// resolved by the proxy, also for socks5. Default: what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say (see
	// [http.ProxyFromEnvironment], which reads them once). [NoProxy] turns that off.
	Proxy func(target *url.URL) (*url.URL, error)

	// DialContext opens the socket to the server, or to the proxy; network is "tcp" and addr host:port. It must return
	// when ctx ends. What it returns is ours to close, and closing it must end Reads and Writes that wait.
	// Default: a [net.Dialer], which tries IPv6 and IPv4 in parallel (RFC 6555). The environment's proxy is asked
	// for all the same; a dialer that goes somewhere of its own wants [NoProxy] beside it.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// Jar gives the cookies to send and takes those of each response, also of refusals and redirects. It sees http
	// for ws and https for wss.
	Jar http.CookieJar

	// MaxRedirects is how many redirects are followed, at most 10. Default: none, a 3xx is a HandshakeError.
	// A redirect from wss to ws is never followed. To another origin (scheme, host or port) Authorization, Cookie,
	// Proxy-Authorization and Host of Header are not sent, nor to any redirect behind it; other fields are.
	MaxRedirects int

	// Gate makes handshakes to one address wait for each other, as RFC 6455, section 4.1, step 2, asks of every
	// client. Share one Gate between calls of Dial. Default: none, and then nothing keeps a program that reconnects
	// a thousand connections from opening them all at once.
	Gate *Gate

	// HandshakeTimeout bounds all of Dial together: DNS, proxy, TCP, TLS, HTTP and redirects, but not the wait at the
	// Gate, which the context alone bounds. Default 10 s; negative: only the context.
	HandshakeTimeout time.Duration
}

// NoProxy is an [Options].Proxy that never chooses one.
func NoProxy(*url.URL) (*url.URL, error) { return nil, nil }

// timeout is HandshakeTimeout with its default; 0 means none.
func (o *Options) timeout() time.Duration {
	switch {
	case o.HandshakeTimeout == 0:
		return defaultHandshakeTimeout
	case o.HandshakeTimeout < 0:
		return 0
	}
	return o.HandshakeTimeout
}
