package conn

import (
	"bytes"
	"context"
	"net"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// receiver calls functions.
type receiver struct {
	message func(c *Conn, m Message)
	closed  func(c *Conn, err error)
}

func (r *receiver) Message(c *Conn, m Message) { r.message(c, m) }
func (r *receiver) Closed(c *Conn, err error)  { r.closed(c, err) }

func TestServeEchoes(t *testing.T) {
	for _, keep := range []bool{false, true} {
		near, far := loopback(t)
		o := quiet()
		o.KeepNetConn = keep
		c := New(near, Setup{Role: Server}, o)
		over := make(chan error, 1)
		err := c.Serve(&receiver{
			message: func(c *Conn, m Message) {
				if err := c.Write(context.Background(), m.Type, m.Data); err != nil {
					t.Error(err)
				}
			},
			closed: func(c *Conn, err error) { over <- err },
		})
		if err != nil {
			t.Fatal(err)
		}
		d := New(far, Setup{Role: Client}, quiet())
		for n := 0; n < 300_000; n = n*2 + 1 {
			p := bytes.Repeat([]byte{'x'}, n)
			if err := d.Write(t.Context(), Text, p); err != nil {
				t.Fatal(err)
			}
			if _, q, err := d.Read(t.Context()); err != nil || !bytes.Equal(p, q) {
				t.Fatal(n, len(q), err)
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := <-over; !IsNormal(err) {
			t.Error(err)
		}
	}
	_ = net.ErrClosed
	_ = frame.Text
}
