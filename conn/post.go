package conn

import "github.com/tidewire/websocket/frame"

// Post queues a message and never waits: what the socket takes at once is sent,
// the rest follows in the background. With no room left in Options.QueueBytes it
// returns ErrQueueFull, and the connection goes on. A message posted behind an
// open Writer is sent after the Writer's last frame; if our Close cuts the Writer
// in mid-message, it is dropped. p is copied.
//
// Text must be UTF-8, as for [Conn.Write]. Safe for concurrent use.
func (c *Conn) Post(t MessageType, p []byte) error {
	op, err := c.judgeOutgoing(t, p)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if err := c.judgePost(len(p) + frame.MaxHeaderLen); err != nil {
		c.mu.Unlock()
		return err
	}
	if c.wr.message.held {
		c.postLater(op, append([]byte(nil), p...))
	} else {
		c.commit(op, true, p)
	}
	c.offer()
	return nil
}

// PostPrepared is [Conn.Post] for prepared messages: it queues all of them or none.
func (c *Conn) PostPrepared(ms ...*Prepared) error {
	n := 0
	for _, m := range ms {
		n += len(m.p) + frame.MaxHeaderLen
	}
	c.mu.Lock()
	if err := c.judgePost(n); err != nil {
		c.mu.Unlock()
		return err
	}
	for _, m := range ms {
		if c.wr.message.held {
			c.postLater(m.op, m.p)
		} else {
			c.commitPrepared(m)
		}
	}
	c.offer()
	return nil
}

// judgePost says whether n more bytes may be queued. mu is held.
func (c *Conn) judgePost(n int) error {
	switch {
	case c.wr.err != nil:
		return c.wr.err
	case c.opt.queueBytes > 0 && c.wr.queued()+n > c.opt.queueBytes:
		return ErrQueueFull
	}
	return nil
}

// postLater queues a message behind the one that holds the message turn. mu is
// held.
func (c *Conn) postLater(op frame.Opcode, p []byte) {
	c.wr.later = append(c.wr.later, posted{op: op, p: p})
	c.wr.laterN += len(p) + frame.MaxHeaderLen
}
