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
	gaveUp   bool          // the connection is cut
	bytes    int64         // that had come at the last tick
	silent   time.Duration // without a byte while somebody reads
	messages int64         // that had ended at the last tick
	inside   bool          // at the last tick a read waited inside the message that is open now
	mark     int64         // bytes when that message had last gained enough
	slow     time.Duration // since then
}

// start begins to watch c.
func (k *keepalive) start(c *Conn, w *Wheel) {
	k.period = samplePeriod(c.opt)
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
	if k.gaveUp {
		return
	}
	c.restCompressor()
	bytes, waiting := c.stats.wireIn.Load(), c.waiting.Load()
	err := c.judgeSilence(bytes, waiting)
	if err == nil {
		err = c.judgeProgress(bytes, waiting)
	}
	k.bytes = bytes
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
	if c.opt.pingInterval() == 0 {
		return nil
	}
	if waiting == notWaiting || bytes != k.bytes {
		k.silent = 0
		return nil
	}
	if c.sending() {
		return nil
	}
	before := k.silent
	k.silent += k.period
	switch {
	case before < c.opt.pingInterval() && k.silent >= c.opt.pingInterval():
		c.keepalivePing()
	case c.opt.pingTimeout() > 0 && k.silent >= c.opt.pingInterval()+c.opt.pingTimeout():
		return errDead
	case c.opt.pingTimeout() == 0 && k.silent >= 2*c.opt.pingInterval():
		k.silent -= c.opt.pingInterval()
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
	if n := c.stats.messagesIn.Load(); waiting == betweenMessages || n != k.messages {
		k.inside, k.messages = false, n
		return nil
	}
	if waiting == notWaiting {
		return nil // which is our time, also if only for this moment
	}
	if !k.inside || bytes-k.mark >= c.opt.minProgress() {
		k.inside, k.mark, k.slow = true, bytes, 0
		return nil
	}
	if k.slow += k.period; k.slow >= progressWindow {
		return errNoProgress
	}
	return nil
}
