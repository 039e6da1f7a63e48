package conn

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/tidewire/websocket/frame"
)

// flush is how a Write sends what is committed, waiting for the socket within ctx: at
// once, together with others, or later, where it is corked. mu is held, and released.
func (c *Conn) flush(ctx context.Context) error {
	w := &c.wr
	switch {
	case w.busy:
		w.met()
	case w.out == nil:
	case c.cork():
		c.mu.Unlock()
		return nil
	case w.company != 0:
		return c.flushTogether(ctx)
	}
	return c.flushNow(ctx)
}

// flushNow is flush at once. If the write turn is taken, its holder looks
// again before it lets go.
func (c *Conn) flushNow(ctx context.Context) error {
	if c.wr.busy || c.wr.out == nil {
		c.mu.Unlock()
		return nil
	}
	b := c.takeOut()
	c.wr.company |= ofWrite
	c.mu.Unlock()
	n, err := c.writeOut(ctx, b.b)
	switch {
	case err == nil:
		putBuffer(b)
		c.letGo()
		return nil
	case err == errInterrupted && c.wire.resumes():
		// Committed is committed: the caller leaves, a flusher finishes.
		c.handOver(b, n)
		return canceled("write", ctx.Err())
	}
	return c.writeFailed(ctx, err)
}

// takeOut takes the write turn, if it is not ours already, and all that is
// committed. mu is held.
func (c *Conn) takeOut() *buffer {
	c.addSpare()
	w := &c.wr
	b := w.out
	w.company &^= inLine
	w.out, w.busy, w.flight, w.pongs = nil, true, uint32(min(uint64(len(b.b)), math.MaxUint32)), 0
	w.batch = uint8((min(len(b.b), bigBuffer) + smallBuffer - 1) / smallBuffer)
	return b
}

// addSpare commits the newest of the pongs that were too many.
func (c *Conn) addSpare() {
	if r := c.wr.rare; r != nil && r.spare != nil {
		c.commitControl(frame.Pong, r.spare)
		r.spare = nil
		c.wr.leaveRare()
	}
}

// offer sends what is committed without waiting; what the socket does not take is
// a flusher's. mu is held, and released.
func (c *Conn) offer() {
	if c.wr.busy || c.wr.out == nil {
		c.mu.Unlock()
		return
	}
	b := c.takeOut()
	c.mu.Unlock()
	if c.send1(b) {
		c.letGo()
	}
}

// letGo gives the write turn back after sending what was committed meanwhile.
func (c *Conn) letGo() {
	for round := 1; ; round++ {
		c.mu.Lock()
		b := c.next()
		c.mu.Unlock()
		switch {
		case b == nil:
			return
		case round > letGoRounds:
			c.handOver(b, 0)
			return
		case !c.send1(b):
			return
		}
	}
}

// next is what the holder of the write turn sends next; with nothing left it
// gives the turn back and returns nil. mu is held.
func (c *Conn) next() *buffer {
	w := &c.wr
	w.flight = 0
	w.wakeRoom()
	if w.out != nil {
		return c.takeOut()
	}
	w.busy = false
	w.company &^= ofWrite
	w.wakeIdle()
	return nil
}

// wake closes a channel that somebody waits on, if there is one.
func wake(ch *chan struct{}) {
	if *ch != nil {
		close(*ch)
		*ch = nil
	}
}

// send1 offers b to the socket once. It reports false if the write turn went to a
// flusher or writing failed.
func (c *Conn) send1(b *buffer) bool {
	n, err := c.wire.tryWrite(b.b)
	switch {
	case err != nil:
		c.writeFailed(context.Background(), err)
		return false
	case n < len(b.b):
		c.handOver(b, n)
		return false
	}
	putBuffer(b)
	return true
}

// handOver leaves the write turn to a flusher, with b, of which n bytes are sent.
func (c *Conn) handOver(b *buffer, n int) {
	c.mu.Lock()
	c.wr.company &^= ofWrite
	c.mu.Unlock()
	go c.flusher(b, n)
}

// flusher holds the write turn while the socket is full and everybody else is
// gone. It ends when all is sent; the write timeout bounds it.
func (c *Conn) flusher(b *buffer, n int) {
	for b != nil {
		if _, err := c.waitWrite(context.Background(), b.b[n:], nil); err != nil {
			c.writeFailed(context.Background(), err)
			return
		}
		putBuffer(b)
		n = 0
		c.mu.Lock()
		b = c.next()
		c.mu.Unlock()
	}
}

// writeOut sends p: at once if the socket takes it, else waiting.
func (c *Conn) writeOut(ctx context.Context, p []byte) (int, error) {
	n, err := c.wire.tryWrite(p)
	if err != nil || n == len(p) {
		return n, err
	}
	m, err := c.waitWrite(ctx, p[n:], nil)
	return n + m, err
}

// errInterrupted is how a wait for the socket says that its context ended.
var errInterrupted = errors.New("websocket: internal error: interrupted")

// waitWrite sends head and body, waiting for the socket. Only a socket that takes
// nothing for the whole write timeout fails; a slow one goes on. The write turn is
// held.
func (c *Conn) waitWrite(ctx context.Context, head, body []byte) (n int, err error) {
	watch := &c.madeWatches().write
	watch.begin(ctx)
	still := c.watchStandstill()
	for err == nil && n < len(head)+len(body) {
		if !watch.arm(ctx, c.opt.writeTimeout()) {
			err = errInterrupted
			break
		}
		if still != nil {
			still.Reset(c.opt.writeTimeout())
		}
		m := 0
		if n < len(head) {
			m, err = c.wire.writev(head[n:], body)
		} else {
			m, err = c.wire.write(body[n-len(head):])
		}
		n += m
		if err != nil {
			err = c.judgeStop(ctx, err, m)
		}
	}
	if still != nil {
		still.Stop()
	}
	watch.end(ctx)
	if c.wire.tries() {
		// The next try must not meet this deadline.
		watch.clear()
	}
	return n, err
}

// watchStandstill is the write timeout of a connection without deadlines: a timer
// that cuts it. It is nil where deadlines do that better.
func (c *Conn) watchStandstill() *time.Timer {
	if c.timed || c.opt.writeTimeout() == 0 {
		return nil
	}
	return time.AfterFunc(c.opt.writeTimeout(), func() { c.cut(errStuck) })
}

// judgeStop says what a write that stopped with err after m bytes comes to: nil to
// go on. A deadline is not the only thing that interrupts: a wire that has none is
// closed.
func (c *Conn) judgeStop(ctx context.Context, err error, m int) error {
	hit := c.writeWatch().clear()
	switch {
	case hit && ctx.Err() != nil:
		return errInterrupted
	case !isTimeout(err):
		return err
	case !c.wire.resumes():
		return errStuck
	case hit || m > 0:
		return nil
	}
	return errStuck
}

// writeFailed ends writing, not reading: the peer's Close may still be on its way
// to us. CloseTimeout bounds that. It returns what the failed call returns.
func (c *Conn) writeFailed(ctx context.Context, err error) error {
	interrupted := err == errInterrupted
	ours := interrupted || err == errStuck
	if interrupted {
		err = errHalfWritten
	}
	c.mu.Lock()
	e := &CloseError{Code: CloseAbnormal, Sent: c.sent, Remote: !ours, cause: cause("write", err, false)}
	c.endWriting(e)
	c.needSeldom().broken = true
	putBuffer(c.wr.out)
	c.wr.out, c.wr.busy, c.wr.flight = nil, false, 0
	c.wr.company |= failed
	if c.wr.rare != nil {
		c.wr.rare.spare = nil
	}
	c.wr.wakeIdle()
	c.remember(e)
	c.armClose()
	err = c.writeErr()
	c.mu.Unlock()
	if interrupted {
		return canceled("write", ctx.Err())
	}
	return err
}

// endWriting makes err the permanent error of writing, unless there is one, and
// wakes everybody who waits to write. mu is held.
func (c *Conn) endWriting(err error) {
	if e := c.needSeldom(); e.write == nil {
		e.write = err
	}
	w := &c.wr
	if w.rare != nil {
		w.rare.later, w.rare.laterN = nil, 0
	}
	w.message.end()
	w.wakeRoom()
}
