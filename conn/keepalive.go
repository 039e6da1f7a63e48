package conn

import (
	"sync"
	"time"
)

// keepalive finds silent and slow peers by sampling: every period it looks at how
// many bytes have come and whether a read waits. So the fast path reads no clock
// and sets no deadline. Times are counted in periods. In a wheel the ticks begin with
// the first read: there is nothing to measure before.
type keepalive struct {
	by *tickedBy // nil: no wheel, and nothing to watch

	// The place in the wheel, guarded by it.
	prev, next *Conn
	rounds     uint32 // whole turns to go
	slot       uint8

	begun bool // the ticks; the holder of the read turn's

	// The tick's.
	gaveUp bool      // the connection is cut
	silent uint32    // ticks without a byte while somebody reads
	bytes  uint32    // that had come at the last tick, modulo 2^32
	open   *progress // nil: at the last tick no read waited inside a message
}

// progress is that of a message inside which a read waits.
type progress struct {
	before uint32 // messages that had ended before it, modulo 2^32
	slow   uint32 // ticks since mark
	mark   int64  // bytes when it had last gained enough
}

// tickedBy is who calls the ticks of a connection. Those who wait in a wheel share one.
type tickedBy struct {
	wheel *Wheel     // which the connection is in; nil: in none
	own   *ownTicker // nil: the wheel does it, or there is nothing to watch
}

// ownTicker is the timer of one connection.
type ownTicker struct {
	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

// startKeepalive begins to watch c.
func (c *Conn) startKeepalive(w *Wheel) {
	period := samplePeriod(c.opt)
	if period > 0 && (w == nil || period < wheelTick) {
		own := new(ownTicker)
		c.keep.by = &tickedBy{wheel: w, own: own}
		own.mu.Lock()
		own.timer = time.AfterFunc(period, func() { own.ring(c) })
		own.mu.Unlock()
	}
	if w != nil {
		w.add(c, c.keep.begun)
	}
}

// beginTicks has the wheel call the ticks, if it does not yet. The read turn is held.
func (c *Conn) beginTicks() {
	if c.keep.begun {
		return
	}
	c.keep.begun = true
	if by := c.keep.by; by != nil && by.wheel != nil {
		by.wheel.begin(c)
	}
}

func (own *ownTicker) ring(c *Conn) {
	c.tick()
	own.mu.Lock()
	defer own.mu.Unlock()
	if !own.over {
		own.timer.Reset(c.tickPeriod())
	}
}

func (own *ownTicker) stop() {
	own.mu.Lock()
	defer own.mu.Unlock()
	own.over = true
	own.timer.Stop()
}

// stopKeepalive ends the watching.
func (c *Conn) stopKeepalive() {
	by := c.keep.by
	if by == nil {
		return
	}
	if by.wheel != nil {
		by.wheel.remove(c)
	}
	if by.own != nil {
		by.own.stop()
	}
}

// tickPeriod is the time between two ticks. A wheel has a coarser measure.
func (c *Conn) tickPeriod() time.Duration {
	period := samplePeriod(c.opt)
	if by := c.keep.by; by != nil && by.own == nil {
		period = period.Round(wheelTick)
	}
	return period
}

// samplePeriod is a quarter of the shortest interval that has to be measured.
func samplePeriod(opt *Options) time.Duration {
	shortest := time.Duration(0)
	for _, d := range []time.Duration{opt.pingInterval(), opt.pingTimeout()} {
		if opt.pingInterval() > 0 && d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	if opt.Compression != nil && opt.Compression.Takeover && (shortest == 0 || compressorRest < shortest) {
		shortest = compressorRest
	}
	if opt.minProgress() > 0 && (shortest == 0 || progressWindow < shortest) {
		shortest = progressWindow
	}
	return shortest / ticksPerInterval
}

// tick is one sample. The period has gone by since the last one.
func (c *Conn) tick() {
	k := &c.keep
	if k.gaveUp {
		return
	}
	c.restCompressor()
	bytes, waiting := c.stats.wireIn.Load(), c.readTurn.waiting.Load()
	err := c.judgeSilence(bytes, waiting)
	if err == nil {
		err = c.judgeProgress(bytes, waiting)
	}
	k.bytes = uint32(bytes)
	if err != nil {
		k.gaveUp = true
		go c.cut(err) // the Close of a foreign connection may wait, a wheel must not
	}
}

// judgeSilence sends a Ping after an interval without a byte, and gives the peer
// up after the timeout. Silence counts only while somebody reads and nothing is
// being sent: otherwise it may be ours.
func (c *Conn) judgeSilence(bytes int64, waiting uint32) error {
	k := &c.keep
	interval, timeout := c.opt.pingInterval(), c.opt.pingTimeout()
	if interval == 0 {
		return nil
	}
	if waiting == notWaiting || uint32(bytes) != k.bytes {
		k.silent = 0
		return nil
	}
	if c.sending() {
		return nil
	}
	period := c.tickPeriod()
	before := time.Duration(k.silent) * period
	k.silent++
	switch silent := before + period; {
	case before < interval && silent >= interval:
		c.keepalivePing()
	case timeout > 0 && silent >= interval+timeout:
		return errDead
	case timeout == 0 && before/interval < silent/interval:
		c.keepalivePing()
	}
	return nil
}

// sending reports whether bytes are on their way to the socket. A Ping would wait
// behind them, and with it the peer's Pong. Whether the socket still takes
// anything is what the write timeout judges.
func (c *Conn) sending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wr.busy && c.opt.writeTimeout() > 0
}

func (c *Conn) keepalivePing() {
	c.mu.Lock()
	if c.writeErr() != nil {
		c.mu.Unlock()
		return
	}
	c.queuePing(nil)
	c.offer()
}

// judgeProgress cuts a peer off that drips an unfinished message: one that did not
// gain enough in a whole progressWindow in which a read waited for it.
func (c *Conn) judgeProgress(bytes int64, waiting uint32) error {
	k := &c.keep
	if c.opt.minProgress() == 0 {
		return nil
	}
	n, open := c.stats.messagesIn.Load(), k.open
	switch {
	case waiting == betweenMessages || open != nil && open.before != n:
		k.open = nil
		return nil
	case waiting == notWaiting:
		return nil // which is our time, also if only for this moment
	case open == nil || bytes-open.mark >= c.opt.minProgress():
		k.open = &progress{before: n, mark: bytes}
		return nil
	}
	if open.slow++; time.Duration(open.slow)*c.tickPeriod() >= progressWindow {
		return errNoProgress
	}
	return nil
}
