// Package server accepts WebSocket connections: HTTP in, a [conn.Conn] out.
//
// Call [Handler] first: it makes an [http.Handler] out of a function that serves one connection. [Upgrade] is for a
// handler that wants to go on itself, [UpgradeConn] for a program without net/http. All three take the same [Options]:
// subprotocols, allowed origins, a word of the application before the connection opens ([Options.Authorize]), and a
// [Group], which counts the connections, caps them, lists them and shuts them down.
//
// A browser's page from another origin is refused unless [Options.Origins] names it (RFC 6455, section 10.2).
//
// With Compression in its [conn.Options] a server agrees to permessage-deflate (RFC 7692) with the clients that offer it.
// What connections then remember from message to message has a bound for a whole Group, [Group.TakeoverMemory], and
// none without a Group.
//
// An [http.Server] has no deadline of its own on the head of a request: set its ReadHeaderTimeout, or each half request
// holds a connection for ever. Its MaxHeaderBytes is 1 MiB if it is not set; 32 KiB are plenty for a handshake.
//
// The package refuses to know frames: what goes over a connection once it is open is the business of package conn. It
// does not know HTTP/2 either; a request over HTTP/2 is refused with 505.
package server
