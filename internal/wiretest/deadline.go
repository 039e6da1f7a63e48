package wiretest

import (
	"sync"
	"time"
)

// A deadline belongs to one direction of one end and lives under the pipe's mutex. Its timer is made when it is set: a kept
// one could be carried out of a testing/synctest bubble.
type deadline struct {
	passed bool
	timer  *time.Timer // nil: none is running
}

// set moves the deadline to t; the zero time means none. changed is what waits for it.
func (d *deadline) set(t time.Time, changed *sync.Cond) {
	d.stop()
	d.passed = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		changed.Broadcast()
		return
	}
	var own *time.Timer
	own = time.AfterFunc(wait, func() {
		changed.L.Lock()
		defer changed.L.Unlock()
		if d.timer != own { // moved while this callback was on its way
			return
		}
		d.timer, d.passed = nil, true
		changed.Broadcast()
	})
	d.timer = own
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
