package contest

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// gorillaContestant reads into pooled buffers, and shares its write buffers among the
// connections, as the package's documentation advises for many of them.
func gorillaContestant() *Contestant {
	return &Contestant{
		Name: "gorilla",
		Uses: "NextReader into a pooled buffer, WriteMessage, WriteBufferPool; utf8.Valid for text; PreparedMessage",
		HTTP: func(j *Job) http.Handler {
			u := gorillaUpgrader(j)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c, err := u.Upgrade(w, r, nil); err == nil {
					j.serveStreamed(&gorillaConn{c: c})
				}
			})
		},
		Prepare: func(p []byte) (any, error) {
			return websocket.NewPreparedMessage(websocket.BinaryMessage, p)
		},
		Compression: Alone,
	}
}

func gorillaUpgrader(j *Job) *websocket.Upgrader {
	u := &websocket.Upgrader{WriteBufferPool: &sync.Pool{}, EnableCompression: j.Flate}
	if j.Lean {
		u.ReadBufferSize = 1024 // the size of the package's examples
	}
	return u
}

// A gorillaConn has one writer at a time, as the package demands: an echo has no other, a
// Peer may have.
type gorillaConn struct {
	mu sync.Mutex
	c  *websocket.Conn
}

func (p *gorillaConn) next() (io.Reader, bool, error) {
	t, r, err := p.c.NextReader()
	return r, t == websocket.TextMessage, err
}

func (p *gorillaConn) answer(m []byte, text bool) error {
	if text {
		return p.c.WriteMessage(websocket.TextMessage, m)
	}
	return p.c.WriteMessage(websocket.BinaryMessage, m)
}

func (p *gorillaConn) end() { p.c.Close() }

func (p *gorillaConn) Write(m []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.c.WriteMessage(websocket.BinaryMessage, m)
}

func (p *gorillaConn) Deliver(prepared any) error {
	m, ok := prepared.(*websocket.PreparedMessage)
	if !ok {
		return errors.New("not prepared")
	}
	return p.c.WritePreparedMessage(m)
}
