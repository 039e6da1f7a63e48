package conn

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A mailbox is a Receiver that keeps what it is given, for a test to take out in
// order, and watches over what a Receiver is promised.
type mailbox struct {
	mu    sync.Mutex
	news  sync.Cond // something was put in
	in    []letter
	last  *letter // of Closed
	busy  bool    // a call runs
	wrong error   // promise that was broken first
}

// A letter is a message, or, with an error, what Closed was told.
type letter struct {
	typ  MessageType
	text string
	err  error
}

var (
	errOverlap = errors.New("calls of one Receiver overlap")
	errBehind  = errors.New("a Receiver is called behind Closed")
)

func newMailbox() *mailbox {
	b := &mailbox{}
	b.news.L = &b.mu
	return b
}

// mailboxOn has c served by a new mailbox.
func mailboxOn(c *Conn) *mailbox {
	b := newMailbox()
	if err := c.Serve(b); err != nil {
		panic(err)
	}
	return b
}

func (b *mailbox) Message(_ *Conn, m Message) {
	b.enter()
	b.put(letter{m.Type, string(m.Data), nil})
}

func (b *mailbox) Closed(_ *Conn, err error) {
	b.enter()
	b.put(letter{err: err})
}

// enter begins a call, which put ends.
func (b *mailbox) enter() {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.busy:
		b.wrong = errOverlap
	case b.last != nil:
		b.wrong = errBehind
	}
	b.busy = true
}

func (b *mailbox) put(l letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = false
	if l.err != nil {
		b.last = &l
	} else {
		b.in = append(b.in, l)
	}
	b.news.Broadcast()
}

// next waits for the next letter and takes it out. The one of Closed stays.
func (b *mailbox) next() letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case b.wrong != nil:
			return letter{err: b.wrong}
		case len(b.in) > 0:
			l := b.in[0]
			b.in = b.in[1:]
			return l
		case b.last != nil:
			return *b.last
		}
		b.news.Wait()
	}
}

// listenServed is listen for a Receiver.
func listenServed(_ context.Context, c *Conn) (h heard) {
	b := mailboxOn(c)
	for {
		l := b.next()
		if l.err != nil {
			h.end = endOf(l.err)
			return h
		}
		h.got = append(h.got, fmt.Sprintf("%v %q", l.typ, l.text))
	}
}

// mailboxes has the mailbox of a connection that serveCall serves.
var mailboxes sync.Map

// serveCall is Serve as one more readCall, for tests in which no context ends: the
// first call serves the connection, each takes a letter.
var serveCall = readCall{"Serve", func(_ context.Context, c *Conn) (string, bool, error) {
	box, again := mailboxes.LoadOrStore(c, newMailbox())
	b := box.(*mailbox)
	if !again && c.Serve(b) != nil {
		mailboxes.Delete(c)
		return "", false, c.readErr() // Closed was told before
	}
	l := b.next()
	if l.err != nil {
		mailboxes.Delete(c)
	}
	return l.text, l.err == nil, l.err
}}

// everyDataCall is dataCalls and Serve, which cannot be canceled.
func everyDataCall() []readCall { return append(dataCalls()[:5:5], serveCall) }

// everyDelivery is everyDataCall but for Discard, which delivers nothing.
func everyDelivery() []readCall { return append(dataCalls()[:4:4], serveCall) }
