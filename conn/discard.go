package conn

import "context"

// Discard reads and drops messages until the connection ends, and returns that
// end as Read would. It is for a connection that only sends: pings are answered,
// a Close is seen, and what the peer sends costs no memory. A context that ends
// stops the call alone.
func (c *Conn) Discard(ctx context.Context) error {
	if err := c.lockRead(ctx); err != nil {
		return err
	}
	err := c.discard(ctx)
	c.unlockRead(ctx)
	if err == errTakenOver {
		err = c.outcome(ctx)
	}
	return err
}

// discard drops message after message. It returns only with an error.
func (c *Conn) discard(ctx context.Context) error {
	c.leaveStream()
	for {
		c.rd.drop, c.rd.kept = true, nil
		if err := c.skip(ctx); err != nil {
			// A message that has not begun is nobody's to drop.
			c.rd.drop = c.rd.in.InMessage()
			return err
		}
	}
}

// skip drops the rest of a message that was abandoned.
func (c *Conn) skip(ctx context.Context) error {
	for c.rd.drop {
		if err := c.advance(ctx); err != nil {
			return err
		}
		if err := c.skipFrame(ctx); err != nil {
			return err
		}
		whole, err := c.rd.in.End()
		if err != nil {
			return c.fail(err)
		}
		if whole {
			c.rd.drop = false
			c.rd.resetMessage()
			c.stats.messagesIn.Add(1)
		}
	}
	return nil
}

func (c *Conn) skipFrame(ctx context.Context) error {
	if c.rd.in.Compressed() {
		return c.skipPacked(ctx)
	}
	return c.skipPlain(ctx)
}

func (c *Conn) skipPlain(ctx context.Context) error {
	for c.rd.in.Left() > 0 {
		p := c.rd.buffered()
		if len(p) == 0 {
			if err := c.fill(ctx); err != nil {
				return err
			}
			continue
		}
		p = p[:min(int64(len(p)), c.rd.in.Left())]
		if err := c.rd.in.Payload(p); err != nil {
			return c.fail(err)
		}
		c.rd.consume(len(p))
	}
	return nil
}
