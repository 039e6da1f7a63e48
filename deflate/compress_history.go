package deflate

import "sync"

// A history is what a Compressor keeps from message to message.
//
//	buf  the bytes before the next one, at most a window of them
//	end  the position behind them, modulo 1<<16
type history struct {
	bits  uint8
	level Level // of table
	end   uint16
	buf   []byte
	table *table // nil while idle
}

// A table is the memory of a matcher.
type table struct {
	head  []uint16 // positions
	pairs []uint32 // of level Better only: see lazyMatcher
}

var (
	histories [maxWindowBits + 1]sync.Pool
	tables    [Better + 1][maxWindowBits + 1]sync.Pool
)

// firstHistory is the least that is reserved for bytes of history.
const firstHistory = 256

// getHistory returns an empty history. One that is kept from message to message is
// new: it grows with what its connection sends, where one of the pool has the size
// that others needed.
func getHistory(windowBits int, takeover bool) *history {
	if !takeover {
		if h, ok := histories[windowBits].Get().(*history); ok {
			return h
		}
	}
	return &history{bits: uint8(windowBits)}
}

// putHistory gives h back, with the capacity of its buffer.
func putHistory(h *history) {
	h.dropTables()
	h.buf, h.end = h.buf[:0], 0
	histories[h.bits].Put(h)
}

func (h *history) window() int { return 1 << h.bits }

// forget removes n bytes in front of the last ones. These move to the positions
// of the former: entries of the table for either are stale then.
func (h *history) forget(n, last int) {
	to := len(h.buf) - min(last, len(h.buf))
	n = min(n, to)
	h.buf = append(h.buf[:to-n], h.buf[to:]...)
	h.end -= uint16(n)
}

// learn adds bytes that are not to be compressed: the last window of them. Few
// positions are entered in the table, as after Idle, and none while it is idle.
func (h *history) learn(p []byte) {
	p = p[max(0, len(p)-h.window()):]
	if len(h.buf)+len(p) > h.window() {
		h.slide(min(len(h.buf), h.window()-max(len(p), h.window()/8)))
	}
	from := len(h.buf)
	h.reserve(from + len(p))
	h.buf = append(h.buf, p...)
	h.end += uint16(len(p))
	if h.table != nil {
		h.enter(from)
	}
}

// append adds a small part in place, and says where it lies. It refuses a part
// that would push too much out of the window.
//
// Sliding the window for each message would cost more than a small message
// does: so as to slide rarely an eighth is made free.
func (h *history) append(part []byte) (span, bool) {
	room := h.window() / 8
	if len(part)+padding > room {
		return span{}, false
	}
	if len(h.buf)+len(part)+padding > h.window() {
		h.slide(h.window() - room)
	}
	n := len(h.buf)
	h.reserve(n + len(part) + padding)
	h.buf = append(h.buf, part...)
	end := len(h.buf)
	padded := h.buf[:end+padding]
	clear(padded[end:])
	s := span{buf: padded, from: n, to: end, base: h.end - uint16(n), window: h.window()}
	h.end += uint16(len(part))
	return s, true
}

// slide keeps the last n bytes.
func (h *history) slide(n int) {
	h.buf = h.buf[:copy(h.buf, h.buf[len(h.buf)-n:])]
}

// replace sets the bytes; end has been set.
func (h *history) replace(p []byte) {
	h.reserve(len(p))
	h.buf = append(h.buf[:0], p...)
}

// reserve makes room for n bytes in all. It doubles, so that a short-lived
// connection does not hold a window that it never filled.
func (h *history) reserve(n int) {
	if n <= cap(h.buf) {
		return
	}
	size := max(firstHistory, cap(h.buf))
	for size < n {
		size *= 2
	}
	grown := make([]byte, len(h.buf), size)
	copy(grown, h.buf)
	h.buf = grown
}
