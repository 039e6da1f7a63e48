package contest

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"unicode/utf8"
)

// streamed is a connection of a library that gives a message as an io.Reader, and leaves it
// to the program to check that text is UTF-8.
type streamed interface {
	Peer
	next() (message io.Reader, text bool, err error)
	answer(p []byte, text bool) error
	end()
}

// serveStreamed does with a connection what the job says. It does not wait for it.
func (j *Job) serveStreamed(c streamed) {
	if j.Handshake {
		c.end()
		return
	}
	j.Join(c)
	go func() { // so as not to keep what net/http has
		defer c.end()
		for j.echoStreamed(c) == nil {
		}
	}()
}

var streamBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (j *Job) echoStreamed(c streamed) error {
	r, text, err := c.next()
	if err != nil {
		return err
	}
	b := streamBuffers.Get().(*bytes.Buffer)
	defer streamBuffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	if text && j.Text && !utf8.Valid(b.Bytes()) {
		return errNotText
	}
	j.Work()
	return c.answer(b.Bytes(), text)
}

var errNotText = errors.New("text is not UTF-8")
