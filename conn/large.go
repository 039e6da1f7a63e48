package conn

import (
	"context"

	"github.com/tidewire/websocket/frame"
)

// writeLarge sends a message from where it lies: in the caller's own memory, if it
// is not compressed. mu and the message turn are held; both are given back.
func (c *Conn) writeLarge(ctx context.Context, m *body) error {
	w := &c.wr
	for w.busy && c.writeErr() == nil && c.awaitChange(ctx) {
	}
	if w.busy || c.writeErr() != nil {
		err := c.unwritten(ctx)
		c.unsend(m)
		c.endMessage()
		c.offer()
		return err
	}
	const final = true
	h := c.dataHeader(m, final)
	c.addSpare()
	before := w.committed()
	c.put(&h, nil)
	c.stats.bytesOut += int64(m.size)
	c.stats.wireOut += int64(len(m.p))
	b := c.takeOut()
	c.mu.Unlock()

	n, err := c.sendLarge(ctx, b.b, m.p, &h)
	if err == errInterrupted && n <= before && c.wire.resumes() {
		c.takeBack(b, before, n, m)
		return canceled("write", ctx.Err())
	}
	if err != nil {
		return c.writeFailed(ctx, err)
	}
	putBuffer(b)
	c.mu.Lock()
	c.learn(m)
	c.endMessage()
	c.mu.Unlock()
	c.letGo()
	return nil
}

// sendLarge sends head and then p, masked if h says so.
func (c *Conn) sendLarge(ctx context.Context, head, p []byte, h *frame.Header) (int, error) {
	if !h.Masked && c.wire.tries() {
		return c.waitWrite(ctx, head, p)
	}
	chunk := getBuffer(bigBuffer)
	defer putBuffer(chunk)
	chunk.b = append(chunk.b, head...)
	sent, pos := 0, 0
	for {
		k := min(len(p), cap(chunk.b)-len(chunk.b))
		if h.Masked {
			chunk.b, pos = appendMasked(chunk.b, p[:k], h.Key, pos)
		} else {
			chunk.b = append(chunk.b, p[:k]...)
		}
		n, err := c.writeOut(ctx, chunk.b)
		sent += n
		if p = p[k:]; err != nil || len(p) == 0 {
			return sent, err
		}
		chunk.b = chunk.b[:0]
	}
}

// takeBack gives up a large message that was canceled before its first byte was
// sent: b holds its header behind the frames of others, of which n bytes are sent.
func (c *Conn) takeBack(b *buffer, before, n int, m *body) {
	c.mu.Lock()
	c.stats.framesOut--
	c.stats.bytesOut -= int64(m.size)
	c.stats.wireOut -= int64(len(b.b) - before + len(m.p))
	c.unsend(m)
	c.endMessage()
	c.mu.Unlock()
	b.b = b.b[:before]
	go c.flusher(b, n)
}
