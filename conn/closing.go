package conn

import (
	"context"
	"errors"
	"log"
	"runtime/debug"
	"time"
	"unicode/utf8"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/protocol"
)

// The ending of a connection, from its causes:
//
//	fail            a read met a broken rule or the end of the stream
//	closeReceived   a read met the peer's Close
//	BeginClose      our side wants to end; Close also takes reading over
//	cut             CloseNow, a timeout, a dead peer
//
// Each asks protocol.Closing for the step and hands what takes time to one
// goroutine, finish. Every path ends in ended.

// errTakenOver stops a read because Close discards from here on.
var errTakenOver = errors.New("websocket: internal error: reading was taken over")

// Close ends the connection with 1000 and is an io.Closer: see [Conn.CloseWith].
// It returns within Options.CloseTimeout.
func (c *Conn) Close() error {
	return c.CloseWith(context.Background(), CloseNormal, "")
}

// CloseWith does the closing handshake (RFC 6455, section 7.1.2): it sends a Close
// behind everything written before, discards what the peer still sends up to its
// Close, and ends the stream, in a server at once, in a client after the server
// did. It interrupts a read that waits; that read returns the outcome.
//
// It returns nil after a normal end, else what Err returns, after
// Options.CloseTimeout at the latest, whether or not the peer answers or reads
// and whether or not anybody reads here. If ctx ends first it returns the
// context's error and the ending goes on without the caller. Once the connection
// has ended, or is about to because of the peer, it sends nothing and returns
// how that came out.
//
// 1005 sends an empty Close. A code that must not be sent, or a reason of over 123
// bytes or that is not UTF-8, is refused, and the connection goes on
// (RFC 6455, sections 5.5.1 and 7.4).
func (c *Conn) CloseWith(ctx context.Context, code CloseCode, reason string) error {
	payload, err := frame.AppendClose(nil, code, reason)
	if err != nil {
		return err
	}
	c.beginClose(code, payload)
	c.takeOver()
	done := c.Done()
	select {
	case <-done:
		return c.ending()
	default:
	}
	select {
	case <-done:
		return c.ending()
	case <-ctx.Done():
		return canceled("close", ctx.Err())
	}
}

// ending is Err, or nil after a normal end.
func (c *Conn) ending() error {
	if err := c.Err(); !IsNormal(err) {
		return err
	}
	return nil
}

// BeginClose queues a Close behind everything written before and returns. Nothing
// can be written afterwards; reads go on and deliver up to the peer's Close, which
// they return. After Options.CloseTimeout the connection is cut, read or not. A
// code or reason that CloseWith would refuse is replaced by 1011 or left out.
func (c *Conn) BeginClose(code CloseCode, reason string) {
	payload, err := frame.AppendClose(nil, code, reason)
	if err != nil {
		if !code.Sendable() {
			code = CloseInternalError
		}
		payload, _ = frame.AppendClose(nil, code, "")
	}
	c.beginClose(code, payload)
}

func (c *Conn) beginClose(code CloseCode, payload []byte) {
	c.mu.Lock()
	step := c.on(protocol.SendClose)
	if step.Do&protocol.QueueClose != 0 {
		c.queueClose(code, payload)
		c.endWriting(ErrClosed)
		c.armClose()
	}
	c.offer()
}

// CloseNow ends the connection at once, without a Close: what was not sent yet is
// dropped. Every call that waits returns.
func (c *Conn) CloseNow() error {
	c.cut(ErrClosed)
	return nil
}

// on moves the closing handshake by one event. mu is held.
func (c *Conn) on(e protocol.Event) protocol.Step {
	step := c.closing.On(c.role, e)
	c.closing = step.Next
	return step
}

// queueClose commits our Close behind all that was accepted before it; code is 1005
// if it is empty. It cuts an unfinished message between two fragments, and what
// was posted behind that is never sent; behind one that has not begun, it is sent,
// uncompressed. mu is held.
func (c *Conn) queueClose(code CloseCode, payload []byte) {
	if c.broken() {
		return
	}
	if !c.wr.send.InMessage() {
		c.commitLater(nil) // whoever has the message turn may be compressing
	}
	c.addSpare()
	if err := c.commitControl(frame.Close, payload); err != nil {
		panic("websocket: internal error: " + err.Error())
	}
	c.sent = code
}

// armClose bounds the ending by the close timeout. mu is held.
func (c *Conn) armClose() {
	if e := c.needSeldom(); e.timer == nil && !c.over {
		e.timer = time.AfterFunc(c.opt.closeTimeout(), func() { c.cut(errNoClose) })
	}
}

// remember keeps the first failure. mu is held.
func (c *Conn) remember(e *CloseError) {
	if end := c.needSeldom(); end.first == nil {
		end.first = e
	}
}

// fail ends reading because of err and is the only function that turns an error
// into a Close frame. A *frame.Error is a rule that the peer broke and names the
// close code (RFC 6455, section 7.1.7), corrupt DEFLATE is 1007; everything else
// ends without a Close (RFC 6455, section 7.2.1). The read turn is held. It returns what every read
// returns from here on.
func (c *Conn) fail(err error) error {
	code, msg := ruleOf(err)
	event := protocol.EndStream
	if code != 0 {
		event = protocol.BreakRule
	}
	c.mu.Lock()
	step := c.on(event)
	if step.Do&protocol.QueueClose != 0 {
		payload, _ := frame.AppendClose(nil, code, cutReason(msg))
		c.queueClose(code, payload)
	}
	const remote = true
	return c.endReading(&CloseError{Code: CloseAbnormal, Sent: c.sent, Remote: remote, cause: err}, step.Do)
}

// ruleOf is the close code, and what to say of it, of an error that is a rule which
// the peer broke; 0 of any other.
func ruleOf(err error) (CloseCode, string) {
	var rule *frame.Error
	switch {
	case errors.As(err, &rule):
		return rule.Code, rule.Msg
	case errors.Is(err, deflate.ErrCorrupt):
		return CloseInvalidPayload, "compressed message is corrupt"
	}
	return 0, ""
}

// cutReason shortens a reason to what a Close holds, at the start of a code point
// (RFC 6455, section 5.5.1).
func cutReason(s string) string {
	if len(s) <= frame.MaxReason {
		return s
	}
	n := frame.MaxReason
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// closeReceived takes the peer's Close (RFC 6455, section 5.5.1). If ours has not
// gone yet it answers with the same code. The read turn is held.
func (c *Conn) closeReceived(p []byte) error {
	code, reason, err := frame.ParseClose(p)
	if err != nil {
		return c.fail(err)
	}
	c.mu.Lock()
	step := c.on(protocol.ReceiveClose)
	answers := step.Do&protocol.QueueClose != 0
	if answers {
		payload, _ := frame.AppendClose(nil, code, "")
		c.queueClose(code, payload)
	}
	// Theirs is the first Close also if ours could not be sent any more.
	first := answers || c.sent == 0
	e := &CloseError{Code: code, Sent: c.sent, Reason: reason, Remote: first}
	if c.closing == protocol.Both {
		c.needSeldom().received = e
	}
	return c.endReading(e, step.Do)
}

// endReading makes e the permanent error of reading, and of writing, sends what
// is committed as far as the socket takes it, and starts the rest of the ending.
// mu is held, and released.
func (c *Conn) endReading(e *CloseError, do protocol.Action) error {
	c.remember(e)
	c.needSeldom().readErr.CompareAndSwap(nil, e)
	c.endWriting(e)
	if do != 0 {
		c.armClose()
	}
	c.offer()
	if do != 0 {
		go c.finish(do)
	}
	c.wakeServe()
	return c.readErr()
}

// takeOver makes Close the reader: it interrupts a read that waits and discards up
// to the peer's Close.
func (c *Conn) takeOver() {
	c.mu.Lock()
	first := c.closing == protocol.Sent && !c.discarding()
	if first {
		c.needSeldom().discarding.Store(true)
	}
	c.mu.Unlock()
	if first && c.timed {
		// A read that cannot be interrupted meets the peer's Close by itself.
		c.madeWatches().read.kick()
	}
	if first {
		go c.discardToClose()
	}
}

func (c *Conn) discardToClose() {
	c.acquireRead(nil)
	c.needSeldom().closer = true
	if c.readErr() == nil {
		c.discard(context.Background()) // ends with the peer's Close, or any other end
	}
	c.releaseRead()
}

// finish is the part of an ending that takes time. The close timeout bounds it by
// closing the socket under it.
func (c *Conn) finish(do protocol.Action) {
	c.awaitSent()
	if do&protocol.ShutWrite != 0 {
		c.wire.closeWrite()
	}
	if do&protocol.AwaitEOF != 0 {
		c.swallow()
	} else {
		c.drain()
	}
	c.wire.close()
	c.ended()
}

// awaitSent waits until all that is committed is with the kernel, or writing has
// failed, or there is nobody any more to read it. Where offering takes a flusher,
// it is given its chance in any case.
func (c *Conn) awaitSent() {
	c.mu.Lock()
	for (c.wr.busy || c.wr.out != nil) && !c.broken() && (c.closing != protocol.Gone || !c.wire.tries()) {
		sent := make(chan struct{})
		c.wr.needRare().idle = sent
		c.mu.Unlock()
		<-sent
		c.mu.Lock()
	}
	c.mu.Unlock()
}

// swallow drops what the peer sends, unparsed, until its half of the stream ends:
// closing a socket that has unread bytes makes the system send a reset, which
// would destroy our Close on its way (RFC 6455, section 7.1.1).
func (c *Conn) swallow() {
	c.acquireRead(nil)
	defer c.releaseRead()
	c.rd.release()
	b := getBuffer(midBuffer)
	defer putBuffer(b)
	for {
		n, err := c.wire.read(b.b[:cap(b.b)])
		c.stats.wireIn.Add(int64(n))
		switch {
		case err == nil:
		case isTimeout(err) && c.readWatch().clear():
		default:
			return
		}
	}
}

// drain takes off the socket what has arrived behind the peer's Close, without
// waiting, for the same reason.
func (c *Conn) drain() {
	c.acquireRead(nil)
	defer c.releaseRead()
	c.wire.drain(drainMax)
}

// cut ends the connection at once because of err, which is ours.
func (c *Conn) cut(err error) {
	c.mu.Lock()
	e := &CloseError{Code: CloseAbnormal, Sent: c.sent, cause: err}
	// Before the socket is closed: those whom that wakes shall find this error and
	// not make one of theirs.
	if !c.over {
		c.remember(e)
		c.needSeldom().readErr.CompareAndSwap(nil, c.needSeldom().first)
		c.endWriting(e)
	}
	c.mu.Unlock()
	c.wire.closeNow()
	c.ended()
	c.wakeServe()
}

// ended is the end of every connection: the socket is closed.
func (c *Conn) ended() {
	c.mu.Lock()
	c.on(protocol.Force)
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	c.needSeldom().broken = true
	c.wr.wakeIdle()
	if timer := c.needSeldom().timer; timer != nil {
		timer.Stop()
	}
	err := c.err()
	c.mu.Unlock()

	c.stopKeepalive()
	c.readWatch().close()
	c.writeWatch().close()
	c.closeDone()
	if c.ownEnd != nil {
		c.tell(c.ownEnd, err)
	}
	if c.opt.OnEnd != nil {
		go c.tell(c.opt.OnEnd, err)
	}
}

// tell runs a hook, outside all locks. A panic of it is reported as net/http reports one
// of a handler: it is not worth the other connections.
func (c *Conn) tell(hook func(c *Conn, err error), err error) {
	defer func() {
		if v := recover(); v != nil {
			log.Printf("websocket: panic in OnEnd of the connection with %v: %v\n%s", c.RemoteAddr(), v, debug.Stack())
		}
	}()
	hook(c, err)
}
