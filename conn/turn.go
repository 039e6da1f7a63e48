package conn

import "sync"

// turn is a lock that can be waited for with a context, first come first served.
// Its fields are guarded by the mutex that its user names.
type turn struct {
	held    bool
	over    bool // no turn is given any more
	waiting []chan struct{}
}

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
	t.waiting = append(t.waiting, ch)
	return ch
}

// dequeue leaves the line, and passes the turn on if it came meanwhile.
func (t *turn) dequeue(ch chan struct{}) {
	for i, w := range t.waiting {
		if w == ch {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
			return
		}
	}
	t.release()
}

// release gives the turn to the first in line.
func (t *turn) release() {
	if len(t.waiting) == 0 {
		t.held = false
		return
	}
	close(t.waiting[0])
	t.waiting = t.waiting[1:]
	if len(t.waiting) == 0 {
		t.waiting = nil
	}
}

// end wakes everybody in line; nobody gets the turn any more.
func (t *turn) end() {
	t.over = true
	for _, ch := range t.waiting {
		close(ch)
	}
	t.waiting = nil
}
