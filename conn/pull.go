package conn

import "context"

// pull waits for bytes of the stream and puts them into p, or, if p is nil, into a
// buffer of its own. A context that ends, or Close taking over, stops the wait and
// nothing else.
func (c *Conn) pull(ctx context.Context, p []byte) (int, error) {
	defer c.waiting.Store(notWaiting)
	for {
		n, err := c.receive(ctx, p)
		if n > 0 {
			c.stats.wireIn.Add(int64(n))
			return n, nil
		}
		hit := c.readWatch.clear()
		switch {
		case c.discarding.Load() && !c.rd.closer && c.readErr.Load() == nil:
			return 0, errTakenOver
		case ctx.Err() != nil && (hit || isTimeout(err)):
			return 0, canceled("read", ctx.Err())
		case err == nil || hit && isTimeout(err):
			continue
		}
		// A timeout that nobody here asked for is the connection's own failure.
		return 0, c.fail(cause("read", err, c.inside()))
	}
}

// receive is one attempt of pull. A new context costs a watcher only if there is
// nothing to read yet.
func (c *Conn) receive(ctx context.Context, p []byte) (int, error) {
	if c.wire.tries() && !c.readWatch.watches(ctx) {
		n, err := c.tryReceive(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
	c.readWatch.begin(ctx)
	if c.inside() {
		c.waiting.Store(insideMessage)
	} else {
		c.waiting.Store(betweenMessages)
	}
	if p != nil {
		return c.wire.read(p)
	}
	b, err := c.wire.readPooled()
	return c.hold(b), err
}

func (c *Conn) tryReceive(p []byte) (int, error) {
	if p != nil {
		return c.wire.tryRead(p)
	}
	b := getBuffer(smallBuffer)
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
	c.rd.buf, c.rd.pos = b, 0
	return len(b.b)
}

// inside reports whether a frame or message has begun and not ended.
func (c *Conn) inside() bool {
	return c.rd.in.InFrame() || c.rd.in.InMessage() || c.rd.buf != nil
}

// fill waits for more bytes behind the buffered ones. The buffer has room for the
// longest header and the longest control payload, and never needs more.
func (c *Conn) fill(ctx context.Context) error {
	rd := &c.rd
	if rd.buf == nil {
		_, err := c.pull(ctx, nil)
		return err
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
	if rd.buf == nil {
		return
	}
	rd.pos += n
	if rd.pos == len(rd.buf.b) {
		rd.release()
	}
}

func (rd *reader) release() {
	putBuffer(rd.buf)
	rd.buf, rd.pos = nil, 0
}

// take starts with bytes that came behind the handshake.
func (rd *reader) take(p []byte) {
	if len(p) > 0 {
		rd.buf = reserve(nil, max(len(p), smallBuffer))
		rd.buf.b = append(rd.buf.b, p...)
	}
}
