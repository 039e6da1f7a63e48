package conn

import (
	"context"
	"fmt"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/protocol"
)

// Reading, from the top:
//
//	ReadAppend    takes the read turn and collects one message
//	advance       brings the stream to the payload of a data frame,
//	              a header or a control frame a step
//	payload       moves that payload into the message, unmasked and validated
//	pull          is the one place that waits for the socket
//
// Whatever stops a call between two bytes leaves rd so that the next call of any
// kind goes on there.

// reader is the state of the incoming half. It belongs to the holder of the read
// turn, who finds it there, and may be gone between two turns.
type reader struct {
	in protocol.Inbound

	// buf.b[pos:] has arrived and is not parsed yet; buf is nil if that is nothing.
	buf         *buffer
	pos         int
	start, end  int32 // of the message in one frame that stands at pos, as frame.Whole; 0: ask it
	ahead       int32 // size of the next buffer; 0: the smallest
	mostlyEmpty int8  // buffers in a row

	more  bool // Conn.more
	corks bool // it was true since the reader waited
	drop  bool // the rest of the open message goes to nobody
	now   bool // the turn is held for a Receiver: nothing may wait for the socket

	watched bool // a watch has begun with the context of the call

	// Messages by collectWhole that are not in Conn.stats yet.
	wholes     uint16
	wholeBytes uint32

	inflate *inflater // nil: no compression was agreed on

	kept   []byte         // of the open message: bytes that a canceled read left
	size   int64          // of the open message: bytes so far, inflated
	stream *messageReader // the Reader that the open message belongs to
	served *message       // of a Receiver's, as far as it has come; nil: nothing
}

// Read returns the next message. The slice is the caller's.
//
// A context that ends makes this call return its error and costs nothing: the
// next read call of any kind goes on where this one stopped. Any other error is
// a *[CloseError], and every later read returns the same one.
//
// A message over Options.ReadLimit ends the connection with 1009, text that is
// not UTF-8 with 1007 at its first impossible byte, a broken rule with 1002. Pings
// are answered and a Close is answered while Read waits (RFC 6455, section 5.5).
//
// Safe for concurrent use: concurrent reads take turns by message.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	var m message
	t, err := c.readMessage(ctx, &m) // not ReadAppend, whose frame would lie between
	if err != nil {
		return 0, nil, err
	}
	return t, m.b, nil
}

// ReadAppend is Read into memory of the caller's: it appends the message to buf
// and returns the extended slice. With room enough it allocates nothing; a message
// that was compressed wants 288 bytes more than it has. After an
// error the slice is buf, though bytes behind its length may have been written.
func (c *Conn) ReadAppend(ctx context.Context, buf []byte) (MessageType, []byte, error) {
	m := message{b: buf, base: len(buf), caller: buf != nil}
	t, err := c.readMessage(ctx, &m)
	if err != nil {
		return 0, buf, err
	}
	return t, m.b, nil
}

func (c *Conn) readMessage(ctx context.Context, m *message) (MessageType, error) {
	if err := c.lockRead(ctx); err != nil {
		return 0, err
	}
	t, err := c.collect(ctx, m)
	c.unlockRead(ctx)
	if err == errTakenOver {
		err = c.outcome(ctx)
	}
	return t, err
}

// collect reads frames until a message is whole.
func (c *Conn) collect(ctx context.Context, m *message) (MessageType, error) {
	rd := c.rd
	c.leaveStream()
	if rd.drop {
		if err := c.skip(ctx); err != nil {
			return 0, err
		}
	}
	if rd.starved() {
		if _, err := c.pull(ctx, nil); err != nil {
			return 0, err
		}
		rd = c.rd
	}
	if t, ok := c.collectWhole(m); ok {
		return t, nil
	}
	m.resume(rd)
	for {
		err := c.advance(ctx)
		rd = c.rd
		if err != nil {
			m.keep(rd)
			return 0, err
		}
		if err := c.payload(ctx, m); err != nil {
			m.keep(rd)
			return 0, err
		}
		t := MessageType(rd.in.Message())
		whole, err := rd.in.End()
		if err != nil {
			return 0, c.fail(err)
		}
		if whole {
			c.messageEnded()
			return t, nil
		}
	}
}

// collectWhole is collect for the usual case: the message is one frame, not
// compressed, and is in the buffer already. It reports false, and has done nothing, in
// every other case, a broken rule among them.
func (c *Conn) collectWhole(m *message) (MessageType, bool) {
	rd := c.rd
	b := rd.buffered()
	rd.findWhole(b)
	start, end := int(rd.start), int(rd.end)
	if n := c.readLimit(); end == 0 || n > 0 && int64(end-start) > n || len(rd.kept) > 0 {
		return 0, false
	}
	op := frame.Opcode(b[0] & 0x0f)
	key, masked := frame.WholeKey(b, start)
	if m.lend && end-start >= lendInside {
		if !c.lendWhole(m, op, masked, key, b[start:end:end]) {
			return 0, false
		}
	} else {
		have := len(m.b)
		if cap(m.b)-have < end-start {
			m.grow(end - start)
		}
		m.b = append(m.b, b[start:end]...)
		if !rd.in.Whole(op, masked, key, m.b[have:]) {
			m.b = m.b[:have]
			return 0, false
		}
	}
	rd.consume(end)
	rd.wholes++
	rd.wholeBytes += uint32(end - start)
	c.lookAhead()
	return MessageType(op), true
}

// lendWhole makes p, which lies in the buffer of the stream, the message m, if the
// rules take it.
func (c *Conn) lendWhole(m *message, op frame.Opcode, masked bool, key [4]byte, p []byte) bool {
	if !c.rd.in.Whole(op, masked, key, p) {
		return false
	}
	m.free()
	c.rd.buf.share()
	m.b, m.pooled, m.inside = p, c.rd.buf, true
	return true
}

// messageEnded counts the message that has just been delivered.
func (c *Conn) messageEnded() {
	c.stats.bytesIn.Add(c.rd.size)
	c.stats.messagesIn.Add(1)
	c.rd.stream = nil
	c.rd.resetMessage()
	c.lookAhead()
}

// resetMessage forgets what was counted of the message that has ended.
func (rd *reader) resetMessage() {
	rd.size = 0
	if rd.inflate != nil {
		rd.inflate.wire = 0
	}
}

// judgeSize holds the open message against a limit as soon as a frame's header
// says how large it will be at least (RFC 6455, section 10.4).
func (c *Conn) judgeSize(limit int64) error {
	// size <= limit, so that the subtraction cannot overflow where a sum could.
	if limit <= 0 || c.rd.in.Left() <= limit-c.rd.size {
		return nil
	}
	return c.fail(overLimit(limit))
}

func overLimit(limit int64) error {
	return &frame.Error{Code: CloseTooBig, Section: "10.4",
		Msg: fmt.Sprintf("message is larger than the limit of %d bytes", limit)}
}

// payload moves the rest of the open frame into m.
func (c *Conn) payload(ctx context.Context, m *message) error {
	if c.rd.in.Compressed() {
		return c.packedPayload(ctx, m)
	}
	if err := c.judgeSize(c.readLimit()); err != nil {
		return err
	}
	for c.rd.in.Left() > 0 {
		room := c.room(m)
		n, err := c.take(ctx, room)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := c.pass(room[:n]); err != nil {
			return err
		}
		m.b = m.b[:len(m.b)+n]
	}
	return nil
}

// pass hands payload of a data frame to the rules: unmasked in place, and text
// judged at once, before the rest of the frame is there (RFC 6455, section 8.1).
func (c *Conn) pass(p []byte) error {
	if err := c.rd.in.Payload(p); err != nil {
		return c.fail(err)
	}
	c.rd.size += int64(len(p))
	return nil
}

// take gets bytes of the stream: those in the buffer, or, for a large room, right
// from the socket. It may get none and only fill the buffer.
func (c *Conn) take(ctx context.Context, room []byte) (int, error) {
	if n := copy(room, c.rd.buffered()); n > 0 {
		c.rd.consume(n)
		return n, nil
	}
	if len(room) >= smallBuffer {
		return c.pull(ctx, room)
	}
	return 0, c.fill(ctx)
}

// advance brings the stream to the payload of a data frame.
func (c *Conn) advance(ctx context.Context) error {
	for !c.atData() {
		if c.rd.starved() {
			if _, err := c.pull(ctx, nil); err != nil {
				return err
			}
		}
		if err := c.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// atData reports whether the next byte of the stream is payload of a data frame,
// or the end of it.
func (c *Conn) atData() bool { return c.rd.in.InFrame() && !c.rd.in.InControl() }

// step reads one header or the body of one control frame.
func (c *Conn) step(ctx context.Context) error {
	c.countWholes()
	if c.rd.in.InFrame() {
		return c.control(ctx)
	}
	return c.header(ctx)
}

// header reads the next frame header. Errors that the first bytes show come
// before the rest is there.
func (c *Conn) header(ctx context.Context) error {
	for {
		b := c.rd.buffered()
		h, err := frame.ParseHeader(b)
		if err == nil {
			c.rd.consume(h.Len())
			c.stats.framesIn.Add(1)
			err = c.rd.in.Header(h)
		}
		switch err {
		case nil:
			return nil
		case frame.ErrShort:
			err = c.fill(ctx)
		default:
			err = c.fail(err)
		}
		if err != nil {
			return err
		}
	}
}

// control reads the body of a control frame, at most 125 bytes, and does what the
// frame asks for at once, also in the middle of a message (RFC 6455, section 5.4).
func (c *Conn) control(ctx context.Context) error {
	in := &c.rd.in
	n := int(in.Left())
	for len(c.rd.buffered()) < n {
		if err := c.fill(ctx); err != nil {
			return err
		}
	}
	p := c.rd.buffered()[:n]
	op := in.Opcode()
	if err := in.Payload(p); err != nil {
		return c.fail(err)
	}
	if _, err := in.End(); err != nil {
		return c.fail(err)
	}
	var err error
	switch op {
	case frame.Ping:
		c.pong(p)
	case frame.Pong:
		c.ponged(p)
	case frame.Close:
		err = c.closeReceived(p)
	default:
		panic("websocket: internal error: unknown control frame")
	}
	c.rd.consume(n)
	return err
}

// lockRead takes the read turn for a call with ctx.
func (c *Conn) lockRead(ctx context.Context) error {
	if err := c.readErr(); err != nil {
		return err
	}
	if c.Serving() {
		return ErrServing
	}
	if err := ctx.Err(); err != nil {
		return canceled("read", err)
	}
	if !c.acquireRead(ctx.Done()) {
		return canceled("read", ctx.Err())
	}
	if s := c.seldom.Load(); s != nil && (s.discarding.Load() || s.readErr.Load() != nil) {
		c.releaseRead()
		return c.outcome(ctx)
	}
	return nil
}

// unlockRead gives the read turn back at the end of a call with ctx.
func (c *Conn) unlockRead(ctx context.Context) {
	if c.rd.watched {
		c.rd.watched = false
		c.readWatch().end(ctx)
	}
	c.releaseRead()
}

func (c *Conn) releaseRead() {
	if c.frugal {
		c.leaveReader()
	}
	c.readTurn.release(&c.mu)
}

// outcome waits, within ctx, for what Close makes of the connection: a read that
// was interrupted by it has nothing else to return.
func (c *Conn) outcome(ctx context.Context) error {
	if err := c.readErr(); err != nil {
		return err
	}
	select {
	case <-c.Done():
		return c.readErr()
	case <-ctx.Done():
		return canceled("read", ctx.Err())
	}
}
