package conn

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/internal/protocol"
)

// Role is the side of the opening handshake that a connection was on.
type Role = protocol.Role

const (
	Server = protocol.Server
	Client = protocol.Client
)

// Setup is what the opening handshake found out.
type Setup struct {
	Role        Role
	Subprotocol string

	// Deflate are the parameters that the response of the handshake set, if it agreed
	// to permessage-deflate, else nil. Options.Compression must be set then.
	Deflate *deflate.Params

	// Buffered holds bytes of the frame stream that arrived behind the handshake.
	// They are copied.
	Buffered []byte

	// OnEnd is the owner's hook: it runs once when the socket is closed, before
	// Options.OnEnd, with what Err returns. It runs on the goroutine that ends the
	// connection, which may be that of a CloseNow, and must not wait.
	OnEnd func(c *Conn, err error)

	// Wheel is the owner's timer wheel; nil gives the connection a timer of its own.
	Wheel *Wheel

	// TakeOver has New itself take the socket over, if it is to be taken over at all: see
	// Options.KeepNetConn. Else the first who reads or writes does it, which needs some
	// stack that a goroutine keeps, and a connection that ends before is spared it.
	TakeOver bool
}

// Conn is one WebSocket connection. Every method may be called by any goroutine
// at any time; what each waits for is said beside it.
//
// Many connections wait, so a Conn holds what one that waits needs and no more; the
// pointers lead to blocks that come and go. Small fields lie at the borders of two
// groups, to fill one word together.
type Conn struct {
	// Set by New and never changed.
	wire   wire
	opt    *Options // not nil
	ownEnd func(c *Conn, err error)
	role   Role
	timed  bool // the wire has deadlines: whoever waits can be interrupted

	// The reader's: rd and habit belong to the holder of the read turn.
	frugal   bool        // a poller calls when something has come, and rd is given back when it is at rest; set by Serve
	habit    uint8       // of the next rd, with whose buffers it goes on
	more     atomic.Bool // a complete frame waits in the read buffer
	rd       *reader     // nil: at rest
	readTurn readTurn

	// The writer's: guarded by mu, but for what wr says belongs to a turn.
	mu sync.Mutex
	wr writer

	// The ending's: guarded by mu.
	closing protocol.Closing
	over    bool      // the socket is closed
	sent    CloseCode // of our Close, 0 before it
	serving serving

	keep keepalive

	receiver Receiver // of a served connection; guarded by serving

	// Read by anybody.
	seldom atomic.Pointer[seldom] // nil: none of it was needed yet
	stats  counters
}

// New makes a connection of nc, whose opening handshake is done. It starts no
// goroutine. From here on nc belongs to the connection, and nobody else may use or
// close it; its deadlines are cleared.
func New(nc net.Conn, s Setup, o *Options) *Conn {
	c := &Conn{
		role:   s.Role,
		opt:    o.notNil(),
		ownEnd: s.OnEnd,
	}
	c.wire = newWire(nc, c.opt.KeepNetConn)
	if s.TakeOver {
		c.wire.settle()
	}
	// The deadlines of a net.Conn whose socket is taken over are nobody's.
	c.timed = c.wire.netConn() == nil || nc.SetDeadline(time.Time{}) == nil

	if s.Role == Client || s.Subprotocol != "" || s.Deflate != nil {
		c.wr.terms = &terms{subprotocol: s.Subprotocol}
	}
	if s.Deflate != nil {
		c.agree(*s.Deflate)
		c.keep.begun = true // tables rest also where nobody reads
	}
	if len(s.Buffered) > 0 {
		c.needReader()
		c.rd.take(s.Buffered)
	}
	c.stats.wireIn.Add(int64(len(s.Buffered)))
	c.wr.send.Role = s.Role
	c.startKeepalive(s.Wheel)
	return c
}

// Done is closed when the connection has ended and its socket is closed.
func (c *Conn) Done() <-chan struct{} { return c.madeDone() }

// madeDone makes done, if nobody has done it before. It takes no lock: a context that
// is asked under one may ask for Done.
func (c *Conn) madeDone() chan struct{} {
	s := c.needSeldom()
	switch done := s.done.Load(); done {
	case nil:
		made := make(chan struct{})
		s.done.CompareAndSwap(nil, &made)
	case doneUnasked:
		made := make(chan struct{})
		close(made)
		s.done.CompareAndSwap(doneUnasked, &made)
	default:
		return *done
	}
	return c.madeDone() // somebody else may have been faster
}

// closeDone closes done, or leaves that to who asks for it first.
func (c *Conn) closeDone() {
	if s := c.needSeldom(); !s.done.CompareAndSwap(nil, doneUnasked) {
		close(*s.done.Load())
	}
}

// doneUnasked stands for the channel of a connection that has ended before anybody asked
// for it.
var doneUnasked = new(chan struct{})

// Err is nil while the connection goes on. Then it is the Close received if one
// came, else the first failure of either direction, a *[CloseError].
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err()
}

func (c *Conn) err() error {
	switch e := c.seldom.Load(); {
	case e == nil:
	case e.received != nil:
		return e.received
	case e.first != nil:
		return e.first
	}
	return nil
}

// Subprotocol is the one that both sides agreed on, or empty
// (RFC 6455, section 1.9).
func (c *Conn) Subprotocol() string {
	if c.wr.terms == nil {
		return ""
	}
	return c.wr.terms.subprotocol
}

// Extensions names the extension that both sides agreed on with its parameters, as
// "permessage-deflate; server_no_context_takeover", or is empty (RFC 6455, section
// 9.1). Windows of 15 bits, which are the rule, are left out.
func (c *Conn) Extensions() string {
	if c.wr.terms == nil {
		return ""
	}
	return c.wr.terms.extensions
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.wire.remoteAddr() }

// LocalAddr is our address.
func (c *Conn) LocalAddr() net.Addr { return c.wire.localAddr() }

// NetConn is the connection below, to look at: reading, writing or closing it, or
// setting its deadlines, breaks the WebSocket connection. It is nil if the socket is
// taken over, as TCP is on Linux when it is first read or written: see
// Options.KeepNetConn.
func (c *Conn) NetConn() net.Conn { return c.wire.netConn() }

// SetReadLimit changes Options.ReadLimit from the next frame on: n bytes, 0 the
// default, negative none.
func (c *Conn) SetReadLimit(n int64) {
	if n = orDefault(n, defaultReadLimit); n == 0 {
		n = -1
	}
	c.needSeldom().limit.Store(n)
}

// readLimit is the limit now; 0 or less means none.
func (c *Conn) readLimit() int64 {
	if s := c.seldom.Load(); s != nil {
		if n := s.limit.Load(); n != 0 {
			return n
		}
	}
	return c.opt.readLimit()
}
