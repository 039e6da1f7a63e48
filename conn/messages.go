package conn

import (
	"context"
	"iter"
)

// Messages returns an iterator over the messages to come:
//
//	for m, err := range c.Messages(ctx) {
//		if err != nil {
//			return err
//		}
//		...
//	}
//
// Data is lent: it is valid until the next step of the loop, and is never memory
// that the connection reads into meanwhile. The loop ends silently on a normal end
// (see [IsNormal]); any other end, and a context that ends, is its last step, with
// an error. The read turn is free inside the body, so every method may be called
// there. Limits and errors are those of [Conn.Read].
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		m := message{lend: true}
		for {
			t, err := c.readMessage(ctx, &m)
			if err != nil {
				if !IsNormal(err) {
					yield(Message{}, err)
				}
				return
			}
			goOn := yield(Message{Type: t, Data: m.b}, nil)
			m.giveBack(goOn && c.more.Load())
			if !goOn {
				return
			}
		}
	}
}

// giveBack ends the lending of a message. again says that the next one has come
// already: then its memory stays at hand.
func (m *message) giveBack(again bool) {
	if again && m.pooled != nil && !m.inside && cap(m.b) <= bigBuffer {
		poison(m.b)
		m.b = m.b[:0]
		return
	}
	if m.pooled == nil || m.inside {
		poison(m.b)
	}
	m.free()
	m.b = nil
}
