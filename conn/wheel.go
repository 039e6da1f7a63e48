package conn

import (
	"math"
	"sync"
	"time"
)

// Wheel is the timer of many connections: one runtime timer for a whole Group
// instead of one for each. The zero value is ready. It has no goroutine, and no
// timer while it is empty. Safe for concurrent use.
type Wheel struct {
	mu    sync.Mutex
	timer *time.Timer       // of the next turn, or of the one that runs; nil while empty
	slots [wheelSlots]*Conn // lists
	now   int               // the slot that was looked at last
	n     int               // connections
}

// add calls c.tick every c.tickPeriod, a multiple of wheelTick, until remove.
func (w *Wheel) add(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.insert(c)
	if w.n++; w.timer == nil {
		w.arm()
	}
}

func (w *Wheel) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(c)
	c.keep.gone = true
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
	for _, c := range due {
		c.tick()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != *own {
		return // all that were due are gone
	}
	for _, c := range due {
		if !c.keep.gone {
			w.insert(c)
		}
	}
	w.arm()
}

// due takes those out of the next slot whose time has come, if own is the wheel's
// timer.
func (w *Wheel) due(own **time.Timer) (due []*Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != *own {
		return nil
	}
	w.now = (w.now + 1) % wheelSlots
	for c := w.slots[w.now]; c != nil; {
		k := &c.keep
		next := k.next
		if k.rounds == 0 {
			w.unlink(c)
			due = append(due, c)
		} else {
			k.rounds--
		}
		c = next
	}
	return due
}

func (w *Wheel) insert(c *Conn) {
	k, ticks := &c.keep, int64(c.tickPeriod()/wheelTick)
	k.slot = uint8((int64(w.now) + ticks) % wheelSlots)
	k.rounds = uint32(min((ticks-1)/wheelSlots, math.MaxUint32))
	k.prev, k.next = nil, w.slots[k.slot]
	if k.next != nil {
		k.next.keep.prev = c
	}
	w.slots[k.slot] = c
}

// unlink takes c out of its list, if it is in one.
func (w *Wheel) unlink(c *Conn) {
	k := &c.keep
	switch {
	case k.prev != nil:
		k.prev.keep.next = k.next
	case w.slots[k.slot] == c:
		w.slots[k.slot] = k.next
	}
	if k.next != nil {
		k.next.keep.prev = k.prev
	}
	k.prev, k.next = nil, nil
}
