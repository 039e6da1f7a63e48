package deflate

import "sync"

const (
	// maxTokens is the most tokens in a block: longer blocks cost bytes where
	// the data changes, shorter ones for their headers.
	maxTokens = 32 << 10

	// fewRoom: a block with less room than this ends.
	fewRoom = 512

	// stageSize is the size of the buffer in which history and input come to
	// lie one behind the other: the largest window and as much input.
	stageSize = 64 << 10

	// storedStep is the number of bytes that are stored unseen after some that
	// looked random. It doubles while they go on, up to storedMost.
	storedStep = 2 << 10
	storedMost = 16 << 10
)

// An encoder is the working space of one call. It is pooled.
type encoder struct {
	blockWriter
	matcher matcher
	fast    fastMatcher
	lazy    lazyMatcher
	table   [1 << maxTableBits]uint16
	pairs   [1 << maxTableBits]uint32
	tokens  [maxTokens + shortRun + 1]uint32
	stage   [stageSize + padding]byte
}

type matcher uint8

const (
	useFast matcher = iota
	useLazy
)

var encoders = sync.Pool{New: func() any { return new(encoder) }}

func getEncoder() *encoder { return encoders.Get().(*encoder) }

func putEncoder(e *encoder) {
	e.out, e.raw = nil, nil
	e.fast.table, e.lazy = nil, lazyMatcher{}
	encoders.Put(e)
}

func (e *encoder) resume(dst []byte, pending, bits uint8) {
	e.out, e.pending, e.n = dst, uint64(pending), uint(bits)
}

func (e *encoder) suspend() (dst []byte, pending, bits uint8) {
	return e.out, uint8(e.pending), uint8(e.n)
}

// find runs the matcher of this message.
func (e *encoder) find(s span, n int) (pos, count int, v verdict) {
	switch e.matcher {
	case useFast:
		return e.fast.find(s, e.tokens[:], n)
	case useLazy:
		return e.lazy.find(s, e.tokens[:], n)
	default:
		panic("websocket: internal error: no such matcher")
	}
}

// encode writes s.buf[s.from:s.to] as blocks.
func (e *encoder) encode(s span) {
	to, stored := s.to, storedStep
	for s.from < to {
		from, n, v := s.from, 0, spanDone
		for s.from < to && n < maxTokens-fewRoom && v == spanDone {
			s.to = min(to, s.from+maxTokens-n)
			s.from, n, v = e.find(s, n)
		}
		if n > 0 {
			e.tokens[n] = endSymbol
			e.block(e.tokens[:n+1], s.buf[from:s.from])
			stored = storedStep
		}
		if v == incompressible {
			end := min(to, s.from+stored)
			e.keep(s.buf[s.from:end])
			s.from = end
			stored = min(2*stored, storedMost)
		}
	}
	e.flushRaw()
}

// alone compresses a whole message without history.
func (c *Compressor) alone(e *encoder, msg []byte) {
	s := span{buf: msg, to: len(msg), window: c.window()}
	if len(msg) <= smallMessage {
		n := copy(e.stage[:], msg)
		s.buf = e.stage[:n+padding]
		clear(s.buf[n:])
	}
	e.freshTables(c.level, len(msg), int(c.windowBits))
	e.encode(s)
}

// withHistory compresses part of a message behind what history holds, and adds
// it to that.
func (c *Compressor) withHistory(e *encoder, part []byte) {
	if c.history == nil {
		c.history = getHistory(int(c.windowBits), c.takeover)
	}
	h := c.history
	h.prepare(c.level)
	e.useTables(*h.table, c.level, len(part))
	if c.windowBits > largeAhead && len(part) <= smallMessage {
		e.fast.ahead /= 2
	}
	c.message = min(c.message+len(part), c.window())
	if s, ok := h.append(part); ok {
		e.encode(s)
		return
	}
	// Stage by stage, each with the window before it:
	// stage[:n] history | stage[n:n+m] input | padding
	n := copy(e.stage[:], h.buf)
	for {
		m := copy(e.stage[n:stageSize], part)
		clear(e.stage[n+m : n+m+padding])
		s := span{buf: e.stage[:n+m+padding], from: n, to: n + m, base: h.end - uint16(n), window: c.window()}
		e.encode(s)
		h.end += uint16(m)
		part = part[m:]
		last := e.stage[max(0, n+m-c.window()) : n+m]
		if len(part) == 0 {
			h.replace(last)
			return
		}
		n = copy(e.stage[:], last)
	}
}
