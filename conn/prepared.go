package conn

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
)

// Prepared is a message made once to be sent to many connections. It does not
// change and may be used by any number of them at the same time.
//
// It is compressed when a connection that compresses needs it first, once for each
// size of window that connections have agreed on, at the level of that connection.
// It refers to no message before it, also where there is context takeover.
type Prepared struct {
	op    frame.Opcode
	plain bool
	p     []byte // the payload
	frame []byte // header and payload as a server sends them; p is its end

	packed atomic.Pointer[packedForms] // nil until one is needed
}

// packedForms are the compressed forms of a message, one for each window.
type packedForms [maxWindowBits + 1]struct {
	once  sync.Once
	frame []byte // as a server sends it; nil: it would not be smaller
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
	return &Prepared{op: op, plain: t.isPlain(), p: b[h.Len():], frame: b}, nil
}

// body is what a connection with d, which may be nil, sends of m.
func (m *Prepared) body(d *deflater) body {
	if d.wants(m.plain, len(m.p)) {
		if packed := m.pack(d); packed != nil {
			b := body{op: m.op, p: payloadOf(packed), size: len(m.p), packed: true, frame: packed}
			if d.takeover {
				b.learn = m.p
			}
			return b
		}
	}
	return body{op: m.op, p: m.p, size: len(m.p), frame: m.frame}
}

// pack is the compressed form for the window of d, as a frame; nil if there is none.
func (m *Prepared) pack(d *deflater) []byte {
	if m.packed.Load() == nil {
		m.packed.CompareAndSwap(nil, new(packedForms))
	}
	form := &m.packed.Load()[d.bits]
	form.once.Do(func() {
		const takeover = false
		p := deflate.NewCompressor(d.bits, takeover, d.level).Append(nil, m.p)
		if len(p) < len(m.p) {
			h := frame.Header{Fin: true, RSV1: true, Opcode: m.op, Length: int64(len(p))}
			form.frame = append(h.Append(make([]byte, 0, h.Len()+len(p))), p...)
		}
	})
	return form.frame
}

// payloadOf is the payload of a server's frame.
func payloadOf(b []byte) []byte { return b[frame.HeaderLen(b[1]):] }

// WritePrepared sends messages, many in one system call. It does not keep ms. The
// context, errors and concurrency are those of [Conn.Write]; if it fails, the
// first few of the messages may have been sent.
func (c *Conn) WritePrepared(ctx context.Context, ms ...*Prepared) error {
	for _, m := range ms {
		m.body(c.wr.deflater()) // compressed now, if nobody did it before, and not under mu
	}
	c.mu.Lock()
	if err := c.writeErr(); err != nil {
		c.mu.Unlock()
		return err
	}
	for _, m := range ms {
		b := m.body(c.wr.deflater())
		if err := c.flushBeforeWait(ctx); err != nil {
			return err
		}
		if err := c.beginMessage(ctx); err != nil {
			c.offer()
			return err
		}
		if len(b.p) > copyMax {
			if err := c.writeLarge(ctx, &b); err != nil {
				return err
			}
			c.mu.Lock()
			continue
		}
		const final = true
		c.commit(&b, final)
		c.endMessage()
	}
	return c.flush(ctx)
}

// flushBeforeWait sends what is committed if the next message will have to wait:
// nobody may wait on bytes that nobody is sending. mu is held, and held again at
// a return without an error.
func (c *Conn) flushBeforeWait(ctx context.Context) error {
	w := &c.wr
	if !w.message.held() && w.committed() < highWater {
		return nil
	}
	if err := c.flushNow(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	return nil
}
