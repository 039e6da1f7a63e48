// Package conn is one WebSocket connection: reading, writing and ending it, safe
// for concurrent use (RFC 6455, sections 5 to 7).
//
// A [Conn] comes from the packages server or client; [New] makes one of any
// net.Conn whose opening handshake is done. Call [Conn.Messages] or [Conn.Read] in
// one goroutine, [Conn.Write] from any, and [Conn.Close] at the end. [Conn.Reader]
// and [Conn.Writer] are for messages too large to hold, [Conn.Post] for senders
// that must not wait, [Conn.Discard] for connections that only send.
//
// # What can be relied upon
//
// Memory. What Read returns is the caller's. What is given to Write is the
// caller's again when Write returns and is never changed. What Messages lends is
// valid until the next step, is never memory that the connection reads into
// meanwhile, and is overwritten afterwards under the race detector.
//
// A context bounds the call, not the connection. A read that is canceled keeps
// what came, and the next read call of any kind goes on from there; only a Reader
// that has handed out bytes has given up its message. Three cancellations end the
// connection: of a Write over 16 KiB with part of its frame sent, of a Writer
// after its first frame, and of any interrupted write over TLS. The error that a
// connection ends with never matches a context's error.
//
// Only a Write waits for the socket. A frame that is committed is sent whole or
// the connection ends. Write returns when its bytes are with the kernel, committed
// behind another Write that will send them, or corked. Everything that must not
// wait (the answer to a Ping or a Close, Ping, Post, BeginClose) offers its bytes
// once; what the socket does not take is finished by a goroutine that lives only
// while the socket is full, bounded by Options.WriteTimeout.
//
// Corking. While complete frames of the peer wait in the read buffer, what is
// written stays in the outgoing buffer, and goes out with the rest: when the reader
// is about to wait, when 64 KiB have come together, or after Options.FlushDelay.
// So a peer that sends many messages at once is answered in one system call.
// CloseNow drops what is corked.
//
// Group flush. Goroutines that write to one connection at the same time share their
// system calls too: a Write that has met another one gives way, once, to whatever is
// ready to run, and sends what was committed meanwhile with its own message. One
// goroutine that writes alone never gives way.
//
// Each direction fails once and then returns that error for ever. A failed write
// ends writing, not reading: what the peer sent before still arrives, above all
// its Close, within Options.CloseTimeout. A failed read ends writing too. Err is
// the Close received if one came, else the first failure. A connection that ends
// inside a message gives io.ErrUnexpectedEOF, never io.EOF.
//
// Who reads. Control frames are seen by whoever holds the read turn: a read call,
// or, while it is free, Ping and Close themselves. Ping stops before data. Close
// interrupts a waiting read, discards data up to the peer's Close, and the
// interrupted read returns the outcome. BeginClose interrupts nothing.
//
// Ending. A call that ends the connection without being Close does not stay for
// it. After a broken rule our Close goes out behind the answers to the good frames
// before it, the writing side is shut, and what still comes is dropped until the
// stream ends, so that no reset destroys that Close. After both Closes a server
// closes at once and a client waits for that. All of it ends within
// Options.CloseTimeout. Then Done is closed and the OnEnd hooks run.
//
// Turns. Messages never mix: an open Writer holds the message turn from its first
// frame to its last, control frames pass between, and what is posted meanwhile
// follows. Concurrent reads take turns by message; the turn is free in the body of
// a Messages loop.
//
// Nothing of ours runs while a connection waits: no goroutine and no finalizer.
// Keepalive is a timer, shared by the connections of a Group. The goroutines of the
// package itself have real sockets only, and end with the last of them, so that all
// of the rest works inside testing/synctest: one flushes what is corked, and on Linux
// one waits for the sockets that were taken over from their net.Conn. That one also
// calls the Receivers, unless one takes long: then another goroutine goes on.
//
// A frame header is a claim, not a reason to allocate. Memory follows the bytes
// that arrived, those that the system has and we have not read yet among them: at most
// twice as many and 8 KiB, below twice the read limit while a message grows. Buffers are
// pooled up to 64 KiB and held only while they hold something. Larger ones never are:
// those that were given back are remembered by weak pointers, used again if the next
// large message comes before the next collection, and gone with that one otherwise.
//
// Compression is off unless Options.Compression is set and the peer agrees. A
// message is compressed before its first frame goes out; if it does not shrink it
// goes out as it is (but for a few small ones, which with takeover later ones may
// refer to), and if it is given up before then, no later message refers to it.
// What comes is inflated while it comes: the read limit counts inflated bytes, and
// stops a message within one step of passing it. Up to 16 KiB of a compressed
// message come together before it is inflated, so that a peer who stops sooner holds
// no more of our memory than that. Between messages only the windows of a context
// takeover are held, and while a connection sends now and then a table of its own.
// Text is judged after inflating, and a message that is dropped is inflated only
// where a later one may refer to it.
//
// # What this package refuses to know
//
// HTTP, URLs, TLS and origins: those are server's and client's. It never imports
// net/http.
package conn
