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
	var m outgoing
	if err := c.judgeOutgoing(&m, t, p); err != nil {
		return err
	}
	c.mu.Lock()
	if err := c.judgePost(len(p) + frame.MaxHeaderLen); err != nil {
		c.mu.Unlock()
		return err
	}
	var err error
	if c.wr.message.held() {
		m.p = append([]byte(nil), p...)
		c.postLater(m, len(p))
	} else {
		err = c.postNow(m)
	}
	c.offerData()
	return err
}

// postNow commits a message while nobody has the message turn. mu is held, and
// released while the message is compressed; then writing may end.
func (c *Conn) postNow(m outgoing) error {
	c.wr.message.take()
	d := c.wr.deflater()
	if d != nil {
		d.packing = len(m.p) + frame.MaxHeaderLen
	}
	b, packed := c.compose(m)
	defer putBuffer(packed)
	if d != nil {
		d.packing = 0
	}
	err := c.writeErr()
	if err == nil {
		const final = true
		c.commit(&b, final)
	}
	c.endMessage()
	return err
}

// PostPrepared is [Conn.Post] for prepared messages: it queues all of them or none.
func (c *Conn) PostPrepared(ms ...*Prepared) error {
	n := 0
	for _, m := range ms {
		b := m.body(c.wr.deflater()) // compressed now, if nobody did it before, and not under mu
		n += len(b.p) + frame.MaxHeaderLen
	}
	c.mu.Lock()
	if err := c.judgePost(n); err != nil {
		c.mu.Unlock()
		return err
	}
	const final = true
	for _, m := range ms {
		b := m.body(c.wr.deflater())
		if c.wr.message.held() {
			c.postLater(outgoing{prepared: m}, len(b.p))
		} else {
			c.commit(&b, final)
		}
	}
	c.offerData()
	return nil
}

// judgePost says whether n more bytes may be queued. mu is held.
func (c *Conn) judgePost(n int) error {
	switch {
	case c.writeErr() != nil:
		return c.writeErr()
	case c.opt.queueBytes() > 0 && c.wr.queued()+n > c.opt.queueBytes():
		return ErrQueueFull
	}
	return nil
}

// postLater queues a message of n bytes behind the one that holds the message turn.
// mu is held.
func (c *Conn) postLater(m outgoing, n int) {
	r := c.wr.needRare()
	r.later = append(r.later, m)
	r.laterN += n + frame.MaxHeaderLen
}
