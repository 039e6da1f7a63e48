package conntest

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Wire is one end of a byte stream in memory: a [net.Conn] with deadlines and a
// buffer of limited size in each direction, whose errors are those of TCP. Beyond
// that it does on command what networks do. Safe for concurrent use.
type Wire struct {
	pipe  *wiretest.Conn
	in    net.Conn // pipe with small reads
	piece atomic.Int64

	turn chan struct{}    // a Write's bytes stay together; guards out
	out  *wiretest.Merger // pipe with large writes
}

var _ net.Conn = (*Wire)(nil)

// Pipe returns the two ends of a stream that holds size bytes in each direction; 0
// means 64 KiB. A Write waits only while its direction is full. Whoever does not
// close an end leaves nothing behind but memory.
func Pipe(size int) (a, b *Wire) {
	pa, pb := wiretest.Pipe(size)
	return newWire(pa), newWire(pb)
}

// WireOf returns the wire below a connection that this package made, or a handler
// that it runs; nil below any other.
func WireOf(c *conn.Conn) *Wire {
	w, _ := c.NetConn().(*Wire)
	return w
}

// pass makes a Merger hold nothing: every Write is enough.
const pass = 1

func newWire(pipe *wiretest.Conn) *Wire {
	w := &Wire{pipe: pipe, turn: make(chan struct{}, 1), out: wiretest.Merge(pipe, pass)}
	w.in = wiretest.Split(pipe, func() int { return int(w.piece.Load()) })
	return w
}

// Split makes each later Read at this end return at most n bytes; 0 ends that.
func (w *Wire) Split(n int) { w.piece.Store(int64(n)) }

// Merge makes later Writes at this end wait for each other: their bytes are held
// until n are there, or until Flush, and arrive together. Close and CloseWrite
// deliver what is held. Merge(0) ends that, and delivers too.
func (w *Wire) Merge(n int) error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	err := w.out.Flush()
	w.out = wiretest.Merge(w.pipe, max(n, pass))
	return err
}

// Flush delivers what Merge holds.
func (w *Wire) Flush() error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	return w.out.Flush()
}

// Stall stops or starts the delivery to this end: while it is stalled its Reads get
// neither bytes nor the end of the stream, so that the other end's Writes fill the
// pipe and then wait.
func (w *Wire) Stall(on bool) { w.pipe.Stall(on) }

// Reset breaks the stream as a TCP RST does: what either end has not read is lost,
// and both fail with ECONNRESET.
func (w *Wire) Reset() { w.pipe.Reset() }

// Buffered is how many bytes the other end has sent and this one has not read.
func (w *Wire) Buffered() int { return w.pipe.Buffered() }

// Closed reports whether Close was called at this end.
func (w *Wire) Closed() bool { return w.pipe.Closed() }

// Read is net.Conn's.
func (w *Wire) Read(p []byte) (int, error) {
	if w.piece.Load() <= 0 {
		return w.pipe.Read(p)
	}
	return w.in.Read(p)
}

// Write is net.Conn's.
func (w *Wire) Write(p []byte) (int, error) {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	if w.pipe.Closed() { // or Merge would hold it
		return w.pipe.Write(p)
	}
	return w.out.Write(p)
}

// CloseWrite ends the sending: the other end reads what is there, then io.EOF.
func (w *Wire) CloseWrite() error {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
		return w.out.CloseWrite()
	default:
		return w.pipe.CloseWrite() // a Write waits, and fails now
	}
}

// Close closes both directions. With unread bytes here the other end is reset, as
// TCP does (RFC 1122, section 4.2.2.13).
func (w *Wire) Close() error {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
		return w.out.Close()
	default:
		return w.pipe.Close()
	}
}

// LocalAddr is the address of this end.
func (w *Wire) LocalAddr() net.Addr { return w.pipe.LocalAddr() }

// RemoteAddr is the address of the other end.
func (w *Wire) RemoteAddr() net.Addr { return w.pipe.RemoteAddr() }

// SetDeadline is net.Conn's.
func (w *Wire) SetDeadline(t time.Time) error { return w.pipe.SetDeadline(t) }

// SetReadDeadline is net.Conn's.
func (w *Wire) SetReadDeadline(t time.Time) error { return w.pipe.SetReadDeadline(t) }

// SetWriteDeadline is net.Conn's.
func (w *Wire) SetWriteDeadline(t time.Time) error { return w.pipe.SetWriteDeadline(t) }
