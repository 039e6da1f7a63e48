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
		for {
			m := message{lend: true}
			t, err := c.readMessage(ctx, &m)
			if err != nil {
				if !IsNormal(err) {
					yield(Message{}, err)
				}
				return
			}
			goOn := yield(Message{Type: t, Data: m.b}, nil)
			m.giveBack()
			if !goOn {
				return
			}
		}
	}
}

// giveBack ends the lending of a message.
func (m *message) giveBack() {
	if m.pooled == nil {
		poison(m.b)
	}
	m.free()
}
