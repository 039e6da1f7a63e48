package server

import (
	"context"
	"time"

	"github.com/tidewire/websocket/conn"
)

// Shutdown ends all connections of the group in good order. From its call on, new requests are refused with 503. Every
// connection is told so with a Close frame (see [Group.ShutdownCode] and [Group.ShutdownSpread]); what was written to
// it before is sent first. What the peer still sends up to its own Close is delivered to whoever reads. The context of
// a serve function of [Handler] ends when its connection does, not earlier.
//
// Shutdown returns nil when all connections have ended and every serve function has returned. If ctx ends first, it
// closes the sockets that are left, which makes every call on them fail, and returns the error of ctx without waiting
// for the serve functions. A peer has the connection's CloseTimeout to answer, so a ctx that lasts longer than
// ShutdownSpread and CloseTimeout together is needed only by serve functions that take their time.
//
// A group that was shut down stays so. Several calls may run at once; each waits for the same end. With http.Server,
// call its Shutdown too, before or at the same time: it ends the listening.
func (g *Group) Shutdown(ctx context.Context) error {
	empty, first := g.close()
	if first {
		g.sayGoodbye(ctx, empty)
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	g.forced = true
	g.mu.Unlock()
	for c := range g.All() {
		c.CloseNow()
	}
	return ctx.Err()
}

// close keeps newcomers out. The channel is closed when nothing is left.
func (g *Group) close() (empty <-chan struct{}, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first = !g.closing
	if first {
		g.closing = true
		g.emptyNow = make(chan struct{})
		g.checkEmpty()
	}
	return g.emptyNow, first
}

// sayGoodbye sends the Close frames, spread over ShutdownSpread. It returns early if ctx or the group ends.
func (g *Group) sayGoodbye(ctx context.Context, empty <-chan struct{}) {
	members := g.wheel.Conns()
	start := time.Now()
	for i, c := range members {
		// The i-th of n waits for i/n of the window. In floating point, as nanoseconds times connections overflow.
		due := start.Add(time.Duration(float64(g.ShutdownSpread) * float64(i) / float64(len(members))))
		if !sleepUntil(due, ctx.Done(), empty) {
			return
		}
		g.sendAway(c)
	}
}

func (g *Group) sendAway(c *conn.Conn) {
	code := g.ShutdownCode
	if !code.Sendable() {
		code = conn.CloseGoingAway // (RFC 6455, section 7.4.1)
	}
	c.BeginClose(code, shorten(g.ShutdownReason))
}

// sleepUntil reports whether the time came before one of the channels was closed.
func sleepUntil(due time.Time, stop, empty <-chan struct{}) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	case <-empty:
		return false
	}
}
