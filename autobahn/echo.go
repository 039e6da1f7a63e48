package autobahn

import (
	"context"

	"github.com/tidewire/websocket"
)

// maxMessage is the largest message that the suite sends, in bytes.
const maxMessage = 16 << 20

// Options are the connection options of both endpoints: the defaults, but for
// messages as large as the suite's largest, and for compression of every message, as
// much as the suite agrees to.
func Options() *websocket.Options {
	return &websocket.Options{
		ReadLimit: maxMessage,
		Compression: &websocket.Compression{
			Takeover:       true,
			Threshold:      -1,
			WindowBits:     15,
			PeerWindowBits: 15,
		},
	}
}

// Echo answers every message of c with itself until the connection ends, and
// returns what ended it.
func Echo(ctx context.Context, c *websocket.Conn) error {
	var buf []byte
	for {
		t, p, err := c.ReadAppend(ctx, buf[:0])
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, p); err != nil {
			return err
		}
		buf = p
	}
}

// Echoer is Echo for connections that are served.
type Echoer struct{}

// Message answers m with itself. An error of Write is that of the connection, which
// Closed is told.
func (Echoer) Message(c *websocket.Conn, m websocket.Message) {
	c.Write(context.Background(), m.Type, m.Data)
}

// Closed forgets how the connection ended: that is the suite's to judge.
func (Echoer) Closed(*websocket.Conn, error) {}
