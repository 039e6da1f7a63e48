package conn

import (
	"slices"
	"sync"
	"weak"
)

// recall knows large buffers that were given back, and does not keep them: it has weak
// pointers, so what nobody has taken again is gone with the next collection. New memory
// of that size costs more than what it is for: it is cleared, it is touched page by page
// for the first time, and a few of them are a collection.
//
// A pool would keep them for two collections, and an idle process may wait minutes for
// one. It is never asked for more than what it gives: a buffer is taken for what has
// come, like a new one.
type recall struct {
	mu   sync.Mutex
	have []recalled // the newest is the last; with dead ones among them
}

type recalled struct {
	size int
	b    weak.Pointer[buffer]
}

// recallMax is how many a recall knows: some 3 KiB.
const recallMax = 128

// largeBuffers are those over bigBuffer.
var largeBuffers recall

// put is told of a buffer that is nobody's any more.
func (r *recall) put(b *buffer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.have == nil {
		r.have = make([]recalled, 0, recallMax)
	}
	if len(r.have) == recallMax {
		r.have = slices.Delete(r.have, 0, 1)
	}
	r.have = append(r.have, recalled{size: cap(b.b), b: weak.Make(b)})
}

// get returns the newest buffer of at least and at most so many bytes that is still
// there, or nil. It is the caller's alone.
func (r *recall) get(least, most int) *buffer {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.have) - 1; i >= 0; i-- {
		e := r.have[i]
		if e.size < least || e.size > most {
			continue
		}
		r.have = slices.Delete(r.have, i, i+1)
		if b := e.b.Value(); b != nil {
			return b
		}
	}
	return nil
}
