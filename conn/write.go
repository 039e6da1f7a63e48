package conn

import (
	"context"
	"errors"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/protocol"
)

// Writing, from the top. Bytes on their way out are in one of three places:
//
//	later     posted behind a message that is not at its end yet
//	out       framed and committed: sent whole, or the connection ends
//	flight    taken from out by the holder of the write turn, for the socket
//
// The message turn is held from a message's first frame to its last, the write
// turn only while bytes move to the socket. Frames are committed under Conn.mu;
// whoever finds the write turn free takes all of out along with it. Nobody waits
// for the write turn but a Write whose payload is too large to be copied, and
// nobody waits for the socket but a Write and the flusher goroutine.

// writer is the state of the outgoing half, guarded by Conn.mu.
type writer struct {
	send   protocol.Outbound
	keys   keys
	err    error // ends every write, once set
	broken bool  // the socket takes nothing any more

	message turn     // guarded by Conn.mu
	later   []posted // posted while the message turn was taken
	laterN  int      // bytes in later

	out    *buffer // nil if empty
	busy   bool    // the write turn is taken
	flight int     // bytes its holder has not sent yet, at most

	pongs int    // in out
	spare []byte // the newest pong beyond maxPongs, nil if none

	room chan struct{} // the holder of the message turn waits here for a change
	idle chan struct{} // the ending waits here until all is sent
}

// posted is a message of Post that waits for the message turn.
type posted struct {
	op frame.Opcode
	p  []byte
}

// errInterrupted is how a wait for the socket says that its context ended.
var errInterrupted = errors.New("websocket: internal error: interrupted")

// letGoRounds bounds how often a Write sends what others committed meanwhile
// before a flusher does: a Write must not work for others for ever.
const letGoRounds = 4

// Write sends one message in one frame. p is the caller's again when Write
// returns and is never changed.
//
// Write returns when the bytes are with the kernel, or committed behind another
// Write that will flush them; a failure met later is the next call's error. If ctx
// ends first, the call returns its error: before the message is committed nothing
// of it is sent; a message of up to 16 KiB that is committed is sent all the
// same; in the middle of a larger one, and over TLS, writing has ended.
//
// Text must be UTF-8 unless Options.TrustText is set (RFC 6455, section 8.1);
// otherwise nothing is sent and the connection goes on. A failure of the socket
// ends writing, not reading: what the peer sent before still arrives.
//
// Safe for concurrent use: messages do not mix (RFC 6455, section 5.4).
func (c *Conn) Write(ctx context.Context, t MessageType, p []byte) error {
	op, err := c.judgeOutgoing(t, p)
	if err != nil {
		return err
	}
	_, err = c.sendMessage(ctx, op, p)
	return err
}

// judgeOutgoing refuses what must not be sent.
func (c *Conn) judgeOutgoing(t MessageType, p []byte) (frame.Opcode, error) {
	op, err := t.opcode()
	if err == nil && op == frame.Text && !c.opt.trustText {
		err = judgeText(p)
	}
	return op, err
}

var errNotText = errors.New("websocket: text to send is not valid UTF-8 (RFC 6455, section 8.1)")

func judgeText(p []byte) error {
	if end, bad := (frame.UTF8{}).Next(p); bad >= 0 || !end.Complete() {
		return errNotText
	}
	return nil
}

// sendMessage sends a message that has been judged. It reports whether the message
// was committed, whatever came then.
func (c *Conn) sendMessage(ctx context.Context, op frame.Opcode, p []byte) (committed bool, err error) {
	c.mu.Lock()
	if err := c.beginMessage(ctx); err != nil {
		c.offer()
		return false, err
	}
	if len(p) > copyMax {
		err := c.writeLarge(ctx, op, p)
		return err == nil, err
	}
	const final = true
	c.commit(op, final, p)
	c.endMessage()
	return true, c.flush(ctx)
}

// beginMessage takes the message turn and waits until there is room to commit.
// mu is held.
func (c *Conn) beginMessage(ctx context.Context) error {
	if c.wr.err != nil {
		return c.wr.err
	}
	if err := ctx.Err(); err != nil {
		return canceled("write", err)
	}
	if !c.wr.message.acquire(&c.mu, ctx.Done()) {
		if !c.wr.message.held {
			c.commitLater() // the turn came too late, and nobody takes it on
		}
		return c.unwritten(ctx)
	}
	if err := c.awaitRoom(ctx, highWater); err != nil {
		c.endMessage()
		return err
	}
	return nil
}

// unwritten is why a wait before a frame was committed ended. mu is held.
func (c *Conn) unwritten(ctx context.Context) error {
	if c.wr.err != nil {
		return c.wr.err
	}
	return canceled("write", ctx.Err())
}

// endMessage frames what was posted meanwhile and gives the message turn back.
// mu is held; the caller flushes or offers.
func (c *Conn) endMessage() {
	c.commitLater()
	c.wr.message.release()
}

// commitLater frames what was posted behind a message that is at its end. mu is
// held.
func (c *Conn) commitLater() {
	w := &c.wr
	if w.err != nil {
		return
	}
	for _, m := range w.later {
		c.commit(m.op, true, m.p)
	}
	w.later, w.laterN = nil, 0
}

// awaitRoom waits until less than limit bytes are committed and unsent. mu and the
// message turn are held.
func (c *Conn) awaitRoom(ctx context.Context, limit int) error {
	for c.wr.err == nil && c.wr.committed() >= limit {
		if !c.awaitChange(ctx) {
			break
		}
	}
	if c.wr.err != nil || c.wr.committed() >= limit {
		return c.unwritten(ctx)
	}
	return nil
}

// awaitChange waits until some of what is committed is sent, or writing ends. mu
// and the message turn are held.
func (c *Conn) awaitChange(ctx context.Context) bool {
	changed := make(chan struct{})
	c.wr.room = changed
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

// committed is how many bytes are framed and not sent.
func (w *writer) committed() int {
	if w.out == nil {
		return w.flight
	}
	return w.flight + len(w.out.b)
}

// queued is committed and what is posted behind a message.
func (w *writer) queued() int { return w.committed() + w.laterN }

// commit frames p behind what is committed: it will be sent whole or the
// connection ends. mu and the message turn are held, and w.err is nil.
func (c *Conn) commit(op frame.Opcode, final bool, p []byte) {
	h, err := c.wr.send.Data(op, final, len(p))
	if err != nil {
		panic("websocket: internal error: data behind a Close")
	}
	c.stats.bytesOut += int64(len(p))
	c.put(&h, p)
}

// commitControl frames a control frame, which may stand between the frames of a
// message. mu is held. Behind a Close nothing is sent.
func (c *Conn) commitControl(op frame.Opcode, p []byte) error {
	h, err := c.wr.send.Control(op, len(p))
	if err != nil {
		return err
	}
	c.put(&h, p)
	return nil
}

// put appends a header and a payload, which is nil if it follows from elsewhere.
func (c *Conn) put(h *frame.Header, p []byte) {
	// Every frame of a client has a new key (RFC 6455, section 5.3).
	if h.Masked {
		h.Key = c.wr.keys.next()
	}
	out := reserve(c.wr.out, frame.MaxHeaderLen+len(p))
	out.b = h.Append(out.b)
	c.stats.framesOut++
	c.stats.wireOut += int64(h.Len() + len(p))
	if h.Masked {
		out.b, _ = appendMasked(out.b, p, h.Key, 0)
	} else {
		out.b = append(out.b, p...)
	}
	c.wr.out = out
}

// appendMasked copies p behind b and masks the copy: the caller's bytes are never
// touched. Small steps keep both passes in the first-level cache.
func appendMasked(b, p []byte, key [4]byte, pos int) ([]byte, int) {
	for len(p) > 0 {
		n := min(len(p), maskStep)
		b = append(b, p[:n]...)
		pos = frame.Mask(b[len(b)-n:], key, pos)
		p = p[n:]
	}
	return b, pos
}

// takeOut takes the write turn, if it is not ours already, and all that is
// committed. mu is held.
func (c *Conn) takeOut() *buffer {
	c.addSpare()
	w := &c.wr
	b := w.out
	w.out, w.busy, w.flight, w.pongs = nil, true, len(b.b), 0
	return b
}

// addSpare commits the newest of the pongs that were too many.
func (c *Conn) addSpare() {
	if c.wr.spare != nil {
		c.commitControl(frame.Pong, c.wr.spare)
		c.wr.spare = nil
	}
}

// flush sends what is committed, waiting for the socket within ctx. If the write
// turn is taken, its holder looks again before it lets go. mu is held, and
// released.
func (c *Conn) flush(ctx context.Context) error {
	if c.wr.busy || c.wr.out == nil {
		c.mu.Unlock()
		return nil
	}
	b := c.takeOut()
	c.mu.Unlock()
	n, err := c.writeOut(ctx, b.b)
	switch {
	case err == nil:
		putBuffer(b)
		c.letGo()
		return nil
	case err == errInterrupted && c.wire.resumes():
		// Committed is committed: the caller leaves, a flusher finishes.
		go c.flusher(b, n)
		return canceled("write", ctx.Err())
	}
	return c.writeFailed(ctx, err)
}

// offer sends what is committed without waiting; what the socket does not take is
// a flusher's. mu is held, and released.
func (c *Conn) offer() {
	if c.wr.busy || c.wr.out == nil {
		c.mu.Unlock()
		return
	}
	b := c.takeOut()
	c.mu.Unlock()
	if c.send1(b) {
		c.letGo()
	}
}

// letGo gives the write turn back after sending what was committed meanwhile.
func (c *Conn) letGo() {
	for round := 1; ; round++ {
		c.mu.Lock()
		b := c.next()
		c.mu.Unlock()
		switch {
		case b == nil:
			return
		case round > letGoRounds:
			go c.flusher(b, 0)
			return
		case !c.send1(b):
			return
		}
	}
}

// next is what the holder of the write turn sends next; with nothing left it
// gives the turn back and returns nil. mu is held.
func (c *Conn) next() *buffer {
	w := &c.wr
	w.flight = 0
	wake(&w.room)
	if w.out != nil {
		return c.takeOut()
	}
	w.busy = false
	wake(&w.idle)
	return nil
}

// wake closes a channel that somebody waits on, if there is one.
func wake(ch *chan struct{}) {
	if *ch != nil {
		close(*ch)
		*ch = nil
	}
}

// send1 offers b to the socket once. It reports false if the write turn went to a
// flusher or writing failed.
func (c *Conn) send1(b *buffer) bool {
	n, err := c.wire.tryWrite(b.b)
	switch {
	case err != nil:
		c.writeFailed(context.Background(), err)
		return false
	case n < len(b.b):
		go c.flusher(b, n)
		return false
	}
	putBuffer(b)
	return true
}

// flusher holds the write turn while the socket is full and everybody else is
// gone. It ends when all is sent; the write timeout bounds it.
func (c *Conn) flusher(b *buffer, n int) {
	for b != nil {
		if _, err := c.waitWrite(context.Background(), b.b[n:], nil); err != nil {
			c.writeFailed(context.Background(), err)
			return
		}
		putBuffer(b)
		n = 0
		c.mu.Lock()
		b = c.next()
		c.mu.Unlock()
	}
}

// writeOut sends p: at once if the socket takes it, else waiting.
func (c *Conn) writeOut(ctx context.Context, p []byte) (int, error) {
	n, err := c.wire.tryWrite(p)
	if err != nil || n == len(p) {
		return n, err
	}
	m, err := c.waitWrite(ctx, p[n:], nil)
	return n + m, err
}

// waitWrite sends head and body, waiting for the socket. Only a socket that takes
// nothing for the whole write timeout fails; a slow one goes on. The write turn is
// held.
func (c *Conn) waitWrite(ctx context.Context, head, body []byte) (n int, err error) {
	c.writeWatch.begin(ctx)
	still := c.watchStandstill()
	for err == nil && n < len(head)+len(body) {
		if !c.writeWatch.arm(ctx, c.opt.writeTimeout) {
			err = errInterrupted
			break
		}
		if still != nil {
			still.Reset(c.opt.writeTimeout)
		}
		m := 0
		if n < len(head) {
			m, err = c.wire.writev(head[n:], body)
		} else {
			m, err = c.wire.write(body[n-len(head):])
		}
		n += m
		if err != nil {
			err = c.judgeStop(ctx, err, m)
		}
	}
	if still != nil {
		still.Stop()
	}
	c.writeWatch.end(ctx)
	if c.wire.tries() {
		// The next try must not meet this deadline.
		c.writeWatch.clear()
	}
	return n, err
}

// watchStandstill is the write timeout of a connection without deadlines: a timer
// that cuts it. It is nil where deadlines do that better.
func (c *Conn) watchStandstill() *time.Timer {
	if c.timed || c.opt.writeTimeout == 0 {
		return nil
	}
	return time.AfterFunc(c.opt.writeTimeout, func() { c.cut(errStuck) })
}

// judgeStop says what a write that stopped with err after m bytes comes to: nil to
// go on. A deadline is not the only thing that interrupts: a wire that has none is
// closed.
func (c *Conn) judgeStop(ctx context.Context, err error, m int) error {
	hit := c.writeWatch.clear()
	switch {
	case hit && ctx.Err() != nil:
		return errInterrupted
	case !isTimeout(err):
		return err
	case !c.wire.resumes():
		return errStuck
	case hit || m > 0:
		return nil
	}
	return errStuck
}

// writeLarge sends a message from the caller's own memory. mu and the message turn
// are held; both are given back.
func (c *Conn) writeLarge(ctx context.Context, op frame.Opcode, p []byte) error {
	w := &c.wr
	for w.busy && w.err == nil && c.awaitChange(ctx) {
	}
	if w.busy || w.err != nil {
		err := c.unwritten(ctx)
		c.endMessage()
		c.offer()
		return err
	}
	h, err := w.send.Data(op, true, len(p))
	if err != nil {
		panic("websocket: internal error: data behind a Close")
	}
	c.addSpare()
	before := w.committed()
	c.put(&h, nil)
	c.stats.bytesOut += int64(len(p))
	c.stats.wireOut += int64(len(p))
	b := c.takeOut()
	c.mu.Unlock()

	n, err := c.sendLarge(ctx, b.b, p, &h)
	if err == errInterrupted && n <= before && c.wire.resumes() {
		c.takeBack(b, before, n, len(p))
		return canceled("write", ctx.Err())
	}
	if err != nil {
		return c.writeFailed(ctx, err)
	}
	putBuffer(b)
	c.mu.Lock()
	c.endMessage()
	c.mu.Unlock()
	c.letGo()
	return nil
}

// sendLarge sends head and then p, masked if h says so.
func (c *Conn) sendLarge(ctx context.Context, head, p []byte, h *frame.Header) (int, error) {
	if !h.Masked && c.wire.tries() {
		return c.waitWrite(ctx, head, p)
	}
	chunk := getBuffer(bigBuffer)
	defer putBuffer(chunk)
	chunk.b = append(chunk.b, head...)
	sent, pos := 0, 0
	for {
		k := min(len(p), cap(chunk.b)-len(chunk.b))
		if h.Masked {
			chunk.b, pos = appendMasked(chunk.b, p[:k], h.Key, pos)
		} else {
			chunk.b = append(chunk.b, p[:k]...)
		}
		n, err := c.writeOut(ctx, chunk.b)
		sent += n
		if p = p[k:]; err != nil || len(p) == 0 {
			return sent, err
		}
		chunk.b = chunk.b[:0]
	}
}

// takeBack gives up a large message of size bytes that was canceled before its
// first byte was sent: b holds its header behind the frames of others, of which n
// bytes are sent.
func (c *Conn) takeBack(b *buffer, before, n, size int) {
	c.mu.Lock()
	c.stats.framesOut--
	c.stats.bytesOut -= int64(size)
	c.stats.wireOut -= int64(len(b.b) - before + size)
	c.endMessage()
	c.mu.Unlock()
	b.b = b.b[:before]
	go c.flusher(b, n)
}

// writeFailed ends writing, not reading: the peer's Close may still be on its way
// to us. CloseTimeout bounds that. It returns what the failed call returns.
func (c *Conn) writeFailed(ctx context.Context, err error) error {
	interrupted := err == errInterrupted
	ours := interrupted || err == errStuck
	if interrupted {
		err = errHalfWritten
	}
	c.mu.Lock()
	e := &CloseError{Code: CloseAbnormal, Sent: c.sent, Remote: !ours, cause: cause("write", err, false)}
	c.endWriting(e)
	c.wr.broken = true
	putBuffer(c.wr.out)
	c.wr.out, c.wr.spare, c.wr.busy, c.wr.flight = nil, nil, false, 0
	wake(&c.wr.idle)
	c.remember(e)
	c.armClose()
	err = c.wr.err
	c.mu.Unlock()
	if interrupted {
		return canceled("write", ctx.Err())
	}
	return err
}

// endWriting makes err the permanent error of writing, unless there is one, and
// wakes everybody who waits to write. mu is held.
func (c *Conn) endWriting(err error) {
	w := &c.wr
	if w.err == nil {
		w.err = err
	}
	w.later, w.laterN = nil, 0
	w.message.end()
	wake(&w.room)
}
