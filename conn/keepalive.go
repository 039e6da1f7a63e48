package conn

import (
	"sync"
	"time"
)

// keepalive finds silent and slow peers by sampling: every period it looks at how
// many bytes have come and whether a read waits. So the fast path reads no clock
// and sets no deadline.
type keepalive struct {
	period time.Duration // 0: nothing to watch
	wheel  *Wheel        // nil: timer is ours
	spot   *spot         // in wheel

	mu    sync.Mutex // guards timer and over
	timer *time.Timer
	over  bool

	// The tick's.
	bytes    int64                       // that had come at the last tick
	silent   time.Duration               // without a byte while somebody reads
	messages int64                       // that had ended at the last tick
	slow     int                         // samples at which a read waited inside one and the same message
	since    time.Duration               // after the last of them
	window   [ticksPerInterval + 1]int64 // bytes at the last of them
}

// start begins to watch c.
func (k *keepalive) start(c *Conn, w *Wheel) {
	k.period = samplePeriod(&c.opt)
	switch {
	case k.period == 0:
	case w != nil && k.period >= wheelTick:
		k.period = k.period.Round(wheelTick)
		k.wheel, k.spot = w, w.add(c, k.period)
	default:
		k.mu.Lock()
		k.timer = time.AfterFunc(k.period, func() { k.onTimer(c) })
		k.mu.Unlock()
	}
}

// samplePeriod is a quarter of the shortest interval that has to be measured.
func samplePeriod(opt *settings) time.Duration {
	shortest := time.Duration(0)
	for _, d := range []time.Duration{opt.pingInterval, opt.pingTimeout} {
		if opt.pingInterval > 0 && d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	if opt.minProgress > 0 && (shortest == 0 || progressWindow < shortest) {
		shortest = progressWindow
	}
	return shortest / ticksPerInterval
}

func (k *keepalive) onTimer(c *Conn) {
	c.tick()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.over {
		k.timer.Reset(k.period)
	}
}

// stop ends the watching.
func (k *keepalive) stop() {
	if k.wheel != nil {
		k.wheel.remove(k.spot)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over = true
	if k.timer != nil {
		k.timer.Stop()
	}
}

// tick is one sample. The period has gone by since the last one.
func (c *Conn) tick() {
	k := &c.keep
	bytes, waiting := c.stats.wireIn.Load(), c.waiting.Load()
	if err := c.judgeSilence(bytes, waiting); err != nil {
		c.cut(err)
		return
	}
	if err := c.judgeProgress(bytes, waiting); err != nil {
		c.cut(err)
		return
	}
	k.bytes = bytes
}

// judgeSilence sends a Ping after an interval without a byte, and gives the peer
// up after the timeout. Silence counts only while somebody reads: otherwise it is
// ours.
func (c *Conn) judgeSilence(bytes int64, waiting uint32) error {
	k := &c.keep
	if c.opt.pingInterval == 0 {
		return nil
	}
	if waiting == notWaiting || bytes != k.bytes {
		k.silent = 0
		return nil
	}
	before := k.silent
	k.silent += k.period
	switch {
	case before < c.opt.pingInterval && k.silent >= c.opt.pingInterval:
		c.keepalivePing()
	case c.opt.pingTimeout > 0 && k.silent >= c.opt.pingInterval+c.opt.pingTimeout:
		return errDead
	case c.opt.pingTimeout == 0 && k.silent >= 2*c.opt.pingInterval:
		k.silent -= c.opt.pingInterval
		c.keepalivePing()
	}
	return nil
}

func (c *Conn) keepalivePing() {
	c.mu.Lock()
	if c.wr.err != nil {
		c.mu.Unlock()
		return
	}
	c.queuePing(nil)
	c.offer()
}

// judgeProgress cuts a peer off that drips an unfinished message: one that gained
// too little over a whole progressWindow in which a read waited for it.
func (c *Conn) judgeProgress(bytes int64, waiting uint32) error {
	k := &c.keep
	if c.opt.minProgress == 0 {
		return nil
	}
	if n := c.stats.messagesIn.Load(); waiting != insideMessage || n != k.messages {
		k.slow, k.messages = 0, n
		return nil
	}
	if k.since += k.period; k.slow > 0 && k.since < progressWindow/ticksPerInterval {
		return nil
	}
	copy(k.window[:], k.window[1:])
	k.window[ticksPerInterval] = bytes
	k.since, k.slow = 0, k.slow+1
	if k.slow > ticksPerInterval && bytes-k.window[0] < c.opt.minProgress {
		return errNoProgress
	}
	return nil
}
