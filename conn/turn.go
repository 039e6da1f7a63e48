package conn

import (
	"slices"
	"sync"
)

// turn is a lock that can be waited for with a context, first come first served.
// It is guarded by the mutex that its user names.
type turn struct {
	line *line // nil: free; noLine: held, and nobody waits; lineOver: no turn is given any more
}

var noLine, lineOver = new(line), new(line)

// held reports whether somebody has the turn, or nobody gets it any more.
func (t *turn) held() bool { return t.line != nil }

// take takes the turn if it is free.
func (t *turn) take() bool {
	if t.line != nil {
		return false
	}
	t.line = noLine
	return true
}

// line is who waits for a turn, the first one first.
type line struct{ waiting []chan struct{} }

// acquire takes the turn, waiting until done is closed. mu is held at the call
// and at the return. It reports false if done ended the wait or the turn is over.
func (t *turn) acquire(mu *sync.Mutex, done <-chan struct{}) bool {
	return t.take() || t.await(mu, done)
}

func (t *turn) await(mu *sync.Mutex, done <-chan struct{}) bool {
	ch := t.enqueue()
	if ch == nil {
		return false
	}
	mu.Unlock()
	select {
	case <-ch:
		mu.Lock()
		return t.line != lineOver
	case <-done:
		mu.Lock()
		t.dequeue(ch)
		return false
	}
}

// enqueue stands in line for a held turn: the turn is ours, or over, when the
// channel is closed. It returns nil if the turn is over.
func (t *turn) enqueue() chan struct{} {
	switch t.line {
	case lineOver:
		return nil
	case noLine:
		t.line = new(line)
	}
	ch := make(chan struct{})
	t.line.waiting = append(t.line.waiting, ch)
	return ch
}

// dequeue leaves the line, and passes the turn on if it came meanwhile.
func (t *turn) dequeue(ch chan struct{}) {
	if i := slices.Index(t.line.waiting, ch); i >= 0 {
		t.line.waiting = slices.Delete(t.line.waiting, i, i+1)
		t.leave()
		return
	}
	t.release()
}

// leave drops a line in which nobody is left.
func (t *turn) leave() {
	if len(t.line.waiting) == 0 {
		t.line = noLine
	}
}

// release gives the turn to the first in line.
func (t *turn) release() {
	switch t.line {
	case lineOver:
	case noLine:
		t.line = nil
	default:
		close(t.line.waiting[0])
		t.line.waiting = t.line.waiting[1:]
		t.leave()
	}
}

// end wakes everybody in line; nobody gets the turn any more.
func (t *turn) end() {
	if t.line != nil {
		for _, ch := range t.line.waiting {
			close(ch)
		}
	}
	t.line = lineOver
}
