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
	case c.broken() || w.send.Closed():
		c.mu.Unlock()
		return
	case w.pongs >= maxPongs:
		r := w.needRare()
		r.spare = append(r.spare[:0], p...)
		if r.spare == nil {
			r.spare = []byte{}
		}
	default:
		c.commitControl(frame.Pong, p)
		w.pongs++
	}
	c.offer()
}

// ping is a Ping of ours. It carries its number, so that a Pong answers every Ping
// sent before it (RFC 6455, section 5.5.3).
type ping struct {
	number uint32
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

func (c *Conn) sendPing(ctx context.Context) (rtt chan time.Duration, number uint32, err error) {
	if err := c.readErr(); err != nil {
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
func (c *Conn) queuePing(rtt chan time.Duration) uint32 {
	r := c.wr.needRare()
	if rtt == nil {
		// One Ping of the keepalive is enough, or those that nothing but data ever
		// answers would pile up.
		r.pings = slices.DeleteFunc(r.pings, func(p ping) bool { return p.rtt == nil })
	}
	c.wr.lastPing++
	p := ping{number: c.wr.lastPing, sent: time.Now(), rtt: rtt}
	r.pings = append(r.pings, p)
	c.commitControl(frame.Ping, binary.BigEndian.AppendUint64(nil, uint64(p.number)))
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
	if c.wr.rare == nil || number>>32 != 0 {
		return
	}
	open := c.wr.rare.pings
	// Numbers begin anew after 2^32 of them; it is their distance to the last that counts.
	before := c.wr.lastPing - uint32(number)
	if len(open) == 0 || before > c.wr.lastPing-open[0].number {
		return
	}
	now := time.Now()
	for len(open) > 0 && c.wr.lastPing-open[0].number >= before {
		rtt := now.Sub(open[0].sent)
		c.stats.rtt = toMicroseconds(rtt)
		open[0].answer(rtt)
		open = open[1:]
	}
	c.leavePings(open)
}

// leavePings keeps those that are still open. mu is held.
func (c *Conn) leavePings(open []ping) {
	if len(open) == 0 {
		open = nil
	}
	c.wr.rare.pings = open
	c.wr.leaveRare()
}

func (p *ping) answer(rtt time.Duration) {
	if p.rtt != nil {
		p.rtt <- rtt
	}
}

func (c *Conn) forgetPing(number uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.wr.rare; r != nil {
		c.leavePings(slices.DeleteFunc(r.pings, func(p ping) bool { return p.number == number }))
	}
}

// awaitPong waits for the Pong that rtt delivers: in line for the read turn, then
// reading, then behind data.
func (c *Conn) awaitPong(ctx context.Context, rtt chan time.Duration) (time.Duration, error) {
	if inLine := c.readTurn.enqueue(&c.mu); inLine != nil {
		select {
		case d := <-rtt:
			c.readTurn.dequeue(&c.mu, inLine)
			return d, nil
		case <-ctx.Done():
			c.readTurn.dequeue(&c.mu, inLine)
			return 0, canceled("ping", ctx.Err())
		case <-inLine:
		}
	}
	c.needReader()
	err := c.readToPong(ctx, rtt)
	c.unlockRead(ctx)
	c.wakeServe()                          // to look at what was read
	if err == nil || err == errTakenOver { // by Close, which passes Pongs too
		return c.awaitOthers(ctx, rtt)
	}
	return 0, err
}

// readToPong reads until the Pong has come or data has. The read turn is held.
func (c *Conn) readToPong(ctx context.Context, rtt chan time.Duration) error {
	for len(rtt) == 0 && !c.atData() {
		if err := c.readErr(); err != nil {
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
		return 0, c.readErr()
	case <-patience.C:
		return 0, errPingLate
	}
}
