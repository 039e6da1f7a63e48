package conn

import (
	"context"
	"errors"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/protocol"
)

// Writing, from the top. Bytes on their way out are in one of three places:
//
//	later     (in rare) posted behind a message that is not at its end yet
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
	send    protocol.Outbound
	due     bool    // a flush of what is corked has been arranged
	busy    bool    // the write turn is taken
	company company // of those who write
	pongs   uint8   // in out
	batch   uint8   // what went out together last, in units of smallBuffer

	terms   *terms // nil: those of a server that has agreed on nothing
	message turn   // guarded by Conn.mu

	out      *buffer // nil if empty
	flight   uint32  // bytes that the holder of the write turn has not sent yet, at most; the highest value stands for more
	lastPing uint32  // number of the last Ping of ours
	rare     *rare   // nil if there is nothing in it
}

// terms are what a connection has that a server's without subprotocol and extension has
// not. They are made by New.
type terms struct {
	subprotocol, extensions string // which both sides agreed on

	keys    *keys     // a client's, made with its first frame
	deflate *deflater // nil: no compression was agreed on
}

// deflater is nil if no compression was agreed on.
func (w *writer) deflater() *deflater {
	if w.terms == nil {
		return nil
	}
	return w.terms.deflate
}

// outgoing is a message of a caller's, judged.
type outgoing struct {
	op       frame.Opcode
	plain    bool // must not be compressed
	p        []byte
	prepared *Prepared // the message in place of the above, if it is not nil
}

// Write sends one message in one frame. p is the caller's again when Write
// returns and is never changed.
//
// Write returns when the bytes are with the kernel, committed behind another Write
// that will flush them, or, while more of the peer waits to be read, corked for
// Options.FlushDelay at most; a failure met later is the next call's error. If ctx
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
	var m outgoing
	if err := c.judgeOutgoing(&m, t, p); err != nil {
		return err
	}
	_, err := c.sendMessage(ctx, &m)
	return err
}

// judgeOutgoing makes m of a message, and refuses what must not be sent.
func (c *Conn) judgeOutgoing(m *outgoing, t MessageType, p []byte) (err error) {
	m.op, err = t.opcode()
	m.plain, m.p = t.isPlain(), p
	if err == nil && m.op == frame.Text && !c.opt.TrustText {
		err = judgeText(p)
	}
	return err
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
func (c *Conn) sendMessage(ctx context.Context, m *outgoing) (committed bool, err error) {
	c.mu.Lock()
	if c.commitsNow(ctx, m) {
		c.commitWhole(m.op, m.p)
		return true, c.flush(ctx)
	}
	return c.sendByTurn(ctx, m)
}

// sendByTurn is sendMessage for a message that needs more than a frame, with what
// that takes of the stack. mu is held, and released.
//
//go:noinline
func (c *Conn) sendByTurn(ctx context.Context, m *outgoing) (committed bool, err error) {
	if err := c.beginMessage(ctx); err != nil {
		c.offer()
		return false, err
	}
	b, packed := c.compose(*m)
	defer putBuffer(packed)
	if c.writeErr() != nil {
		c.endMessage()
		c.offer()
		return false, c.writeErr()
	}
	if len(b.p) > copyMax {
		err := c.writeLarge(ctx, &b)
		return err == nil, err
	}
	const final = true
	c.commit(&b, final)
	c.endMessage()
	return true, c.flush(ctx)
}

// commitsNow reports whether a message needs nothing but to be framed: no turn, no
// room, no mask and no compression. mu is held.
func (c *Conn) commitsNow(ctx context.Context, m *outgoing) bool {
	w := &c.wr
	return !w.message.held() && w.deflater() == nil && m.prepared == nil && len(m.p) <= copyMax &&
		w.committed() < highWater && c.writeErr() == nil && ctx.Err() == nil && w.send.Whole(m.op)
}

// commitWhole is commit for such a message.
func (c *Conn) commitWhole(op frame.Opcode, p []byte) {
	out := c.wr.out
	if out == nil || cap(out.b)-len(out.b) < frame.MaxHeaderLen+len(p) {
		out = c.outRoom(frame.MaxHeaderLen + len(p))
		c.wr.out = out
	}
	before := len(out.b)
	out.b = append(frame.AppendWhole(out.b, op, len(p)), p...)
	c.stats.framesOut++
	c.stats.wireOut += int64(len(out.b) - before)
	c.stats.bytesOut += int64(len(p))
}

// beginMessage takes the message turn and waits until there is room to commit.
// mu is held.
func (c *Conn) beginMessage(ctx context.Context) error {
	if c.writeErr() != nil {
		return c.writeErr()
	}
	if err := ctx.Err(); err != nil {
		return canceled("write", err)
	}
	if !c.wr.message.acquire(&c.mu, ctx.Done()) {
		if !c.wr.message.held() {
			c.commitLater(c.wr.deflater()) // the turn came too late, and nobody takes it on
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
	if c.writeErr() != nil {
		return c.writeErr()
	}
	return canceled("write", ctx.Err())
}

// endMessage frames what was posted meanwhile and gives the message turn back.
// mu is held; the caller flushes or offers.
func (c *Conn) endMessage() {
	c.commitLater(c.wr.deflater())
	c.wr.message.release()
}

// commitLater frames what was posted behind a message that is at its end,
// compressed by d if that is not nil. mu is held, and the message turn if d is not
// nil.
func (c *Conn) commitLater(d *deflater) {
	w := &c.wr
	if w.rare == nil || c.writeErr() != nil {
		return
	}
	const final = true
	for _, m := range w.rare.later {
		b, packed := d.compose(m)
		c.commit(&b, final)
		putBuffer(packed)
	}
	w.rare.later, w.rare.laterN = nil, 0
	w.leaveRare()
}

// awaitRoom waits until less than limit bytes are committed and unsent. mu and the
// message turn are held.
func (c *Conn) awaitRoom(ctx context.Context, limit int) error {
	for c.writeErr() == nil && c.wr.committed() >= limit {
		if !c.wr.busy { // corked: nobody is sending it
			c.offer()
			c.mu.Lock()
			continue
		}
		if !c.awaitChange(ctx) {
			break
		}
	}
	if c.writeErr() != nil || c.wr.committed() >= limit {
		return c.unwritten(ctx)
	}
	return nil
}

// awaitChange waits until some of what is committed is sent, or writing ends. mu
// and the message turn are held.
func (c *Conn) awaitChange(ctx context.Context) bool {
	changed := make(chan struct{})
	c.wr.needRare().room = changed
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
		return int(w.flight)
	}
	return int(w.flight) + len(w.out.b)
}

// queued is committed and what is posted and not committed yet.
func (w *writer) queued() int {
	n := w.committed()
	if w.rare != nil {
		n += w.rare.laterN
	}
	if d := w.deflater(); d != nil {
		n += d.packing
	}
	return n
}

// commit frames b behind what is committed: it will be sent whole or the
// connection ends. mu and the message turn are held, and writeErr is nil.
func (c *Conn) commit(b *body, final bool) {
	h := c.dataHeader(b, final)
	if b.frame != nil && c.role == Server {
		c.putFrame(b.frame)
	} else {
		c.put(&h, b.p)
	}
	c.stats.bytesOut += int64(b.size)
	c.learn(b)
}

// dataHeader asks for the header of b. mu and the message turn are held, and writeErr
// is nil.
func (c *Conn) dataHeader(b *body, final bool) frame.Header {
	ask := c.wr.send.Data
	if b.packed {
		ask = c.wr.send.Packed
		c.wr.terms.deflate.used = true
	}
	h, err := ask(b.op, final, len(b.p))
	if err != nil {
		panic("websocket: internal error: data behind a Close")
	}
	return h
}

// commitControl frames a control frame, which may stand between the frames of a
// message. mu is held. Behind a Close nothing is sent.
func (c *Conn) commitControl(op frame.Opcode, p []byte) error {
	h, err := c.wr.send.Control(op, len(p))
	if err != nil {
		return err
	}
	c.wr.out = reserve(c.wr.out, frame.MaxHeaderLen+len(p)) // here the stack is less deep than in put
	c.put(&h, p)
	return nil
}

// outRoom is out with room for n more bytes. Where more answers will follow, there is
// room for as many as the last time at once.
func (c *Conn) outRoom(n int) *buffer {
	if c.wr.out == nil && c.more.Load() {
		n = max(n, int(c.wr.batch)*smallBuffer)
	}
	return reserve(c.wr.out, n)
}

// put appends a header and a payload, which is nil if it follows from elsewhere.
func (c *Conn) put(h *frame.Header, p []byte) {
	// Every frame of a client has a new key (RFC 6455, section 5.3).
	if h.Masked {
		if c.wr.terms.keys == nil {
			c.wr.terms.keys = new(keys)
		}
		h.Key = c.wr.terms.keys.next()
	}
	out := c.outRoom(frame.MaxHeaderLen + len(p))
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

// putFrame appends a frame that was put together before.
func (c *Conn) putFrame(p []byte) {
	c.wr.out = c.outRoom(len(p))
	c.wr.out.b = append(c.wr.out.b, p...)
	c.stats.framesOut++
	c.stats.wireOut += int64(len(p))
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
