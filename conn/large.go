package conn

import (
	"context"

	"github.com/tidewire/websocket/frame"
)

// writeLarge sends a message from the caller's own memory. mu and the message turn
// are held; both are given back.
func (c *Conn) writeLarge(ctx context.Context, op frame.Opcode, p []byte) error {
	w := &c.wr
	for w.busy && w.err == nil && c.awaitChange(ctx) {
	}
	if w.busy || w.err != nil {
		err := c.unwritten(ctx)
		c.endMessage()
		c.offer()
		return err
	}
	h, err := w.send.Data(op, true, len(p))
	if err != nil {
		panic("websocket: internal error: data behind a Close")
	}
	c.addSpare()
	before := w.committed()
	c.put(&h, nil)
	c.stats.bytesOut += int64(len(p))
	c.stats.wireOut += int64(len(p))
	b := c.takeOut()
	c.mu.Unlock()

	n, err := c.sendLarge(ctx, b.b, p, &h)
	if err == errInterrupted && n <= before && c.wire.resumes() {
		c.takeBack(b, before, n, len(p))
		return canceled("write", ctx.Err())
	}
	if err != nil {
		return c.writeFailed(ctx, err)
	}
	putBuffer(b)
	c.mu.Lock()
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

// takeBack gives up a large message of size bytes that was canceled before its
// first byte was sent: b holds its header behind the frames of others, of which n
// bytes are sent.
func (c *Conn) takeBack(b *buffer, before, n, size int) {
	c.mu.Lock()
	c.stats.framesOut--
	c.stats.bytesOut -= int64(size)
	c.stats.wireOut -= int64(len(b.b) - before + size)
	c.endMessage()
	c.mu.Unlock()
	b.b = b.b[:before]
	go c.flusher(b, n)
}
