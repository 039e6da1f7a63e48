package wiretest

// What a test may ask of an end and do to it, beyond net.Conn.

// Stall stops or starts the delivery to this end: while stalled, its Reads give neither bytes nor io.EOF, so that the peer's Writes
// fill the pipe and then wait. Deadlines, Close and a reset still end a Read.
func (c *Conn) Stall(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.stalled = on
	c.in.changed.Broadcast()
}

// Buffered is the number of bytes that the peer has sent and this end has not read.
func (c *Conn) Buffered() int { return locked(c, func() int { return c.in.ring.n }) }

// Reads is the number of Read calls so far, a waiting one included.
func (c *Conn) Reads() int { return locked(c, func() int { return c.counts.reads }) }

// Writes is the number of Write calls so far, a waiting one included.
func (c *Conn) Writes() int { return locked(c, func() int { return c.counts.writes }) }

// Deadlines is the number of calls that set a deadline.
func (c *Conn) Deadlines() int { return locked(c, func() int { return c.counts.deadlines }) }

// BytesRead is the number of bytes that Read has returned.
func (c *Conn) BytesRead() int64 { return locked(c, func() int64 { return c.counts.bytesRead }) }

// BytesWritten is the number of bytes that finished Writes have put into the pipe.
func (c *Conn) BytesWritten() int64 { return locked(c, func() int64 { return c.counts.bytesWritten }) }

// Closed reports whether Close was called at this end.
func (c *Conn) Closed() bool { return locked(c, func() bool { return c.closed }) }

func locked[T any](c *Conn, ask func() T) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ask()
}
