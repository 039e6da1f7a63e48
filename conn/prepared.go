package conn

import (
	"context"

	"github.com/tidewire/websocket/frame"
)

// Prepared is a message made once to be sent to many connections. It does not
// change and may be used by any number of them at the same time.
type Prepared struct {
	op    frame.Opcode
	p     []byte // the payload
	frame []byte // header and payload as a server sends them; p is its end
}

// Prepare makes a message of a copy of p. Text that is not UTF-8 is refused
// (RFC 6455, section 8.1); it is not checked again.
func Prepare(t MessageType, p []byte) (*Prepared, error) {
	op, err := t.opcode()
	if err == nil && op == frame.Text {
		err = judgeText(p)
	}
	if err != nil {
		return nil, err
	}
	h := frame.Header{Fin: true, Opcode: op, Length: int64(len(p))}
	b := make([]byte, 0, h.Len()+len(p))
	b = append(h.Append(b), p...)
	return &Prepared{op: op, p: b[h.Len():], frame: b}, nil
}

// WritePrepared sends messages, many in one system call. It does not keep ms. The
// context, errors and concurrency are those of [Conn.Write]; if it fails, the
// first few of the messages may have been sent.
func (c *Conn) WritePrepared(ctx context.Context, ms ...*Prepared) error {
	c.mu.Lock()
	if err := c.wr.err; err != nil {
		c.mu.Unlock()
		return err
	}
	for _, m := range ms {
		if err := c.flushBeforeWait(ctx); err != nil {
			return err
		}
		if err := c.beginMessage(ctx); err != nil {
			c.offer()
			return err
		}
		if len(m.p) > copyMax {
			if err := c.writeLarge(ctx, m.op, m.p); err != nil {
				return err
			}
			c.mu.Lock()
			continue
		}
		c.commitPrepared(m)
		c.endMessage()
	}
	return c.flush(ctx)
}

// flushBeforeWait sends what is committed if the next message will have to wait:
// nobody may wait on bytes that nobody is sending. mu is held, and held again at
// a return without an error.
func (c *Conn) flushBeforeWait(ctx context.Context) error {
	w := &c.wr
	if !w.message.held && w.committed() < highWater {
		return nil
	}
	if err := c.flush(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	return nil
}

// commitPrepared commits a message whose frame, for a server, is made already. mu
// and the message turn are held.
func (c *Conn) commitPrepared(m *Prepared) {
	if c.role == Client {
		c.commit(m.op, true, m.p)
		return
	}
	const final = true
	if _, err := c.wr.send.Data(m.op, final, len(m.p)); err != nil {
		panic("websocket: internal error: data behind a Close")
	}
	c.wr.out = reserve(c.wr.out, len(m.frame))
	c.wr.out.b = append(c.wr.out.b, m.frame...)
	c.stats.framesOut++
	c.stats.bytesOut += int64(len(m.p))
	c.stats.wireOut += int64(len(m.frame))
}
