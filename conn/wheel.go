package conn

import (
	"sync"
	"time"
)

// Wheel is the timer of many connections: one runtime timer for a whole Group
// instead of one for each. The zero value is ready. It has no goroutine, and no
// timer while it is empty. Safe for concurrent use.
type Wheel struct {
	mu    sync.Mutex
	timer *time.Timer       // of the next turn, or of the one that runs; nil while empty
	slots [wheelSlots]*spot // lists
	now   int               // the slot that was looked at last
	n     int               // connections
}

// spot is the place of one connection in a wheel.
type spot struct {
	c          *Conn
	ticks      int // of its period
	slot       int
	rounds     int // whole turns to go
	prev, next *spot
	gone       bool
}

// add calls c.tick every period, a multiple of wheelTick, until remove.
func (w *Wheel) add(c *Conn, period time.Duration) *spot {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &spot{c: c, ticks: int(period / wheelTick)}
	w.insert(s)
	if w.n++; w.timer == nil {
		w.arm()
	}
	return s
}

func (w *Wheel) remove(s *spot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(s)
	s.gone = true
	if w.n--; w.n == 0 {
		w.timer.Stop()
		w.timer = nil
	}
}

// arm makes a new timer each time: a wheel may be used from different synctest
// bubbles one after the other, a timer may not. mu is held.
func (w *Wheel) arm() {
	var t *time.Timer
	t = time.AfterFunc(wheelTick, func() { w.turn(&t) })
	w.timer = t
}

// turn looks at the next slot and calls the ticks outside the lock. It arms the
// next turn only if the wheel was never empty since it was armed itself: else
// another timer runs already, or none has to.
func (w *Wheel) turn(own **time.Timer) {
	due := w.due(own)
	for _, s := range due {
		s.c.tick()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != *own {
		return // all that were due are gone
	}
	for _, s := range due {
		if !s.gone {
			w.insert(s)
		}
	}
	w.arm()
}

// due takes those out of the next slot whose time has come, if own is the wheel's
// timer.
func (w *Wheel) due(own **time.Timer) (due []*spot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != *own {
		return nil
	}
	w.now = (w.now + 1) % wheelSlots
	for s := w.slots[w.now]; s != nil; {
		next := s.next
		if s.rounds == 0 {
			w.unlink(s)
			due = append(due, s)
		} else {
			s.rounds--
		}
		s = next
	}
	return due
}

func (w *Wheel) insert(s *spot) {
	s.slot = (w.now + s.ticks) % wheelSlots
	s.rounds = (s.ticks - 1) / wheelSlots
	s.prev, s.next = nil, w.slots[s.slot]
	if s.next != nil {
		s.next.prev = s
	}
	w.slots[s.slot] = s
}

// unlink takes s out of its list, if it is in one.
func (w *Wheel) unlink(s *spot) {
	switch {
	case s.prev != nil:
		s.prev.next = s.next
	case w.slots[s.slot] == s:
		w.slots[s.slot] = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}
