package conn

import (
	"sync"
	"sync/atomic"
)

// readTurn is the turn to read. A program that reads in a loop takes it and gives it
// back for every message, and is nearly always alone with it: then that costs one
// atomic step each. As soon as somebody has to wait, a line says who has it.
type readTurn struct {
	mu    sync.Mutex    // guards line
	line  turn          // held while state is turnLined
	state atomic.Uint32 // turnFree, turnHeld, turnLined

	waiting atomic.Uint32 // what the holder waits for: notWaiting, betweenMessages, insideMessage
}

// The states of a readTurn.
const (
	turnFree  = iota
	turnHeld  // by somebody behind whom nobody waits
	turnLined // line says by whom
)

// What a read waits for.
const (
	notWaiting = iota
	betweenMessages
	insideMessage // or inside a frame
)

// take takes the turn if it is free.
func (t *readTurn) take() bool { return t.state.CompareAndSwap(turnFree, turnHeld) }

// acquire takes the turn, waiting until done is closed. It reports false if done
// ended the wait.
func (t *readTurn) acquire(done <-chan struct{}) bool {
	return t.take() || t.await(done)
}

func (t *readTurn) await(done <-chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.takeOrLine() {
		return true
	}
	got := t.line.acquire(&t.mu, done)
	t.settle()
	return got
}

// enqueue stands in line for the turn, which is ours when the channel is closed. It
// returns nil if the turn was free: then it is ours at once.
func (t *readTurn) enqueue() chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.takeOrLine() {
		return nil
	}
	return t.line.enqueue()
}

// dequeue leaves the line, and passes the turn on if it came meanwhile.
func (t *readTurn) dequeue(ch chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line.dequeue(ch)
	t.settle()
}

// takeOrLine takes the turn, or else makes sure that the line says that it is held.
// mu is held.
func (t *readTurn) takeOrLine() bool {
	for t.state.Load() != turnLined {
		if t.take() {
			return true
		}
		if t.state.CompareAndSwap(turnHeld, turnLined) {
			t.line.take()
		}
	}
	return false
}

// release gives the turn to the first in line.
func (t *readTurn) release() {
	if !t.state.CompareAndSwap(turnHeld, turnFree) {
		t.releaseLine()
	}
}

func (t *readTurn) releaseLine() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line.release()
	t.settle()
}

// settle ends the line when the turn is free. mu is held.
func (t *readTurn) settle() {
	if !t.line.held() {
		t.state.Store(turnFree)
	}
}
