package conn

import (
	"context"
	"errors"
	"log"
	"runtime/debug"
	"sync/atomic"

	"github.com/tidewire/websocket/frame"
)

// Receiver gets the messages of a connection that is served. One value may serve
// many connections; what belongs to one of them lives in a Receiver of its own.
//
// The calls for one connection never overlap and come in order, those for
// different connections run at the same time.
type Receiver interface {
	// Message is called for each message. m.Data is lent: it is valid until Message
	// returns. The read turn is free meanwhile, so every method may be called, Close
	// and Ping too; the next message waits until Message returns.
	Message(c *Conn, m Message)

	// Closed is called once, last, with what Read would return: see [IsNormal].
	Closed(c *Conn, err error)
}

// ErrServing is the error of read calls on a connection that is served, and of
// serving it twice.
var ErrServing = errors.New("websocket: connection is served: its messages go to its Receiver")

// Serve has r called for every message from here on, and returns at once. All other
// methods keep their meaning; the read calls return ErrServing.
//
// On Linux a TCP connection that is served has no goroutine and no buffer while it
// waits, unless Options.KeepNetConn is set: one goroutine calls the handlers of all
// that something has come for, and when one of them runs for longer than a
// millisecond, another goroutine goes on with the rest. So a handler may wait.
// Everywhere else each served connection has a goroutine of its own.
//
// Limits, answers to control frames, keepalive and errors are those of
// [Conn.Messages]. A panic in r is logged and closes the connection with 1011.
func (c *Conn) Serve(r Receiver) error {
	if r == nil {
		return errNoReceiver
	}
	if !c.serving.state.CompareAndSwap(0, served|serveBusy) {
		return ErrServing
	}
	c.receiver = r
	told, fresh := c.wire.tellEdges(c)
	if !fresh || !c.restFresh() {
		go c.beginServing(told)
	}
	return nil
}

// restFresh has a connection wait that a poller has just begun to watch, and will call
// the Receiver for. It reports false if it would not: something has been read, or has
// ended, before.
func (c *Conn) restFresh() bool {
	if !c.readTurn.take() {
		return false
	}
	fresh := c.rd == nil && c.readErr() == nil && !c.discarding()
	if fresh {
		c.frugal = true
		c.beginTicks()
		c.readTurn.waiting.Store(betweenMessages)
	}
	c.readTurn.release(&c.mu)
	if fresh && !c.serving.rest() {
		go c.serveOn(true)
	}
	return fresh
}

// beginServing hands out what has come already.
func (c *Conn) beginServing(polled bool) {
	c.readTurn.acquire(&c.mu, nil)
	c.frugal = polled
	c.readTurn.release(&c.mu)
	c.serveOn(true)
}

var errNoReceiver = errors.New("websocket: Serve without a Receiver")

// Serving reports whether Serve was called.
func (c *Conn) Serving() bool { return c.serving.state.Load() != 0 }

// serving is who runs serveOn. Its bits are below.
type serving struct{ state atomic.Uint32 }

// The bits of serving.state.
const (
	served     = 1 << iota // Serve was called
	serveBusy              // somebody runs serveOn, and nobody else may
	serveAgain             // something has come meanwhile
	serveOver              // Closed was called or is about to
)

// Why a step of serving ends without a message.
var (
	errNothingYet = errors.New("websocket: internal error: nothing has come")
	errTurnTaken  = errors.New("websocket: internal error: somebody else reads")
)

// claimServe makes the caller the one who runs serveOn, unless there is one: then
// he will look again.
func (c *Conn) claimServe() bool {
	for {
		s := c.serving.state.Load()
		switch {
		case s&served == 0 || s&(serveAgain|serveOver) != 0:
			return false
		case s&serveBusy == 0:
			if c.serving.state.CompareAndSwap(s, s|serveBusy) {
				return true
			}
		case c.serving.state.CompareAndSwap(s, s|serveAgain):
			return false
		}
	}
}

// rest gives the claim back. It reports false if something has come meanwhile.
func (s *serving) rest() bool {
	if s.state.CompareAndSwap(served|serveBusy, served) {
		return true
	}
	s.state.Store(served | serveBusy)
	return false
}

// wakeServe has the Receiver of a served connection told what has become of it.
func (c *Conn) wakeServe() {
	if c.claimServe() {
		go c.serveOn(true)
	}
}

// serveOn hands out what has come, until nothing is left or, without a poller, until
// the end. The caller has the claim. mayWait says that he may wait for somebody else
// who reads.
func (c *Conn) serveOn(mayWait bool) {
	s := &c.serving
	m := message{lend: true, stays: c.frugal}
	for {
		t, err := c.serveNext(&m, mayWait)
		switch {
		case err == nil:
			if !c.hand(t, &m) {
				return
			}
			continue
		case err == errTurnTaken:
			go c.serveOn(true)
			return
		case err == errTakenOver && !c.frugal:
			err = c.outcome(context.Background())
		case err == errNothingYet || err == errTakenOver:
			if s.rest() {
				return
			}
			continue
		}
		s.state.Store(served | serveOver)
		c.tellClosed(err)
		return
	}
}

// serveNext collects the next message in m, going on with what has come of it before.
func (c *Conn) serveNext(m *message, mayWait bool) (MessageType, error) {
	if err := c.readErr(); err != nil {
		return 0, err
	}
	if !c.readTurn.take() {
		if !mayWait {
			return 0, errTurnTaken
		}
		c.readTurn.acquire(&c.mu, nil)
	}
	defer c.releaseRead()
	switch {
	case c.discarding():
		return 0, errTakenOver
	case c.frugal && c.rd == nil && !c.wire.mayRead():
		c.readTurn.waiting.Store(betweenMessages)
		return 0, errNothingYet
	}
	c.needReader()
	if rd := c.rd; rd.served != nil {
		m.free()
		*m, rd.served = *rd.served, nil
	}
	c.waitNoMore()
	c.rd.now = m.stays
	t, err := c.collect(context.Background(), m)
	rd := c.rd // another one, if it has waited
	rd.now = false
	if err == errNothingYet {
		c.waitingNow()
		if rd.in.InMessage() {
			rd.served = new(message)
			*rd.served = *m
		} else {
			m.free()
		}
		m.b, m.pooled = nil, nil
	}
	return t, err
}

// hand calls the Receiver with a message. It reports false if another goroutine serves
// on since.
func (c *Conn) hand(t MessageType, m *message) (goOn bool) {
	defer func() {
		if !goOn {
			m.b, m.pooled = nil, nil // whoever has it may hold it
			goOn = c.receiverFailed(recover())
		}
	}()
	c.receiver.Message(c, Message{Type: t, Data: m.b})
	m.giveBack(c.more.Load())
	return true
}

// receiverFailed ends a connection whose Receiver panicked with v, or, if v is nil,
// called runtime.Goexit; a program may also let panic(nil) be that. Then it reports
// false: another goroutine serves on.
func (c *Conn) receiverFailed(v any) (goOn bool) {
	payload, _ := frame.AppendClose(nil, CloseInternalError, "")
	c.beginClose(CloseInternalError, payload)
	c.takeOver()
	if v == nil {
		go c.serveOn(true) // in place of the goroutine that ends here
		return false
	}
	log.Printf("websocket: panic in the Receiver of the connection with %v: %v\n%s", c.RemoteAddr(), v, debug.Stack())
	return true
}

// tellClosed is the last call of the Receiver.
func (c *Conn) tellClosed(err error) {
	defer func() {
		if v := recover(); v != nil {
			log.Printf("websocket: panic in Closed of the connection with %v: %v\n%s", c.RemoteAddr(), v, debug.Stack())
		}
	}()
	r := c.receiver
	c.receiver = nil
	r.Closed(c, err)
}
