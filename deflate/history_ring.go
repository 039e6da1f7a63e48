package deflate

import "sync"

// minHistory is the smallest ring that is made; it holds a few short messages.
const minHistory = 64

// ring is the end of what was inflated, up to a window: a ring that is as
// large as what was seen, rounded up to a power of two.
//
//	buf[pos:n]  the oldest bytes, once the ring is full | buf[:pos]  the newest      0 <= pos < len(buf), n <= len(buf)
//
// Until it is full, pos is n.
type ring struct {
	buf    []byte
	pos, n int
}

// save appends p, of which no more than the last window bytes matter.
func (h *ring) save(p []byte, window int) {
	if len(p) > window {
		p = p[len(p)-window:]
	}
	if want := min(h.n+len(p), window); want > len(h.buf) {
		h.grow(want)
	}
	if len(p) == 0 {
		return
	}
	k := copy(h.buf[h.pos:], p)
	copy(h.buf, p[k:])
	h.pos = (h.pos + len(p)) & (len(h.buf) - 1)
	h.n = min(h.n+len(p), len(h.buf))
}

// grow makes the ring at least want bytes large. It was full or has pos at n, and
// is put in order.
func (h *ring) grow(want int) {
	size := minHistory
	for size < want {
		size *= 2
	}
	grown := make([]byte, size)
	h.copyTo(grown, h.n)
	h.buf, h.pos = grown, h.n
}

// copyTo copies to p what begins back bytes before the end, as much as there is
// room and history for, and returns how much that was. back is 1 to n.
func (h *ring) copyTo(p []byte, back int) int {
	p = p[:min(len(p), back)]
	if len(p) == 0 {
		return 0
	}
	k := copy(p, h.buf[(h.pos-back)&(len(h.buf)-1):])
	copy(p[k:], h.buf)
	return len(p)
}

// windows are rings for messages that Fill streams on connections without
// takeover, which have no history of their own.
type window [1 << maxWindowBits]byte

var windows = sync.Pool{New: func() any { return new(window) }}
