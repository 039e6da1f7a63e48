package conn

import (
	"context"

	"github.com/tidewire/websocket/frame"
)

// pull waits for bytes of the stream and puts them into p, or, if p is nil, into a
// buffer of its own; then there may be another reader behind it. A context that ends, or
// Close taking over, stops the wait and nothing else.
func (c *Conn) pull(ctx context.Context, p []byte) (int, error) {
	if c.rd.now {
		return c.pullNow(p)
	}
	for {
		n, err := c.receive(ctx, p)
		if n > 0 {
			c.waitNoMore()
			c.stats.wireIn.Add(int64(n))
			return n, nil
		}
		if err := c.pullStopped(ctx, err); err != nil {
			c.waitNoMore()
			return 0, err
		}
	}
}

// waitNoMore says that nobody waits any more.
func (c *Conn) waitNoMore() {
	if c.readTurn.waiting.Load() != notWaiting {
		c.readTurn.waiting.Store(notWaiting)
	}
}

// pullStopped says what an attempt of pull that ended with err and without a byte
// comes to: nil to go on.
func (c *Conn) pullStopped(ctx context.Context, err error) error {
	hit := c.readWatch().clear()
	switch {
	case c.discarding() && !c.closerReads() && c.readErr() == nil:
		return errTakenOver
	case ctx.Err() != nil && (hit || isTimeout(err)):
		return canceled("read", ctx.Err())
	case err == nil || hit && isTimeout(err):
		return nil
	}
	// A timeout that nobody here asked for is the connection's own failure.
	return c.fail(cause("read", err, c.inside()))
}

// starved reports whether nothing has come of the next frame. Whoever finds that pulls
// at once: it is what a connection waits for most of its life, so that wait stays clear
// of the frames of all that a header needs. A goroutine that waits deeper in the stack
// has a larger one.
func (rd *reader) starved() bool { return rd.buf == nil && !rd.in.InFrame() }

// pullNow is pull for a Receiver: it does not wait.
func (c *Conn) pullNow(p []byte) (int, error) {
	n, err := c.tryReceive(p)
	switch {
	case n > 0:
		c.stats.wireIn.Add(int64(n))
		return n, nil
	case err != nil:
		return 0, c.fail(cause("read", err, c.inside()))
	}
	c.uncork()
	return 0, errNothingYet
}

// waitingNow says what the connection waits for.
func (c *Conn) waitingNow() {
	if c.inside() {
		c.readTurn.waiting.Store(insideMessage)
	} else {
		c.readTurn.waiting.Store(betweenMessages)
	}
}

// receive is one attempt of pull. A new context costs a watcher only if there is
// nothing to read yet.
func (c *Conn) receive(ctx context.Context, p []byte) (int, error) {
	if c.wire.tries() && (c.rd.corks || !c.readWatch().watches(ctx)) {
		n, err := c.tryReceive(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
	c.uncork()
	c.watchRead(ctx)
	c.waitingNow()
	if p != nil {
		return c.wire.read(p)
	}
	size := smallBuffer // which a foreign connection holds while it waits
	if c.wire.tries() {
		size = c.rd.nextSize()
	}
	watched := c.rd.watched
	c.leaveReader()
	b, err := c.wire.readPooled(size)
	c.needReader()
	c.rd.watched = watched
	return c.hold(b), err
}

func (c *Conn) tryReceive(p []byte) (int, error) {
	if p != nil {
		return c.wire.tryRead(p)
	}
	b := getBuffer(c.rd.nextSize())
	n, err := c.wire.tryRead(b.b[:cap(b.b)])
	b.b = b.b[:n]
	return c.hold(b), err
}

// hold makes b, unless it is empty, the buffer of the stream.
func (c *Conn) hold(b *buffer) int {
	if b == nil || len(b.b) == 0 {
		putBuffer(b)
		return 0
	}
	n := len(b.b)
	c.rd.buf, c.rd.pos = c.rd.adapt(b), 0
	return n
}

// nextSize is how large the next buffer to read into is.
func (rd *reader) nextSize() int { return max(int(rd.ahead), smallBuffer) }

// adapt makes the next buffer larger after a full one, and smaller after some that
// were mostly empty. It replaces such a one by one that fits: nobody shall pin more
// memory than he sends.
func (rd *reader) adapt(b *buffer) *buffer {
	n := len(b.b)
	switch {
	case n == cap(b.b):
		rd.ahead, rd.mostlyEmpty = int32(min(2*n, bigBuffer)), 0
	case n <= cap(b.b)/2 && cap(b.b) > smallBuffer:
		if rd.mostlyEmpty++; rd.mostlyEmpty == shrinkAfter {
			rd.ahead, rd.mostlyEmpty = int32(cap(b.b)/2), 0
		}
		fitting := getBuffer(n)
		fitting.b = append(fitting.b, b.b...)
		putBuffer(b)
		return fitting
	default:
		rd.mostlyEmpty = 0
	}
	return b
}

// findWhole makes start and end those of frame.Whole of b, which is what is buffered.
func (rd *reader) findWhole(b []byte) {
	if rd.end == 0 {
		start, end := frame.Whole(b)
		rd.start, rd.end = int32(start), int32(end)
	}
}

// frameWaits reports whether a complete frame is in the buffer.
func (rd *reader) frameWaits() bool {
	b := rd.buffered()
	if len(b) == 0 {
		return false
	}
	if rd.findWhole(b); rd.end > 0 {
		return true
	}
	h, err := frame.ParseHeader(b)
	return err == nil && h.Length <= int64(len(b)-h.Len())
}

// inside reports whether a frame or message has begun and not ended.
func (c *Conn) inside() bool {
	return c.rd.in.InFrame() || c.rd.in.InMessage() || c.rd.buf != nil
}

// fill waits for more bytes behind the buffered ones. The buffer has room for the
// longest header and the longest control payload, and never needs more.
func (c *Conn) fill(ctx context.Context) error {
	rd := c.rd
	if rd.buf == nil {
		_, err := c.pull(ctx, nil)
		return err
	}
	if rd.buf.shared() { // a message that is lent lies in it
		b := getBuffer(rd.nextSize())
		b.b = append(b.b, rd.buffered()...)
		rd.release()
		rd.buf = b
	}
	if rd.pos > 0 {
		n := copy(rd.buf.b, rd.buf.b[rd.pos:])
		rd.buf.b, rd.pos = rd.buf.b[:n], 0
	}
	b := rd.buf.b
	n, err := c.pull(ctx, b[len(b):cap(b)])
	rd.buf.b = b[:len(b)+n]
	return err
}

// buffered is what has arrived and is not parsed.
func (rd *reader) buffered() []byte {
	if rd.buf == nil {
		return nil
	}
	return rd.buf.b[rd.pos:]
}

// consume drops the first n buffered bytes; an empty buffer is given back.
func (rd *reader) consume(n int) {
	rd.pos += n
	rd.end = 0
	if rd.buf != nil && rd.pos == len(rd.buf.b) {
		rd.release()
	}
}

//go:noinline
func (rd *reader) release() {
	dropBuffer(rd.buf)
	rd.buf, rd.pos, rd.end = nil, 0, 0
}

// take starts with bytes that came behind the handshake.
func (rd *reader) take(p []byte) {
	if len(p) > 0 {
		rd.buf = reserve(nil, max(len(p), smallBuffer))
		rd.buf.b = append(rd.buf.b, p...)
	}
}
