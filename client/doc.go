// Package client opens WebSocket connections: the client's side of RFC 6455, section 4.1.
//
// Call [Dial] with a ws or wss URL. Nil options are right for most programs: the proxy of the environment, verified
// TLS, ten seconds for the whole handshake, no redirects. [Options] changes that. Every error of Dial is
// a *[HandshakeError], which keeps what the server said: status, header and the beginning of its body.
//
// The package goes from a URL to an open connection and no further. It knows nothing of frames: what arrives behind
// the handshake belongs to the [conn.Conn] that Dial returns. It knows HTTP only as far as one request and one
// response go, so it retries nothing: a 401 or a 503 is the caller's to answer, with another Dial.
package client
