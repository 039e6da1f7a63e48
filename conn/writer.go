package conn

import (
	"context"
	"errors"
	"io"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/protocol"
)

// errWriterClosed is the error of a Write behind Close.
var errWriterClosed = errors.New("websocket: write to a message that is closed")

// Writer begins a message that is written piece by piece, of any size, in frames
// of 16 KiB (RFC 6455, section 5.4). Close ends the message. Until then no other
// message is sent; control frames pass between its frames.
//
// ctx bounds Writer and every call of what it returns. If it ends before the first
// frame is sent, the message has never been; afterwards the message cannot be
// finished and the connection ends with 1011. After a failed copy call CloseNow,
// not Close: Close would end the message as if it were whole.
//
// Text is checked over all pieces: a piece with a byte that no UTF-8 can have
// there is refused and none of it is sent; the message may go on.
//
// The writer is for one goroutine.
func (c *Conn) Writer(ctx context.Context, t MessageType) (io.WriteCloser, error) {
	op, err := t.opcode()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if err := c.beginMessage(ctx); err != nil {
		c.offer()
		return nil, err
	}
	c.mu.Unlock()
	w := &messageWriter{c: c, ctx: ctx, op: op, checked: op == frame.Text && !c.opt.TrustText}
	if !t.isPlain() {
		w.deflate = c.wr.deflater()
	}
	return w, nil
}

// messageWriter holds the message turn from its making to its end.
type messageWriter struct {
	c       *Conn
	ctx     context.Context
	op      frame.Opcode
	checked bool       // text must be UTF-8
	text    frame.UTF8 // what the text so far ended with
	buf     *buffer    // of the next frame, nil if empty
	begun   bool       // the first frame is sent
	deflate *deflater  // nil: the message is not compressed
	parts   bool       // deflate has been given a part of it
	err     error      // ends every call, once set
}

// Write is io.Writer's. It sends a frame whenever 16 KiB have come together.
func (w *messageWriter) Write(p []byte) (int, error) {
	if err := w.judge(p); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) {
		if w.buf == nil {
			w.buf = getBuffer(fragmentSize)
		}
		k := min(len(p)-n, fragmentSize-len(w.buf.b))
		w.buf.b = append(w.buf.b, p[n:n+k]...)
		n += k
		const final = false
		if len(w.buf.b) == fragmentSize {
			if err := w.send(final); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// judge refuses a call whose context has ended, and text that is not UTF-8.
func (w *messageWriter) judge(p []byte) error {
	if w.err != nil {
		return w.err
	}
	if err := w.ctx.Err(); err != nil {
		return w.giveUp(canceled("write", err))
	}
	if !w.checked {
		return nil
	}
	next, bad := w.text.Next(p)
	if bad >= 0 {
		return errNotText
	}
	w.text = next
	return nil
}

// Close sends the last frame, which may be empty, and so ends the message. A text
// that ends inside a code point cannot be ended.
func (w *messageWriter) Close() error {
	if err := w.judge(nil); err != nil {
		return err
	}
	if w.checked && !w.text.Complete() {
		return w.giveUp(errNotText)
	}
	const final = true
	if err := w.send(final); err != nil {
		return err
	}
	w.err = errWriterClosed
	return nil
}

// send commits what has come together as the next frame and flushes it.
func (w *messageWriter) send(final bool) error {
	b, packed := w.compose(final)
	committed, err := w.c.sendFragment(w.ctx, &b, final)
	putBuffer(packed)
	w.drop()
	w.begun = w.begun || committed
	switch {
	case err == nil:
		return nil
	case committed && final:
		// The message is whole and will be sent; only this call ends early.
		w.err = errWriterClosed
		return err
	}
	return w.giveUp(err)
}

// compose makes the next frame of what has come together. The first one decides
// whether the message is compressed. The buffer, which may be nil, holds it.
func (w *messageWriter) compose(final bool) (body, *buffer) {
	b := body{op: w.op}
	if w.buf != nil {
		b.p, b.size = w.buf.b, len(w.buf.b)
	}
	d := w.deflate
	if d == nil || !w.begun && final && !d.wants(false, b.size) {
		w.deflate = nil
		return b, nil
	}
	packed := getPackBuffer(b.size)
	border := deflate.More
	if final {
		border = deflate.End
	}
	packed.b = d.z.AppendPart(packed.b, b.p, border)
	if !w.begun && !d.pays(b.size, len(packed.b)) {
		d.z.Undo()
		putBuffer(packed)
		w.deflate = nil
		return b, nil
	}
	w.parts = true
	b.p, b.packed = packed.b, true
	return b, packed
}

// sendFragment reports whether the frame was committed, whatever came then.
func (c *Conn) sendFragment(ctx context.Context, b *body, final bool) (committed bool, err error) {
	c.mu.Lock()
	// No further ahead of the socket than one frame, so that a pong leaves before the
	// next one (RFC 6455, section 5.5.2).
	if err := c.awaitRoom(ctx, fragmentSize); err != nil {
		c.offer()
		return false, err
	}
	c.commit(b, final)
	if final {
		c.endMessage()
	}
	return true, c.flush(ctx)
}

// giveUp ends the message because of err. If its first frame has been sent, there
// is no way to end it but with the connection.
func (w *messageWriter) giveUp(err error) error {
	w.err = err
	w.drop()
	c := w.c
	c.mu.Lock()
	switch {
	case c.writeErr() != nil:
	case w.begun:
		c.giveUpMessage()
	default:
		if w.parts {
			w.deflate.z.Undo()
		}
		c.endMessage()
	}
	c.offer()
	return err
}

// giveUpMessage ends writing with a Close between two fragments. mu is held.
func (c *Conn) giveUpMessage() {
	payload, _ := frame.AppendClose(nil, CloseInternalError, "")
	c.on(protocol.SendClose)
	c.queueClose(CloseInternalError, payload)
	e := &CloseError{Code: CloseAbnormal, Sent: c.sent, cause: errHalfMessage}
	c.endWriting(e)
	c.remember(e)
	c.armClose()
}

func (w *messageWriter) drop() {
	putBuffer(w.buf)
	w.buf = nil
}
