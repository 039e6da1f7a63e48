package conn

import (
	"sync/atomic"
	"time"
)

// seldom is what a connection needs once something has begun to end, somebody asks for
// its end, a call has to be interrupted, or its limit was changed. It stays then.
type seldom struct {
	// What has begun to end; guarded by Conn.mu.
	received *CloseError // the Close received
	first    *CloseError // the first failure
	write    error       // ends every write
	timer    *time.Timer // of the close timeout

	done    atomic.Pointer[chan struct{}] // is closed when Conn.over is set; nil: nobody asked for it yet
	watches atomic.Pointer[watches]       // that interrupt calls; nil: none was needed yet
	readErr atomic.Pointer[CloseError]    // ends every read, once set
	limit   atomic.Int64                  // set with SetReadLimit, negative: none; 0: not set

	discarding atomic.Bool // Close has taken reading over
	closer     bool        // and has the read turn, which guards this
	broken     bool        // the socket takes nothing any more; guarded by Conn.mu
}

// needSeldom makes seldom, if it is not there. It takes no lock.
func (c *Conn) needSeldom() *seldom {
	if s := c.seldom.Load(); s != nil {
		return s
	}
	c.seldom.CompareAndSwap(nil, new(seldom))
	return c.seldom.Load()
}

// readErr is what every read returns; nil while it can go on.
func (c *Conn) readErr() *CloseError {
	if s := c.seldom.Load(); s != nil {
		return s.readErr.Load()
	}
	return nil
}

// discarding reports whether Close has taken reading over.
func (c *Conn) discarding() bool {
	s := c.seldom.Load()
	return s != nil && s.discarding.Load()
}

// closerReads reports whether it is Close that has the read turn. The caller has it.
func (c *Conn) closerReads() bool {
	s := c.seldom.Load()
	return s != nil && s.closer
}

// writeErr is what every write returns; nil while it can go on. mu is held.
func (c *Conn) writeErr() error {
	if s := c.seldom.Load(); s != nil {
		return s.write
	}
	return nil
}

// broken reports whether the socket takes nothing any more. mu is held.
func (c *Conn) broken() bool {
	s := c.seldom.Load()
	return s != nil && s.broken
}

// watches are nil if nothing of ours has ever interrupted anything.
func (c *Conn) watches() *watches {
	if s := c.seldom.Load(); s != nil {
		return s.watches.Load()
	}
	return nil
}
