package conn

import (
	"net"
	"sync/atomic"
	"time"
)

// wire is the socket as the rest of the package sees it. One goroutine reads at a
// time and one writes; everything else may be called at any time.
//
// A read or write that meets a deadline returns an error that isTimeout knows,
// with what it moved so far; I/O goes on after the deadline is moved.
type wire interface {
	// read waits for bytes and puts them into p.
	read(p []byte) (int, error)
	// readPooled waits for bytes and puts them into a pooled buffer of that size, which
	// is taken, where the system allows it, only when they are there.
	readPooled(size int) (*buffer, error)
	// foresee makes what read needs for waiting. It is called where the stack is less deep
	// than in read, because a goroutine that waits keeps what it has needed.
	foresee()
	// settle does at once what the first use of the wire would do.
	settle()
	// tryRead is read without waiting: nothing there is 0 and no error.
	tryRead(p []byte) (int, error)
	// arrived is how many bytes wait to be read at least, 0 if that cannot be told.
	arrived() int
	// write waits for room and sends the first bytes of p, at least one.
	write(p []byte) (int, error)
	// writev is write for two pieces of memory behind each other.
	writev(head, body []byte) (int, error)
	// tryWrite is write without waiting: no room is 0 and no error.
	tryWrite(p []byte) (int, error)
	// tries reports whether tryRead and tryWrite can do anything.
	tries() bool
	// mayRead reports whether tryRead may find something.
	mayRead() bool
	// tellEdges has c.claimServe called, and c served by whoever calls it, when
	// something may have come. It reports false if the wire cannot do that. If it has
	// begun with this call, so that even what has come before will be told of, fresh is true.
	tellEdges(c *Conn) (told, fresh bool)
	// resumes reports whether a write that met a deadline leaves the wire usable.
	resumes() bool

	setReadDeadline(t time.Time)
	setWriteDeadline(t time.Time)

	// netConn is nil if the socket was taken over.
	netConn() net.Conn
	localAddr() net.Addr
	remoteAddr() net.Addr

	// drain drops up to n bytes that have arrived, without waiting.
	drain(n int)
	// closeWrite ends our half of the stream.
	closeWrite()
	// close ends the connection in good order, closeNow at once.
	close()
	closeNow()
}

// anyWire is a wire over any net.Conn: TLS, pipes, wrappers.
type anyWire struct {
	nc    net.Conn
	below net.Conn // what closeNow closes: the connection below TLS, else nc
	tls   bool
	cut   atomic.Bool // closed to interrupt a call, for want of a deadline
}

func newAnyWire(nc net.Conn) *anyWire {
	w := &anyWire{nc: nc, below: nc}
	// A *tls.Conn is known by its shape: this package does not need crypto/tls. Its
	// Close waits up to 5 s on a full socket, and an interrupted Write of it is its
	// last. Through an https proxy there is TLS in TLS.
	for {
		t, ok := w.below.(interface {
			NetConn() net.Conn
			VerifyHostname(host string) error
		})
		if !ok {
			return w
		}
		w.below, w.tls = t.NetConn(), true
	}
}

func (w *anyWire) read(p []byte) (int, error) { return w.nc.Read(p) }

func (w *anyWire) readPooled(size int) (*buffer, error) {
	b := getBuffer(size)
	n, err := w.nc.Read(b.b[:cap(b.b)])
	b.b = b.b[:n]
	return b, err
}

func (w *anyWire) foresee()                    {}
func (w *anyWire) settle()                     {}
func (w *anyWire) tryRead([]byte) (int, error) { return 0, nil }
func (w *anyWire) arrived() int                { return 0 }

// write gives the connection one piece at a time, so that the write timeout
// measures standing still and not size.
func (w *anyWire) write(p []byte) (int, error) { return w.nc.Write(p[:min(len(p), piece)]) }

func (w *anyWire) writev(head, body []byte) (int, error) {
	if len(head) == 0 {
		return w.write(body)
	}
	return w.write(head)
}

func (w *anyWire) tryWrite([]byte) (int, error) { return 0, nil }
func (w *anyWire) tries() bool                  { return false }
func (w *anyWire) mayRead() bool                { return false }
func (w *anyWire) resumes() bool                { return !w.tls && !w.cut.Load() }

func (w *anyWire) tellEdges(*Conn) (told, fresh bool) { return false, false }

func (w *anyWire) netConn() net.Conn    { return w.nc }
func (w *anyWire) localAddr() net.Addr  { return w.nc.LocalAddr() }
func (w *anyWire) remoteAddr() net.Addr { return w.nc.RemoteAddr() }

// A connection without deadlines cannot be interrupted otherwise.
func (w *anyWire) setReadDeadline(t time.Time) {
	if w.nc.SetReadDeadline(t) != nil && t == past {
		w.cut.Store(true)
		w.closeNow()
	}
}

func (w *anyWire) setWriteDeadline(t time.Time) {
	if w.nc.SetWriteDeadline(t) != nil && t == past {
		w.cut.Store(true)
		w.closeNow()
	}
}

// drain can look at a socket below TLS and at no other.
func (w *anyWire) drain(n int) {
	if w.tls {
		newWire(w.below, true).drain(n)
	}
}

func (w *anyWire) closeWrite() {
	if h, ok := w.nc.(interface{ CloseWrite() error }); ok {
		h.CloseWrite()
	}
}

func (w *anyWire) close()    { w.nc.Close() }
func (w *anyWire) closeNow() { w.below.Close() }
