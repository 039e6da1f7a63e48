package conn

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/tidewire/websocket/frame"
)

// pong answers a Ping with its payload, unless our Close is sent
// (RFC 6455, section 5.5.2). It never waits: behind a socket that takes nothing
// up to maxPongs queue, and then the newest replaces the one before it, which
// RFC 6455, section 5.5.3 allows. So a flood of pings costs no memory.
func (c *Conn) pong(p []byte) {
	c.mu.Lock()
	w := &c.wr
	switch {
	case w.broken || w.send.Closed():
		c.mu.Unlock()
		return
	case w.pongs >= maxPongs:
		w.spare = append(w.spare[:0], p...)
		if w.spare == nil {
			w.spare = []byte{}
		}
	default:
		c.commitControl(frame.Pong, p)
		w.pongs++
	}
	c.offer()
}

// pings are our Pings that were not answered yet, in the order in which they were
// sent. Each carries its number, so that a Pong answers every Ping sent before it
// (RFC 6455, section 5.5.3). Guarded by Conn.mu.
type pings struct {
	last uint64 // number of the last Ping
	open []ping
}

type ping struct {
	number uint64
	sent   time.Time
	rtt    chan time.Duration // with room for one; nil: nobody waits
}

// Ping sends a Ping and waits for its Pong (RFC 6455, section 5.5.2). It returns
// the time between.
//
// Somebody has to read for a Pong to be seen: a read call, or, while there is
// none, Ping itself. It stops before data, which is a read call's; from then on it
// waits until such a call passes its Pong, its context ends, or 30 s have gone. A
// Ping that fails so costs the connection nothing.
//
// Safe for concurrent use.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	rtt, number, err := c.sendPing(ctx)
	if err != nil {
		return 0, err
	}
	d, err := c.awaitPong(ctx, rtt)
	if err != nil {
		c.forgetPing(number)
	}
	return d, err
}

func (c *Conn) sendPing(ctx context.Context) (rtt chan time.Duration, number uint64, err error) {
	if err := c.readErr.Load(); err != nil {
		return nil, 0, err
	}
	c.mu.Lock()
	if err := c.writeErr(); err != nil {
		c.mu.Unlock()
		return nil, 0, err
	}
	if err := ctx.Err(); err != nil {
		c.mu.Unlock()
		return nil, 0, canceled("ping", err)
	}
	rtt = make(chan time.Duration, 1)
	number = c.queuePing(rtt)
	c.offer()
	return rtt, number, nil
}

// queuePing commits the next Ping. mu is held and writeErr is nil.
func (c *Conn) queuePing(rtt chan time.Duration) uint64 {
	if rtt == nil {
		// One Ping of the keepalive is enough, or those that nothing but data ever
		// answers would pile up.
		c.pings.open = slices.DeleteFunc(c.pings.open, func(p ping) bool { return p.rtt == nil })
	}
	c.pings.last++
	p := ping{number: c.pings.last, sent: time.Now(), rtt: rtt}
	c.pings.open = append(c.pings.open, p)
	c.commitControl(frame.Ping, binary.BigEndian.AppendUint64(nil, p.number))
	return p.number
}

// ponged takes a Pong. One that answers no Ping of ours is nothing
// (RFC 6455, section 5.5.3).
func (c *Conn) ponged(p []byte) {
	if len(p) != 8 {
		return
	}
	number := binary.BigEndian.Uint64(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	open := c.pings.open
	if len(open) == 0 || number < open[0].number || number > c.pings.last {
		return
	}
	now := time.Now()
	for len(open) > 0 && open[0].number <= number {
		c.stats.rtt = now.Sub(open[0].sent)
		open[0].answer(c.stats.rtt)
		open = open[1:]
	}
	if len(open) == 0 {
		open = nil
	}
	c.pings.open = open
}

func (p *ping) answer(rtt time.Duration) {
	if p.rtt != nil {
		p.rtt <- rtt
	}
}

func (c *Conn) forgetPing(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, p := range c.pings.open {
		if p.number == number {
			c.pings.open = append(c.pings.open[:i:i], c.pings.open[i+1:]...)
			return
		}
	}
}

// awaitPong waits for the Pong that rtt delivers: in line for the read turn, then
// reading, then behind data.
func (c *Conn) awaitPong(ctx context.Context, rtt chan time.Duration) (time.Duration, error) {
	c.readMu.Lock()
	if c.readTurn.held {
		inLine := c.readTurn.enqueue()
		c.readMu.Unlock()
		select {
		case d := <-rtt:
			c.leaveLine(inLine)
			return d, nil
		case <-ctx.Done():
			c.leaveLine(inLine)
			return 0, canceled("ping", ctx.Err())
		case <-inLine:
		}
	} else {
		c.readTurn.held = true
		c.readMu.Unlock()
	}
	c.needReader()
	err := c.readToPong(ctx, rtt)
	c.unlockRead(ctx)
	if err == nil || err == errTakenOver { // by Close, which passes Pongs too
		return c.awaitOthers(ctx, rtt)
	}
	return 0, err
}

func (c *Conn) leaveLine(inLine chan struct{}) {
	c.readMu.Lock()
	c.readTurn.dequeue(inLine)
	c.readMu.Unlock()
}

// readToPong reads until the Pong has come or data has. The read turn is held.
func (c *Conn) readToPong(ctx context.Context, rtt chan time.Duration) error {
	for len(rtt) == 0 && !c.atData() {
		if err := c.readErr.Load(); err != nil {
			return err
		}
		if err := c.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitOthers waits for a read call to pass the Pong.
func (c *Conn) awaitOthers(ctx context.Context, rtt chan time.Duration) (time.Duration, error) {
	patience := time.NewTimer(pongPatience)
	defer patience.Stop()
	select {
	case d := <-rtt:
		return d, nil
	case <-ctx.Done():
		return 0, canceled("ping", ctx.Err())
	case <-c.Done():
		return 0, c.readErr.Load()
	case <-patience.C:
		return 0, errPingLate
	}
}
