package conn

import (
	"context"
	"sync"
	"time"
)

// watch interrupts the blocking call of one direction when its context ends. The
// interruption is a deadline in the past; the one who meets it asks why, clears
// it, and goes on if the reason was another call's.
type watch struct {
	setDeadline func(time.Time) // of this direction
	fired       func()          // fire, made once

	mu   sync.Mutex
	hit  bool            // the deadline lies in the past
	ctx  context.Context // of the call that waits, nil between calls
	done <-chan struct{} // what the watcher waits for, nil without one
	stop func() bool     // ends the watcher
	last <-chan struct{} // of the call before
}

// watches are those of both directions. A connection has none before one is needed:
// when a context that can end waits, when Close interrupts a read, when a write
// finds the socket full. Then they stay.
type watches struct{ read, write watch }

// madeWatches makes the watches, if nobody has done it before.
func (c *Conn) madeWatches() *watches {
	if w := c.watches(); w != nil {
		return w
	}
	w := new(watches)
	w.read.init(c.wire.setReadDeadline)
	w.write.init(c.wire.setWriteDeadline)
	s := c.needSeldom()
	s.watches.CompareAndSwap(nil, w)
	return s.watches.Load()
}

// readWatch is nil if nothing of ours has ever interrupted anything.
func (c *Conn) readWatch() *watch {
	if w := c.watches(); w != nil {
		return &w.read
	}
	return nil
}

func (c *Conn) writeWatch() *watch {
	if w := c.watches(); w != nil {
		return &w.write
	}
	return nil
}

// watchRead has a read that is about to wait end with ctx.
func (c *Conn) watchRead(ctx context.Context) {
	if ctx.Done() != nil {
		c.rd.watched = true
		c.madeWatches().read.begin(ctx)
	}
}

// past is a deadline that has gone by.
var past = time.Unix(1, 0)

func (w *watch) init(setDeadline func(time.Time)) {
	w.setDeadline = setDeadline
	w.fired = w.fire
}

// watches reports whether waiting with ctx costs nothing: it cannot be canceled,
// or its watcher is there already. w may be nil.
func (w *watch) watches(ctx context.Context) bool {
	if ctx.Done() == nil || w == nil {
		return ctx.Done() == nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done == ctx.Done()
}

// begin is called before a wait. A watcher is made only for a channel that has
// none yet.
func (w *watch) begin(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx = ctx
	switch {
	case w.done != ctx.Done():
		w.drop()
		w.done, w.stop = ctx.Done(), context.AfterFunc(ctx, w.fired)
	case ctx.Err() != nil:
		// A kept watcher fires once, and may have done so between two calls.
		w.interrupt()
	}
}

// end is called after the waits of a call, if it had any. The watcher is kept only if
// the same channel came a second time: most programs use one context for all calls or
// a new one for each.
func (w *watch) end(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx = nil
	if w.done != nil && w.last != w.done {
		w.drop()
	}
	w.last = ctx.Done()
}

// close drops the watcher of a connection that has ended. w may be nil.
func (w *watch) close() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop()
	w.last = nil
}

func (w *watch) drop() {
	if w.stop != nil {
		w.stop()
	}
	w.done, w.stop = nil, nil
}

// fire judges the context of the call that waits now, not the one that made the
// watcher: a late callback must not end the next call.
func (w *watch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx != nil && w.ctx.Err() != nil {
		w.interrupt()
	}
}

// kick interrupts whoever waits, whatever its context.
func (w *watch) kick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interrupt()
}

func (w *watch) interrupt() {
	w.hit = true
	w.setDeadline(past)
}

// clear undoes an interruption and reports whether there was one. w may be nil.
func (w *watch) clear() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	hit := w.hit
	w.hit = false
	w.setDeadline(time.Time{})
	return hit
}

// arm sets the deadline of the next wait, unless ctx has ended and interrupted
// it already. Without a limit it only clears a stale interruption.
func (w *watch) arm(ctx context.Context, limit time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hit && ctx.Err() != nil {
		return false
	}
	if limit > 0 {
		w.setDeadline(time.Now().Add(limit))
	} else if w.hit {
		w.setDeadline(time.Time{})
	}
	w.hit = false
	return true
}
