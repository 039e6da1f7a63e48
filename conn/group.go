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

	failed  company = 1 << 3 // a system call has failed, and what was in out is lost
	joined  company = 1 << 4 // somebody has committed behind the Write in line
	inLine  company = 1 << 5 // a Write has given way; it will send what is in out
	away    company = 1 << 6 // and is not back; without inLine somebody else took out
	ofWrite company = 1 << 7 // who has the write turn is a Write
)

// met is told of a Write that finds the write turn taken.
func (w *writer) met() {
	if w.company&ofWrite != 0 {
		w.company |= patience
	}
}

// follow leaves what is committed to the Write in line, if there is one, and reports
// whether it did. mu is held and the write turn is free.
func (w *writer) follow() bool {
	if w.company&inLine == 0 {
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
		enough := c.stats.framesOut%groupFrames == 0
		c.mu.Unlock()
		if enough {
			runtime.Gosched() // so that the one in line comes back
		}
		return nil
	case w.company&away != 0 || w.company&patience == 0 || len(w.out.b) >= groupBytes:
		return c.flushNow(ctx)
	}
	w.company |= inLine | away
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

// flushGroup is what the Write that has given way does when it is back. mu is held, and
// released.
func (c *Conn) flushGroup(ctx context.Context) error {
	w := &c.wr
	if w.company&joined != 0 {
		w.company |= patience
	} else {
		w.company--
	}
	taken := w.company&inLine == 0 // by one who could not wait
	w.company &^= inLine | away | joined
	switch {
	case w.company&failed != 0:
		defer c.mu.Unlock()
		return c.writeErr()
	case taken:
		c.mu.Unlock()
		return nil
	}
	return c.flushNow(ctx)
}
