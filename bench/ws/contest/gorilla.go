package contest

import (
	"bytes"
	"errors"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// gorillaContestant reads into pooled buffers, and shares its write buffers among the
// connections, as the package's documentation advises for many of them. Text is checked
// by the program, to which the package leaves that.
func gorillaContestant() *Contestant {
	return &Contestant{
		Name: "gorilla",
		Uses: "NextReader into a pooled buffer, WriteMessage, WriteBufferPool; utf8.Valid for text; PreparedMessage",
		HTTP: func(j *Job) http.Handler { return newGorilla(j) },
		Prepare: func(p []byte) (any, error) {
			return websocket.NewPreparedMessage(websocket.BinaryMessage, p)
		},
		Compression: Alone,
	}
}

type gorillaServer struct {
	job      *Job
	upgrader websocket.Upgrader
	buffers  sync.Pool
}

func newGorilla(j *Job) *gorillaServer {
	s := &gorillaServer{job: j, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	s.upgrader = websocket.Upgrader{WriteBufferPool: &sync.Pool{}, EnableCompression: j.Flate}
	if j.Lean {
		s.upgrader.ReadBufferSize = 1024 // the size of the package's examples
	}
	return s
}

func (s *gorillaServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := s.upgrader.Upgrade(w, r, nil)
	switch {
	case err != nil:
		return
	case s.job.Handshake:
		c.Close()
		return
	}
	s.job.Join(&gorillaPeer{c: c})
	go s.serve(c) // so as not to keep what net/http has
}

func (s *gorillaServer) serve(c *websocket.Conn) {
	defer c.Close()
	for {
		if err := s.echo(c); err != nil {
			return
		}
	}
}

func (s *gorillaServer) echo(c *websocket.Conn) error {
	t, r, err := c.NextReader()
	if err != nil {
		return err
	}
	b := s.buffers.Get().(*bytes.Buffer)
	defer s.buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	if t == websocket.TextMessage && s.job.Text && !utf8.Valid(b.Bytes()) {
		return errNotText
	}
	s.job.Work()
	return c.WriteMessage(t, b.Bytes())
}

var errNotText = errors.New("text is not UTF-8")

// A gorillaPeer has one writer at a time, as the package demands.
type gorillaPeer struct {
	mu sync.Mutex
	c  *websocket.Conn
}

func (p *gorillaPeer) Write(m []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.c.WriteMessage(websocket.BinaryMessage, m)
}

func (p *gorillaPeer) Deliver(prepared any) error {
	m, ok := prepared.(*websocket.PreparedMessage)
	if !ok {
		return errors.New("not prepared")
	}
	return p.c.WritePreparedMessage(m)
}
