package conn

import (
	"context"
	"io"
)

// Reader begins the next message and returns a reader of its payload, for messages
// of any size: it holds no more than one buffer of 64 KiB, and Options.StreamLimit
// alone bounds it. The reader returns io.EOF at the end of the message, and an error
// instead of its last bytes if the message breaks a rule; text is valid UTF-8 only
// once io.EOF has come.
//
// ctx bounds Reader and every Read of what it returns. A Read that it ends costs
// the connection nothing. The next read call of any kind ends this message: it
// drops what is left, or, if nothing was handed out yet, returns the message
// itself; the reader then fails with ErrAbandoned. So a reader may simply be left.
//
// The reader is for one goroutine, with no other read call beside it.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	r := &messageReader{c: c, ctx: ctx}
	t, err := r.begin(ctx)
	if err != nil {
		return 0, nil, err
	}
	return t, r, nil
}

// messageReader reads the message that reader.stream says is its own.
type messageReader struct {
	c      *Conn
	ctx    context.Context // of the call that made it
	handed bool            // bytes were handed out
	err    error           // io.EOF or ErrAbandoned
}

// begin waits for the next message and makes it r's.
func (r *messageReader) begin(ctx context.Context) (MessageType, error) {
	c := r.c
	if err := c.lockRead(ctx); err != nil {
		return 0, err
	}
	c.leaveStream()
	err := c.skip(ctx)
	if err == nil && !c.rd.in.InMessage() {
		// A message that a canceled read began is there already.
		err = c.advance(ctx)
	}
	t := MessageType(c.rd.in.Message())
	if err == nil {
		c.rd.stream = r
	}
	c.unlockRead(ctx)
	if err == errTakenOver {
		err = c.outcome(ctx)
	}
	return t, err
}

// leaveStream makes an unfinished message of a Reader the next call's, or, if part
// of it has been handed out, nobody's. The read turn is held.
func (c *Conn) leaveStream() {
	rd := c.rd
	if rd.stream == nil {
		return
	}
	if rd.stream.handed {
		rd.drop, rd.kept = true, nil
	}
	rd.stream = nil
}

// Read is io.Reader's.
func (r *messageReader) Read(p []byte) (int, error) {
	return r.read(r.ctx, p)
}

func (r *messageReader) read(ctx context.Context, p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if err := r.c.lockRead(ctx); err != nil {
		return 0, err
	}
	n, err := r.next(ctx, p)
	r.c.unlockRead(ctx)
	switch err {
	case errTakenOver:
		err = r.c.outcome(ctx)
	case io.EOF, ErrAbandoned:
		r.err = err
	}
	return n, err
}

// next hands out the next bytes of the message, those first that a canceled Read
// had collected.
func (r *messageReader) next(ctx context.Context, p []byte) (int, error) {
	rd := r.c.rd
	switch {
	case rd.stream != r:
		return 0, ErrAbandoned
	case len(p) == 0:
		return 0, nil
	case len(rd.kept) > 0:
		n := copy(p, rd.kept)
		rd.kept = rd.kept[n:]
		r.handed = true
		return n, nil
	}
	if rd.in.Compressed() {
		return r.streamPacked(ctx, p)
	}
	return r.stream(ctx, p)
}

func (r *messageReader) stream(ctx context.Context, p []byte) (int, error) {
	c := r.c
	for {
		if err := c.advance(ctx); err != nil {
			return 0, err
		}
		if err := c.judgeSize(c.opt.streamLimit()); err != nil {
			return 0, err
		}
		if left := c.rd.in.Left(); left > 0 {
			n, err := c.take(ctx, p[:min(int64(len(p)), left)])
			if err != nil {
				return 0, err
			}
			if n == 0 {
				continue
			}
			if err := c.pass(p[:n]); err != nil {
				return 0, err
			}
			r.handed = true
			c.endFragment()
			return n, nil
		}
		if c.rd.in.Final() {
			return 0, c.endStream()
		}
		c.endFragment()
	}
}

// endStream ends the final frame: io.EOF, unless the message breaks a rule as a
// whole.
func (c *Conn) endStream() error {
	if _, err := c.rd.in.End(); err != nil {
		return c.fail(err)
	}
	c.messageEnded()
	return io.EOF
}

// endFragment ends a frame that is read to its last byte and is not the message's
// last, so that a Ping beside the Reader may look at what follows.
func (c *Conn) endFragment() {
	if c.rd.in.Left() == 0 && !c.rd.in.Final() {
		c.rd.in.End() // nothing is judged at the end of such a frame
	}
}
