package client

import (
	"context"
	"sync"
)

// A Gate lets one handshake at a time go to one address (RFC 6455, section 4.1, step 2: "there MUST be no more than one
// connection in a CONNECTING state"). Others wait in order of arrival, each within its context. The zero value is
// ready; a Gate must not be copied. Safe for concurrent use.
//
// An address is an IP and a port. For that Dial resolves the name itself and tries its addresses one after the other,
// each behind its own wait, without the parallel attempts of [net.Dialer]. Behind a proxy or an [Options].DialContext
// the IP is not known: then each name and port counts as an address, and at most 16 such handshakes run at a time.
type Gate struct {
	mu    sync.Mutex
	slots map[string]*slot // those that somebody holds or waits for
}

// A slot is one address. Its channel lives only while it is used, so that a Gate outlives a testing/synctest bubble.
type slot struct {
	turn  chan struct{} // holds one element for each handshake that runs
	users int           // that run or wait; under Gate.mu
}

// everyName is the slot of all handshakes to names; no address is empty.
const everyName = ""

// enter waits for the address. leave, to be called once, lets the next one in.
func (g *Gate) enter(ctx context.Context, addr string) (leave func(), err error) {
	return g.wait(ctx, addr, 1)
}

// enterName waits for a name whose address only a proxy knows. Who holds a place among all names waits for nothing
// more, so no two can wait for each other.
func (g *Gate) enterName(ctx context.Context, addr string) (leave func(), err error) {
	leaveName, err := g.wait(ctx, addr, 1)
	if err != nil {
		return nil, err
	}
	leaveAll, err := g.wait(ctx, everyName, maxNamed)
	if err != nil {
		leaveName()
		return nil, err
	}
	return func() { leaveAll(); leaveName() }, nil
}

func (g *Gate) wait(ctx context.Context, key string, places int) (leave func(), err error) {
	s := g.join(key, places)
	select {
	case s.turn <- struct{}{}: // senders that wait are served in order
		return func() { <-s.turn; g.part(key, s) }, nil
	case <-ctx.Done():
		g.part(key, s)
		return nil, ctx.Err()
	}
}

func (g *Gate) join(key string, places int) *slot {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.slots[key]
	if s == nil {
		if g.slots == nil {
			g.slots = make(map[string]*slot)
		}
		s = &slot{turn: make(chan struct{}, places)}
		g.slots[key] = s
	}
	s.users++
	return s
}

func (g *Gate) part(key string, s *slot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(g.slots, key)
	}
}
