package conn

import (
	"sync"
	"sync/atomic"
	"time"
)

// leader is the goroutine of a poller that tells events and runs handlers.
//
// A handler that takes long must not keep the others waiting. So while there are
// handlers, a watchdog looks at beat every watchTick; when it finds the leader in
// the handler in which it found him before, it makes another goroutine the leader,
// which goes on with the batch. The old one learns of that when the handler returns,
// and ends. When that happens often, handlers run in a pool for a while.
type leader struct {
	beat    atomic.Uint64 // odd while the leader is in a handler; it only grows
	watched atomic.Bool   // the watchdog is awake
	pooled  atomic.Int32  // ticks for which handlers still run in the pool

	// The watchdog's.
	timer    *time.Timer
	seen     uint64 // beat at the last tick
	overtook int    // leaders, lately
	tick     int

	poolMu sync.Mutex
	jobs   chan *Conn // to the pool, nil without one; guarded by poolMu
}

// lead tells events until the poller is closed or another goroutine leads.
func (p *poller) lead() {
	l := &p.leader
	var in uint64 // what beat is while c is served
	left := false
	defer func() {
		if !left { // a handler has called runtime.Goexit
			p.overtake(in)
		}
	}()
	for {
		for e, w := p.next(); w != nil; e, w = p.next() {
			c := w.happened(e.Events)
			if c == nil {
				continue
			}
			in = l.beat.Load() + 1
			if !p.run(c, in) {
				left = true
				return
			}
		}
		if !p.wait() {
			p.endPool()
			left = true
			return
		}
	}
}

// run calls the handler of c for what has come. It reports false if another
// goroutine leads since.
func (p *poller) run(c *Conn, in uint64) bool {
	l := &p.leader
	if l.pooled.Load() > 0 {
		p.giveToPool(c)
		l.wakeWatchdog() // who ends the pool
		return true
	}
	l.beat.Store(in)
	l.wakeWatchdog()
	c.serveOn(false)
	return l.beat.CompareAndSwap(in, in+1)
}

func (l *leader) wakeWatchdog() {
	if !l.watched.Load() && l.watched.CompareAndSwap(false, true) {
		l.timer.Reset(watchTick)
	}
}

// look is a tick of the watchdog.
func (p *poller) look() {
	l := &p.leader
	pooled := l.pooled.Load()
	if pooled > 0 {
		l.pooled.Store(pooled - 1)
	} else {
		p.endPool()
	}
	if l.tick++; l.tick%overtakeWindow == 0 {
		l.overtook = 0
	}
	beat := l.beat.Load()
	switch {
	case beat != l.seen:
	case beat%2 == 1:
		p.overtake(beat)
		if l.overtook++; l.overtook == overtakeMax {
			l.pooled.Store(poolTicks)
		}
	case pooled > 0: // it is to end, though nothing comes any more
	default:
		// The leader sets beat and then looks at watched; here it is the other way round.
		// So it is with the pool.
		l.watched.Store(false)
		p.endPool()
		if l.beat.Load() == beat || !l.watched.CompareAndSwap(false, true) {
			return
		}
	}
	l.seen = beat
	l.timer.Reset(watchTick)
}

// overtake makes another goroutine the leader, if the present one is still in the
// handler that beat says.
func (p *poller) overtake(beat uint64) {
	l := &p.leader
	if beat%2 == 0 || !l.beat.CompareAndSwap(beat, beat+1) {
		return
	}
	go p.lead()
}

// giveToPool has one of the pool call the handler of c.
func (p *poller) giveToPool(c *Conn) {
	l := &p.leader
	l.poolMu.Lock()
	defer l.poolMu.Unlock()
	if l.jobs == nil {
		l.jobs = make(chan *Conn)
	}
	select {
	case l.jobs <- c:
	default:
		go work(c, l.jobs)
	}
}

func work(c *Conn, jobs <-chan *Conn) {
	for ok := true; ok; c, ok = <-jobs {
		c.serveOn(true)
	}
}

// endPool lets the pool go.
func (p *poller) endPool() {
	l := &p.leader
	l.poolMu.Lock()
	defer l.poolMu.Unlock()
	if l.jobs != nil {
		close(l.jobs)
		l.jobs = nil
	}
}
