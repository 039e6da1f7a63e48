package conn

import (
	"math"
	"sync"
	"time"
)

// Wheel is the timer of many connections: one runtime timer for a whole Group
// instead of one for each. It is the list of them too. The zero value is ready. It has
// no goroutine, and no timer while nobody in it needs one. Safe for concurrent use.
type Wheel struct {
	mu    sync.Mutex
	timer *time.Timer           // of the next turn, or of the one that runs; nil while n is 0
	slots [wheelSlots + 1]*Conn // lists; the last one is of those who want no ticks
	now   int                   // the slot that was looked at last
	n     int                   // connections that want ticks
	ticks tickedBy              // of those
}

// Conns returns the connections that were made with w as [Setup.Wheel] and have not
// ended, in no particular order.
func (w *Wheel) Conns() []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*Conn
	for _, c := range w.slots {
		for ; c != nil; c = c.keep.next {
			all = append(all, c)
		}
	}
	return all
}

// add makes c one of w, until remove. It has ticks at once or none before begin.
func (w *Wheel) add(c *Conn, ticks bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ticks.wheel == nil {
		w.ticks.wheel = w
	}
	if c.keep.by == nil {
		c.keep.by = &w.ticks
	}
	w.insert(c, ticks)
}

// begin calls, unless c has ticks of its own or wants none, c.tick every c.tickPeriod, a
// multiple of wheelTick.
func (w *Wheel) begin(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.keep.slot == noSlot {
		return // it has ended meanwhile
	}
	w.unlink(c)
	w.insert(c, true)
}

// onWheel reports whether the ticks of c are a wheel's.
func (c *Conn) onWheel() bool { return c.keep.slot < wheelSlots }

// noSlot is the slot of a connection that was removed.
const noSlot = math.MaxUint8

func (w *Wheel) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(c)
	if c.onWheel() && w.n == 0 {
		w.timer.Stop()
		w.timer = nil
	}
	c.keep.slot = noSlot
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
	w.arm()
}

// due is those in the next slot whose time has come, if own is the wheel's timer. They
// are in the slot of their next tick then.
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
			w.insert(c, true)
			due = append(due, c)
		} else {
			k.rounds--
		}
		c = next
	}
	return due
}

func (w *Wheel) insert(c *Conn, wantsTicks bool) {
	k, ticks := &c.keep, int64(0)
	if wantsTicks && k.by.own == nil {
		ticks = int64(c.tickPeriod() / wheelTick)
	}
	k.slot, k.rounds = wheelSlots, 0
	if ticks > 0 {
		k.slot = uint8((int64(w.now) + ticks) % wheelSlots)
		k.rounds = uint32(min((ticks-1)/wheelSlots, math.MaxUint32))
		if w.n++; w.timer == nil {
			w.arm()
		}
	}
	k.prev, k.next = nil, w.slots[k.slot]
	if k.next != nil {
		k.next.keep.prev = c
	}
	w.slots[k.slot] = c
}

// unlink takes c out of its list, if it is in one.
func (w *Wheel) unlink(c *Conn) {
	k := &c.keep
	if c.onWheel() {
		w.n--
	}
	switch {
	case k.prev != nil:
		k.prev.keep.next = k.next
	case k.slot != noSlot && w.slots[k.slot] == c:
		w.slots[k.slot] = k.next
	}
	if k.next != nil {
		k.next.keep.prev = k.prev
	}
	k.prev, k.next = nil, nil
}
