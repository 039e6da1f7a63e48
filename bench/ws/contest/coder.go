package contest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// coderContestant reads into pooled buffers. Text is checked by the program, to which the
// package leaves that.
func coderContestant() *Contestant {
	return &Contestant{
		Name:        "coder",
		Uses:        "Reader into a pooled buffer, Write, without a read limit; utf8.Valid for text",
		HTTP:        func(j *Job) http.Handler { return newCoder(j) },
		Compression: Takeover,
	}
}

type coderServer struct {
	job     *Job
	options websocket.AcceptOptions
	buffers sync.Pool
}

func newCoder(j *Job) *coderServer {
	s := &coderServer{job: j, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	switch {
	case j.Flate && j.Takeover:
		s.options.CompressionMode = websocket.CompressionContextTakeover
	case j.Flate:
		s.options.CompressionMode = websocket.CompressionNoContextTakeover
	}
	s.options.CompressionThreshold = 1 // all messages, as the others do
	return s
}

func (s *coderServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &s.options)
	switch {
	case err != nil:
		return
	case s.job.Handshake:
		c.CloseNow()
		return
	}
	c.SetReadLimit(-1)
	s.job.Join(coderPeer{c})
	go s.serve(c) // so as not to keep what net/http has
}

func (s *coderServer) serve(c *websocket.Conn) {
	defer c.CloseNow()
	for {
		if err := s.echo(c); err != nil {
			return
		}
	}
}

func (s *coderServer) echo(c *websocket.Conn) error {
	ctx := context.Background()
	t, r, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	b := s.buffers.Get().(*bytes.Buffer)
	defer s.buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	if t == websocket.MessageText && s.job.Text && !utf8.Valid(b.Bytes()) {
		return errNotText
	}
	s.job.Work()
	return c.Write(ctx, t, b.Bytes())
}

type coderPeer struct{ c *websocket.Conn }

func (p coderPeer) Write(m []byte) error {
	return p.c.Write(context.Background(), websocket.MessageBinary, m)
}

func (p coderPeer) Deliver(prepared any) error {
	m, ok := prepared.([]byte)
	if !ok {
		return errors.New("not a message")
	}
	return p.Write(m)
}
