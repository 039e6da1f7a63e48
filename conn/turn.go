package conn

import (
	"slices"
	"sync"
)

// turn is a lock that can be waited for with a context, first come first served.
// Its fields are guarded by the mutex that its user names.
type turn struct {
	line *line // nil: nobody waits
	held bool
	over bool // no turn is given any more
}

// line is who waits for a turn, the first one first.
type line struct{ waiting []chan struct{} }

// acquire takes the turn, waiting until done is closed. mu is held at the call
// and at the return. It reports false if done ended the wait or the turn is over.
func (t *turn) acquire(mu *sync.Mutex, done <-chan struct{}) bool {
	if !t.held && !t.over {
		t.held = true
		return true
	}
	ch := t.enqueue()
	if ch == nil {
		return false
	}
	mu.Unlock()
	select {
	case <-ch:
		mu.Lock()
		return !t.over
	case <-done:
		mu.Lock()
		t.dequeue(ch)
		return false
	}
}

// enqueue stands in line for a held turn: the turn is ours, or over, when the
// channel is closed. It returns nil if the turn is over.
func (t *turn) enqueue() chan struct{} {
	if t.over {
		return nil
	}
	ch := make(chan struct{})
	if t.line == nil {
		t.line = new(line)
	}
	t.line.waiting = append(t.line.waiting, ch)
	return ch
}

// dequeue leaves the line, and passes the turn on if it came meanwhile.
func (t *turn) dequeue(ch chan struct{}) {
	if l := t.line; l != nil {
		if i := slices.Index(l.waiting, ch); i >= 0 {
			l.waiting = slices.Delete(l.waiting, i, i+1)
			t.leave()
			return
		}
	}
	t.release()
}

// leave drops a line in which nobody is left.
func (t *turn) leave() {
	if len(t.line.waiting) == 0 {
		t.line = nil
	}
}

// release gives the turn to the first in line.
func (t *turn) release() {
	if t.line == nil {
		t.held = false
		return
	}
	close(t.line.waiting[0])
	t.line.waiting = t.line.waiting[1:]
	t.leave()
}

// end wakes everybody in line; nobody gets the turn any more.
func (t *turn) end() {
	t.over = true
	if t.line == nil {
		return
	}
	for _, ch := range t.line.waiting {
		close(ch)
	}
	t.line = nil
}
