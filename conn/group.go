package conn

import (
	"context"
	"runtime"
)

// Group flush. While one Write is inside its system call, others commit behind it and
// return; when it is done it sends what they committed, in one call. So eight writers
// share their calls wherever they run side by side. On one processor they do not: a
// call that does not wait is over before the next writer runs. There the one that would
// write gives way once to whoever is ready to run, and finds their messages behind its
// own when it comes back:
//
//	1  commits, stands in line, gives way
//	2  commits behind it and returns, 3 as well, ...
//	1  takes all of out, and writes it
//
// Nobody gives way who is alone: it takes a Write that met another one inside its
// system call, and some that gave way in vain are the end of it.

// company is what a connection knows of those who write at the same time. Guarded by
// Conn.mu.
type company uint8

const (
	patience company = 3 // how many Writes may yet give way in vain

	joined  company = 1 << 5 // somebody has committed behind the Write in line
	inLine  company = 1 << 6 // a Write has given way; it will send what is in out
	ofWrite company = 1 << 7 // who has the write turn is a Write
)

// met is told of a Write that finds the write turn taken.
func (w *writer) met() {
	if w.company&ofWrite != 0 {
		w.company |= patience
	}
}

// follow leaves what is committed to the Write in line, if there is one and out is not
// full, and reports whether it did. mu is held and the write turn is free.
func (w *writer) follow() bool {
	if w.company&inLine == 0 || len(w.out.b) >= groupBytes {
		return false
	}
	w.company |= joined
	return true
}

// flushTogether is flushNow for a Write that is not alone. mu is held, and released.
func (c *Conn) flushTogether(ctx context.Context) error {
	w := &c.wr
	switch {
	case w.follow():
		full := c.stats.framesOut%groupFrames == 0
		c.mu.Unlock()
		if full {
			runtime.Gosched() // the one in line has waited long enough
		}
		return nil
	case w.company&patience == 0 || len(w.out.b) >= groupBytes:
		return c.flushNow(ctx)
	}
	w.company |= inLine
	before := c.stats.framesOut
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
	many := c.stats.framesOut-before >= groupFrames
	err := c.flushGroup(ctx)
	if many {
		// Or the others would find this one in line again, whose next message would be
		// the first, and send a whole group for each one of its own.
		runtime.Gosched()
	}
	return err
}

// flushGroup is what the Write in line does when it comes back. Somebody else may have
// sent its message, and some that came later. mu is held, and released.
func (c *Conn) flushGroup(ctx context.Context) error {
	w := &c.wr
	if w.company&joined != 0 {
		w.company |= patience
	} else {
		w.company--
	}
	w.company &^= inLine | joined
	if c.broken() {
		defer c.mu.Unlock()
		return c.writeErr()
	}
	return c.flushNow(ctx)
}
