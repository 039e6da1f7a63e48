package conn

import (
	"context"
	"fmt"
	"io"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
)

// inflater is what reading compressed messages needs beside reader: a payload
// comes together in gathered, unmasked, and from there is inflated into the
// message. It belongs to the holder of the read turn.
type inflater struct {
	z        *deflate.Decompressor
	takeover bool
	maxRatio int64 // 0: none

	gathered *buffer // gathered.b[pos:] is not inflated yet; nil if that is nothing
	pos      int
	wire     int64 // payload bytes of the open message so far, as they came
	last     int   // what a message inflated to, to begin the next one with
}

// waiting is what was gathered and is not inflated.
func (f *inflater) waiting() []byte {
	if f.gathered == nil {
		return nil
	}
	return f.gathered.b[f.pos:]
}

// drop forgets the first n gathered bytes; an empty buffer is given back.
func (f *inflater) drop(n int) {
	if f.gathered == nil {
		return
	}
	f.pos += n
	if f.pos == len(f.gathered.b) {
		putBuffer(f.gathered)
		f.gathered, f.pos = nil, 0
	}
}

// forget drops the open message where no later one refers to it.
func (f *inflater) forget() {
	f.drop(len(f.waiting()))
	f.z.Reset()
}

// limit is what the open message may inflate to, given a read limit, 0 for none;
// negative means no limit.
func (f *inflater) limit(limit int64) int64 {
	if limit <= 0 {
		limit = -1
	}
	if f.maxRatio > 0 && f.wire <= (1<<62)/f.maxRatio {
		if most := max(f.wire*f.maxRatio, ratioFree); limit < 0 || most < limit {
			return most
		}
	}
	return limit
}

// judge is the rule that a message broke which inflates to more than limit says.
func (f *inflater) judge(limit int64) error {
	if most := f.limit(limit); most != limit {
		return &frame.Error{Code: CloseTooBig, Section: "10.4",
			Msg: fmt.Sprintf("message inflates to more than %d times its size", f.maxRatio)}
	}
	return overLimit(limit)
}

// gather moves payload of the open frame, unmasked, to what waits to be inflated.
// Its buffer grows with the bytes that have come.
func (c *Conn) gather(ctx context.Context) error {
	f := c.rd.inflate
	f.gathered = reserve(f.gathered, 1)
	b := f.gathered.b
	room := b[len(b):cap(b)]
	n, err := c.take(ctx, room[:min(int64(len(room)), c.rd.in.Left())])
	if err != nil || n == 0 {
		f.drop(0)
		return err
	}
	f.gathered.b = b[:len(b)+n]
	return c.passPacked(room[:n])
}

// passPacked hands compressed payload to the rules.
func (c *Conn) passPacked(p []byte) error {
	if err := c.rd.in.Payload(p); err != nil {
		return c.fail(err)
	}
	c.rd.inflate.wire += int64(len(p))
	return nil
}

// packedPayload moves the rest of the open frame, and what it inflates to, into m.
// A message that has come whole is inflated where it lies.
func (c *Conn) packedPayload(ctx context.Context, m *message) error {
	rd, f := c.rd, c.rd.inflate
	if n := rd.in.Left(); f.gathered == nil && rd.in.Final() && int64(len(rd.buffered())) >= n {
		p := rd.buffered()[:n]
		if err := c.passPacked(p); err != nil {
			return err
		}
		const end = true
		err := c.inflate(m, p, end)
		rd.consume(len(p))
		return err
	}
	for rd.in.Left() > 0 {
		if err := c.gather(ctx); err != nil {
			return err
		}
		if len(f.waiting()) >= gatherMax {
			if err := c.inflateGathered(m, false); err != nil {
				return err
			}
		}
	}
	if rd.in.Final() {
		return c.inflateGathered(m, true)
	}
	return nil
}

func (c *Conn) inflateGathered(m *message, end bool) error {
	p := c.rd.inflate.waiting()
	err := c.inflate(m, p, end)
	c.rd.inflate.drop(len(p))
	return err
}

// inflate inflates p, the next piece of the open message, behind m. end says that
// it is the last.
func (c *Conn) inflate(m *message, p []byte, end bool) error {
	f, limit := c.rd.inflate, c.readLimit()
	if m.lend && m.b == nil {
		m.pooled = getBuffer(min(max(f.last, 4*len(p)), bigBuffer))
		m.b = m.pooled.b
	}
	have := len(m.b)
	b, err := f.z.Append(m.b, p, end, f.limit(limit))
	switch {
	case err == deflate.ErrTooLarge:
		return c.fail(f.judge(limit))
	case err != nil:
		return c.fail(err)
	}
	m.moved(b)
	if end {
		f.last = len(b) - m.base + inflateSlack
	}
	return c.passInflated(b[have:])
}

// passInflated hands inflated bytes to the rules.
func (c *Conn) passInflated(p []byte) error {
	if err := c.rd.in.Inflated(p); err != nil {
		return c.fail(err)
	}
	c.rd.size += int64(len(p))
	return nil
}

// inflateStream inflates what was gathered into p, for messages that are not
// collected, up to limit bytes of the message. It returns io.EOF with the last bytes
// of a message that is there to its end.
func (c *Conn) inflateStream(p []byte, limit int64) (int, error) {
	rd, f := c.rd, c.rd.inflate
	most := f.limit(limit)
	if most >= 0 {
		// One byte more shows that there are more; the others cost nothing.
		p = p[:min(int64(len(p)), max(most-rd.size, 0)+1)]
	}
	end := c.atData() && rd.in.Final() && rd.in.Left() == 0
	n, used, err := f.z.Fill(p, f.waiting(), end)
	f.drop(used)
	if err != nil && err != io.EOF {
		return 0, c.fail(err)
	}
	if most >= 0 && rd.size+int64(n) > most {
		return 0, c.fail(f.judge(limit))
	}
	if err := c.passInflated(p[:n]); err != nil {
		return 0, err
	}
	return n, err
}

// streamPacked is stream for a compressed message.
func (r *messageReader) streamPacked(ctx context.Context, p []byte) (int, error) {
	c := r.c
	for {
		n, err := c.inflateStream(p, c.opt.streamLimit())
		if err == io.EOF {
			return n, c.endStream()
		}
		if n > 0 || err != nil {
			r.handed = r.handed || n > 0
			return n, err
		}
		if err := c.advance(ctx); err != nil {
			return 0, err
		}
		if c.rd.in.Left() > 0 {
			if err := c.gather(ctx); err != nil {
				return 0, err
			}
		}
		c.endFragment()
	}
}

// skipPacked drops the rest of the open frame of a compressed message. Where later
// messages may refer to it, it is inflated all the same (RFC 7692, section 7.2.2),
// unless nobody will read them.
func (c *Conn) skipPacked(ctx context.Context) error {
	f := c.rd.inflate
	if !f.takeover || c.closerReads() {
		f.forget()
		c.rd.in.Drop()
		return c.skipPlain(ctx)
	}
	for c.rd.in.Left() > 0 {
		if err := c.gather(ctx); err != nil {
			return err
		}
		if len(f.waiting()) >= gatherMax {
			if err := c.skipGathered(); err != nil {
				return err
			}
		}
	}
	if c.rd.in.Final() {
		return c.skipGathered()
	}
	return nil
}

// skipGathered inflates what was gathered to nowhere. Like a plain message that is
// dropped it may have any size.
func (c *Conn) skipGathered() error {
	scratch := getBuffer(midBuffer)
	defer putBuffer(scratch)
	const limit = 0
	for {
		n, err := c.inflateStream(scratch.b[:cap(scratch.b)], limit)
		switch {
		case err == io.EOF:
			return nil
		case err != nil || n == 0:
			return err
		}
	}
}
