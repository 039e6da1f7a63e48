package conn

import (
	"math"
	"time"
)

// Corking. While complete frames wait in the read buffer, whoever reads them is
// about to answer them too. So what is written meanwhile stays in out and goes to
// the socket together: when the reader is about to wait, when highWater bytes have
// come together, or after Options.FlushDelay. A pipelined echo then costs one
// system call for many messages.

// cork leaves what is committed in out, if that is the time for it, and reports
// whether it did. mu is held and the write turn is free.
func (c *Conn) cork() bool {
	w := &c.wr
	if !c.more.Load() || len(w.out.b) >= highWater || c.writeErr() != nil {
		return false
	}
	if !w.due {
		c.flushLater()
	}
	return true
}

// flushLater has flushCorked called after FlushDelay. mu is held.
func (c *Conn) flushLater() {
	c.wr.due = true
	if c.wire.tries() && sweeps {
		corked.add(c, c.opt.flushDelay())
		return
	}
	if r := c.wr.needRare(); r.corkTimer == nil {
		r.corkTimer = time.AfterFunc(c.opt.flushDelay(), c.flushCorked)
	} else {
		r.corkTimer.Reset(c.opt.flushDelay())
	}
}

// flushCorked sends what is corked, if it is not sent already.
func (c *Conn) flushCorked() {
	c.mu.Lock()
	c.wr.due = false
	c.offer()
}

// offerData offers what is committed, or leaves it to the cork or to a Write in line.
// mu is held, and released.
func (c *Conn) offerData() {
	if !c.wr.busy && c.wr.out != nil && (c.cork() || c.wr.follow()) {
		c.mu.Unlock()
		return
	}
	c.offer()
}

// lookAhead says, at the end of a message, whether a complete frame waits behind
// it. The read turn is held.
func (c *Conn) lookAhead() {
	more := c.opt.flushDelay() > 0 && c.rd.frameWaits()
	if more != c.rd.more {
		c.rd.more = more
		c.rd.corks = c.rd.corks || more
		c.more.Store(more)
	}
	if !more || c.rd.wholes == math.MaxUint16 {
		c.countWholes()
	}
}

// uncork is called when the reader is about to wait. The read turn is held.
func (c *Conn) uncork() {
	if !c.rd.corks {
		return
	}
	if c.rd.more {
		c.countWholes()
		c.rd.more = false
		c.more.Store(false)
	}
	c.rd.corks = false
	c.mu.Lock()
	c.offer()
}
