package wiretest

import (
	"net"
	"sync"
	"time"
)

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, true, true) }

// SetReadDeadline bounds the Read that waits now and all later ones. A time in the past ends them at once, the zero time
// lifts the bound, and a moved deadline lets I/O go on.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, true, false) }

// SetWriteDeadline is like SetReadDeadline, for Write.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, false, true) }

func (c *Conn) setDeadlines(t time.Time, read, write bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.deadlines++
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	if read {
		c.readLimit.set(t, c.in.changed)
	}
	if write {
		c.writeLimit.set(t, c.out.changed)
	}
	return nil
}

// A deadline belongs to one direction of one end and lives under the pipe's mutex. Its timer is made when it is set: a kept
// one could be carried out of a testing/synctest bubble.
type deadline struct {
	passed bool
	timer  *time.Timer // nil: none is running
}

// set moves the deadline to t; the zero time means none. changed is what waits for it.
func (d *deadline) set(t time.Time, changed *sync.Cond) {
	d.stop()
	d.passed = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		changed.Broadcast()
		return
	}
	var own *time.Timer
	own = time.AfterFunc(wait, func() {
		changed.L.Lock()
		defer changed.L.Unlock()
		if d.timer != own { // moved while this callback was on its way
			return
		}
		d.timer, d.passed = nil, true
		changed.Broadcast()
	})
	d.timer = own
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
