package conn

import (
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
)

// deflater compresses what a connection sends. z belongs to the holder of the
// message turn, who gives Conn.mu back while it works.
type deflater struct {
	z         *deflate.Compressor
	level     deflate.Level
	bits      int
	takeover  bool
	threshold int
	misses    uint // messages that did not shrink and could have been a seed
	used      bool // since the last tick; guarded by Conn.mu
	packing   int  // bytes of a posted message while it is compressed; guarded by Conn.mu
}

// body is what a data frame, or a whole message, sends.
type body struct {
	op     frame.Opcode
	p      []byte // the payload, but for masking
	size   int    // bytes of the message in it
	packed bool   // p is compressed
	frame  []byte // a server's header and p, if they were put together before
	learn  []byte // what the peer's window gets of it and z has not seen
}

// agree takes what the handshake agreed on. The peer's direction is as agreed; ours
// may be less (RFC 7692, section 7.1.2).
func (c *Conn) agree(p deflate.Params) {
	k := c.opt.Compression
	if k == nil {
		k = &Compression{}
	}
	ours, theirs, want := p.FromServer(), p.FromClient(), k.Params(c.role).FromServer()
	if c.role == Client {
		ours, theirs, want = theirs, ours, k.Params(c.role).FromClient()
	}
	ours.WindowBits = min(ours.WindowBits, want.WindowBits)
	ours.Takeover = ours.Takeover && want.Takeover
	c.wr.terms.extensions = p.String()
	c.wr.terms.deflate = &deflater{
		z:         deflate.NewCompressor(ours.WindowBits, ours.Takeover, k.Level),
		level:     k.Level,
		bits:      ours.WindowBits,
		takeover:  ours.Takeover,
		threshold: k.threshold(),
	}
	c.needReader()
	c.rd.inflate = &inflater{
		z:        deflate.NewDecompressor(theirs.WindowBits, theirs.Takeover),
		takeover: theirs.Takeover,
		maxRatio: int64(max(k.MaxRatio, 0)),
	}
}

// wants reports whether a message is to be compressed. d may be nil.
func (d *deflater) wants(plain bool, size int) bool {
	return d != nil && !plain && size >= d.threshold
}

// pack compresses a message; nil if that does not pay. The message turn is held.
func (d *deflater) pack(p []byte) *buffer {
	b := getPackBuffer(len(p))
	b.b = d.z.Append(b.b, p)
	if d.pays(len(p), len(b.b)) {
		return b
	}
	d.z.Undo()
	putBuffer(b)
	return nil
}

// pays reports whether a message, or the first part of one, is to be sent compressed
// that compression makes n bytes of size.
//
// It pays if it shrinks, and a few times if it does not: a plain message is in no
// window, so that small ones which are alike, and each too small to shrink by itself,
// would never find one another. The first seeds of a connection bring a window for
// most; one in seedEvery after them finds what changes later, and costs messages that
// never shrink less than half a byte each.
func (d *deflater) pays(size, n int) bool {
	if n < size {
		return true
	}
	if !d.takeover || size < minSeed || size > 1<<d.bits/seedShare {
		return false
	}
	d.misses++
	return d.misses <= firstSeeds || d.misses%seedEvery == 0
}

// What a seed is: a message of at least minSeed bytes, so that a later one can gain by
// it, and at most one seedShare-th of the window, so that it pushes little out. It
// grows by no more than the 7 bytes of a stored block and the end.
const (
	firstSeeds = 8
	seedEvery  = 16
	minSeed    = 8
	seedShare  = 8
)

// getPackBuffer returns room for n bytes compressed: enough in any case, or, for a
// large message, half as much.
func getPackBuffer(n int) *buffer {
	return getBuffer(min(n+n/256+packSlack, max(n/2, bigBuffer)))
}

// compose makes of a message what is sent of it. The buffer, nil if it is not
// needed, holds that and is for the caller to give back. The message turn is held.
// d may be nil.
func (d *deflater) compose(m outgoing) (body, *buffer) {
	if m.prepared != nil {
		return m.prepared.body(d), nil
	}
	b := body{op: m.op, p: m.p, size: len(m.p)}
	if !d.wants(m.plain, len(m.p)) {
		return b, nil
	}
	packed := d.pack(m.p)
	if packed != nil {
		b.p, b.packed = packed.b, true
	}
	return b, packed
}

// compose gives mu back while a message is compressed, so that afterwards writing
// may have ended.
func (c *Conn) compose(m outgoing) (body, *buffer) {
	d := c.wr.deflater()
	if !d.wants(m.plain, len(m.p)) {
		return d.compose(m)
	}
	c.mu.Unlock()
	defer c.mu.Lock()
	return d.compose(m)
}

// unsend takes back a message that will not be sent although it was compressed, so
// that the next one does not refer to it. The message turn is held.
func (c *Conn) unsend(b *body) {
	if b.packed && b.frame == nil {
		c.wr.terms.deflate.z.Undo()
	}
}

// learn tells the compressor of a message that is sent and is not its work. The
// message turn is held.
func (c *Conn) learn(b *body) {
	if b.learn != nil {
		c.wr.terms.deflate.z.Learn(b.learn)
	}
}

// restCompressor drops the tables of a compressor that has had nothing to do since
// the last tick.
func (c *Conn) restCompressor() {
	d := c.wr.deflater()
	if d == nil || !d.takeover {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !d.used && !c.wr.message.held() {
		d.z.Idle()
	}
	d.used = false
}
