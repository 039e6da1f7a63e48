package conn

import (
	"sync"
	"sync/atomic"
)

// buffer is pooled memory. Its users set len(b); cap(b) is one of the classes,
// or more, and then no pool takes it: see recall.
type buffer struct {
	b      []byte
	shares atomic.Int32 // owners beside the first
}

// share makes one more owner.
func (b *buffer) share() { b.shares.Add(1) }

// shared reports whether there are others beside the one who asks.
func (b *buffer) shared() bool { return b.shares.Load() > 0 }

// dropBuffer is called by each owner, at the end of his share; the last one gives the
// buffer back.
func dropBuffer(b *buffer) {
	if b != nil && b.shares.Add(-1) < 0 {
		b.shares.Store(0)
		putBuffer(b)
	}
}

const (
	smallBuffer = 4 << 10  // what a read starts with
	midBuffer   = 16 << 10 // a fragment
	bigBuffer   = 64 << 10 // the largest that is ever pooled
)

// Each class is twice the one before, so that lent memory, with a buffer to read
// into beside it, stays below twice what it holds and 8 KiB.
var pools = [5]struct {
	size int
	pool sync.Pool
}{
	{size: smallBuffer}, {size: 2 * smallBuffer}, {size: midBuffer}, {size: 2 * midBuffer}, {size: bigBuffer},
}

// getBuffer returns an empty buffer with room for n bytes.
func getBuffer(n int) *buffer {
	for i := range pools {
		p := &pools[i]
		if n > p.size {
			continue
		}
		if b, ok := p.pool.Get().(*buffer); ok {
			return b
		}
		return &buffer{b: make([]byte, 0, p.size)}
	}
	return getLarge(n, n)
}

// getLarge returns an empty buffer with room for at least least bytes, which are more
// than bigBuffer, and at most most.
func getLarge(least, most int) *buffer {
	if b := largeBuffers.get(least, most); b != nil {
		return b
	}
	return &buffer{b: makeLarge(least)}
}

// makeLarge returns empty memory with room for n bytes. It begins some
// way behind the border of a page: where all large memory of Go's begins, and where
// the system's own copy of a message does, behind a frame header of up to 14 bytes. To
// copy between two places whose distance within a page is 1 to 15 bytes takes twice as
// long (AMD EPYC, rep movsb), and so does every message that is written from memory at
// such a border.
func makeLarge(n int) []byte { return make([]byte, aside+n)[aside:aside] }

const aside = 64

// putBuffer gives a buffer back; nil is fine. Nobody may hold its bytes.
func putBuffer(b *buffer) {
	if b == nil {
		return
	}
	poison(b.b[:cap(b.b)])
	b.b = b.b[:0]
	if cap(b.b) > bigBuffer {
		largeBuffers.put(b)
		return
	}
	for i := range pools {
		if cap(b.b) == pools[i].size {
			pools[i].pool.Put(b)
			return
		}
	}
}

// reserve returns b, or a larger copy of it, with room for n more bytes.
func reserve(b *buffer, n int) *buffer {
	switch {
	case b == nil:
		return getBuffer(n)
	case cap(b.b)-len(b.b) >= n:
		return b
	}
	larger := getBuffer(max(len(b.b)+n, 2*cap(b.b)))
	larger.b = append(larger.b, b.b...)
	putBuffer(b)
	return larger
}
