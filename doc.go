// Package websocket opens and serves WebSocket connections (RFC 6455), with nothing beyond the standard library. It is
// the front door: one import for most programs.
//
// A server calls [Handler], which makes an [http.Handler] of a function that serves one connection. A client calls
// [Dial]. Both get a [Conn], and both take options that may be nil: every limit is on and has a default.
//
//	http.Handle("/echo", websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
//		for m, err := range c.Messages(ctx) {
//			if err != nil {
//				return err
//			}
//			if err := c.Write(ctx, m.Type, m.Data); err != nil {
//				return err
//			}
//		}
//		return nil // closes with 1000
//	}, nil))
//
// A browser's page may connect from the server's own origin only; others are named in [ServerOptions], in Origins.
//
// # The methods of a Conn
//
// Any method may be called by any goroutine at any time. A context bounds the call and not the connection: a Read that
// is canceled loses nothing.
//
// Reading:
//   - [conn.Conn.Messages] ranges over messages, in lent memory, and ends silently on a normal end
//   - [conn.Conn.Read] returns one message, the caller's to keep
//   - [conn.Conn.ReadAppend] reads one into a buffer that the caller brings
//   - [conn.Conn.Reader] streams one message of any size
//   - [conn.Conn.Discard] is for a connection that only sends: somebody must read, to answer pings and to see the end
//   - [ReadJSON] reads a message as JSON
//   - [conn.Conn.Serve] calls a [Receiver] for each message instead: on Linux a connection that waits so has no
//     goroutine and no buffer; [conn.Conn.Serving] tells that it was called
//   - [conn.Conn.SetReadLimit] changes the limit of 1 MiB for a message held in memory
//
// Writing:
//   - [conn.Conn.Write] sends a message; it waits while the socket is full
//   - [conn.Conn.Post] never waits: it queues a message, up to a limit
//   - [conn.Conn.Writer] streams one message of any size
//   - [conn.Conn.WritePrepared] and [conn.Conn.PostPrepared] send what [Prepare] has made once for many
//   - [WriteJSON] sends a value as JSON
//   - [conn.Conn.Ping] measures the round trip
//
// Ending:
//   - [conn.Conn.Close] says 1000, waits for the peer's answer, and is what a defer calls
//   - [conn.Conn.CloseWith] says another code and a reason
//   - [conn.Conn.BeginClose] does not wait for the answer
//   - [conn.Conn.CloseNow] drops the connection
//   - [conn.Conn.Done] and [conn.Conn.Err] tell that it has ended, and why; [IsNormal] and [CloseError] judge it
//
// Looking:
//   - [conn.Conn.Subprotocol], [conn.Conn.Extensions], [conn.Conn.RemoteAddr], [conn.Conn.LocalAddr],
//     [conn.Conn.NetConn], [conn.Conn.Stats]
//
// [Stream] makes a [net.Conn] of a connection, a byte stream over messages. A [Group] counts a server's connections,
// caps them and shuts them down.
//
// # Compression
//
// Messages are compressed (permessage-deflate, RFC 7692) if both sides want it: [Options] has a field Compression for
// that, which is nil by default. The zero [Compression] compresses every message of 512 bytes or more by itself. With
// Takeover in it messages refer to those before them and small ones become smaller still, for 12 KiB of memory a
// connection; a [Group] bounds that memory for all of its connections together, and without a Group nothing does.
//
// The length of what is compressed tells whether two texts in it are alike. An attacker who sees lengths on the wire,
// TLS or not, and can put text of his own beside a secret, in the same message or with Takeover in the same connection,
// guesses that secret piece by piece (CRIME and BREACH; RFC 7692, section 8). So send a message that holds both with
// [conn.MessageType.Uncompressed], as in websocket.Text.Uncompressed(), or leave compression off.
//
// # What this package refuses to know
//
// It holds no code, only names: what they stand for is said in the packages conn, server and client. What few programs
// need has no name here: connections over a socket without net/http ([server.UpgradeConn]), those of another handshake
// ([conn.New]), and the wire formats, packages frame and handshake.
package websocket
