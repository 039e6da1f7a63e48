package contest

import (
	"context"
	"io"
	"net/http"

	"github.com/coder/websocket"
)

// coderContestant reads into pooled buffers.
func coderContestant() *Contestant {
	return &Contestant{
		Name: "coder",
		Uses: "Reader into a pooled buffer, Write, without a read limit; utf8.Valid for text",
		HTTP: func(j *Job) http.Handler {
			options := coderOptions(j)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c, err := websocket.Accept(w, r, options); err == nil {
					c.SetReadLimit(-1)
					j.serveStreamed(coderConn{c})
				}
			})
		},
		Compression: Takeover,
	}
}

func coderOptions(j *Job) *websocket.AcceptOptions {
	o := &websocket.AcceptOptions{CompressionThreshold: 1} // all messages, as the others do
	switch {
	case j.Flate && j.Takeover:
		o.CompressionMode = websocket.CompressionContextTakeover
	case j.Flate:
		o.CompressionMode = websocket.CompressionNoContextTakeover
	}
	return o
}

type coderConn struct{ c *websocket.Conn }

func (p coderConn) next() (io.Reader, bool, error) {
	t, r, err := p.c.Reader(context.Background())
	return r, t == websocket.MessageText, err
}

func (p coderConn) answer(m []byte, text bool) error {
	if text {
		return p.c.Write(context.Background(), websocket.MessageText, m)
	}
	return p.Write(m)
}

func (p coderConn) end() { p.c.CloseNow() }

func (p coderConn) Write(m []byte) error {
	return p.c.Write(context.Background(), websocket.MessageBinary, m)
}

func (p coderConn) Deliver(prepared any) error { return writeBytes(p, prepared) }
