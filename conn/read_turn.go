package conn

import (
	"sync"
	"sync/atomic"
)

// readTurn is the turn to read. A program that reads in a loop takes it and gives it
// back for every message, and is nearly always alone with it: then that costs one
// atomic step each. As soon as somebody has to wait, a line says who has it. The line is
// guarded by Conn.mu, which those bring who may need it.
type readTurn struct {
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
func (t *readTurn) acquire(mu *sync.Mutex, done <-chan struct{}) bool {
	return t.take() || t.await(mu, done)
}

func (t *readTurn) await(mu *sync.Mutex, done <-chan struct{}) bool {
	mu.Lock()
	defer mu.Unlock()
	if t.takeOrLine() {
		return true
	}
	got := t.line.await(mu, done)
	t.settle()
	return got
}

// enqueue stands in line for the turn, which is ours when the channel is closed. It
// returns nil if the turn was free: then it is ours at once.
func (t *readTurn) enqueue(mu *sync.Mutex) chan struct{} {
	mu.Lock()
	defer mu.Unlock()
	if t.takeOrLine() {
		return nil
	}
	return t.line.enqueue()
}

// dequeue leaves the line, and passes the turn on if it came meanwhile.
func (t *readTurn) dequeue(mu *sync.Mutex, ch chan struct{}) {
	mu.Lock()
	defer mu.Unlock()
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
func (t *readTurn) release(mu *sync.Mutex) {
	if !t.state.CompareAndSwap(turnHeld, turnFree) {
		t.releaseLine(mu)
	}
}

func (t *readTurn) releaseLine(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	t.line.release()
	t.settle()
}

// settle ends the line when the turn is free. mu is held.
func (t *readTurn) settle() {
	if !t.line.held() {
		t.state.Store(turnFree)
	}
}
