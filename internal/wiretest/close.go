package wiretest

import (
	"net"
	"os"
)

// Close closes both directions. What was written before still reaches the peer, then io.EOF, unless there is unread input
// here: then the peer is reset (see [Manners]). Reads and Writes that wait at this end fail with net.ErrClosed, and so does
// a second Close.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.readLimit.stop()
	c.writeLimit.stop()
	// A host that closes with unread data sends a reset, and no FIN (RFC 1122, section 4.2.2.13).
	if c.in.ring.n > 0 && !c.manners.QuietClose {
		c.peer.gotReset()
	}
	c.in.ring.drop()
	c.out.ended = true
	c.wakeAll()
	return nil
}

// CloseWrite ends this end's sending: the peer reads what is there, then io.EOF. Reading goes on.
func (c *Conn) CloseWrite() error {
	return c.shut(func() { c.out.ended = true })
}

// CloseRead ends this end's receiving: Read gives io.EOF, unread bytes are dropped, and what the peer writes from now on
// vanishes without an error (but see Manners.KeepUnread).
func (c *Conn) CloseRead() error {
	return c.shut(func() {
		c.readShut = true
		if !c.manners.KeepUnread {
			c.in.ignored = true
			c.in.ring.drop()
		}
	})
}

func (c *Conn) shut(how func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return c.fail("close", net.ErrClosed)
	case c.reset || c.in.ended && c.out.ended:
		return c.fail("close", os.NewSyscallError("shutdown", errNotConnected))
	}
	how()
	c.wakeAll()
	return nil
}

// Reset breaks the stream in the middle, as if both ends had received a TCP RST: what either end has not read is lost (but
// see Manners.KeepUnread), and both fail with ECONNRESET. An end that is closed stays closed. Reset, then Close, is what
// SetLinger(0), then Close, does to a TCP connection.
func (c *Conn) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gotReset()
	c.peer.gotReset()
}

// gotReset is the arrival of a RST at this end.
func (c *Conn) gotReset() {
	switch {
	case c.closed:
		return
	case c.manners.KeepUnread && c.in.ended:
		// The FIN came first: Linux keeps the input whole and fails the output.
		c.out.ended = true
	case c.manners.KeepUnread:
		c.reset = true
	default:
		c.reset = true
		c.in.ring.drop()
	}
	c.wakeAll()
}

func (c *Conn) wakeAll() {
	c.in.changed.Broadcast()
	c.out.changed.Broadcast()
}
