package server

import (
	"net"
	"net/http"
	"net/netip"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/handshake"
)

// place is room in a Group for one connection; the zero place is that of a connection without a Group. It is given by
// admit, and then either given up or joined, and left when the connection ends.
type place struct {
	g      *Group
	ip     netip.Addr // invalid: does not count
	memory int64      // reserved for context takeover, in bytes
}

// admit gives a place to a client, or an *handshake.Error. g may be nil.
func (g *Group) admit(client *opening) (place, error) {
	if g == nil {
		return place{}, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p := place{g: g}
	if g.LimitPerIP > 0 {
		p.ip = network(client.remote())
	}
	switch {
	case g.closing:
		return place{}, full(http.StatusServiceUnavailable, "RFC 9110, section 15.6.4", "server is shutting down")
	case g.Limit > 0 && g.conns+g.pending >= g.Limit:
		return place{}, full(http.StatusServiceUnavailable, "RFC 6455, section 10.4", "server has no room left")
	case p.ip.IsValid() && g.perIP[p.ip] >= g.LimitPerIP:
		return place{}, full(http.StatusTooManyRequests, "RFC 6455, section 10.4", "client has too many connections")
	}
	g.pending++
	if p.ip.IsValid() {
		if g.perIP == nil {
			g.perIP = make(map[netip.Addr]int)
		}
		g.perIP[p.ip]++
	}
	return p, nil
}

func full(status int, where, msg string) *handshake.Error {
	return &handshake.Error{Status: status, Place: where, Msg: msg}
}

// network is the address of remote ("IP:port") that counts: all of IPv4, 64 bits of IPv6.
func network(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{} // a unix socket
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(64)
		ip = prefix.Addr()
	}
	return ip
}

func (p place) wheel() *conn.Wheel {
	if p.g == nil {
		return nil
	}
	return &p.g.wheel
}

// reserve sets memory aside for what a connection keeps from message to message, in bytes, if the group has as much
// left. It is called once, and the memory goes back with the place.
func (p *place) reserve(memory int64) bool {
	if p.g == nil {
		return true
	}
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	if limit := p.g.takeoverLimit(); limit >= 0 && p.g.takeover+memory > limit {
		return false
	}
	p.g.takeover += memory
	p.memory = memory
	return true
}

// giveUp gives back a place that no connection has taken.
func (p place) giveUp() {
	if p.g == nil {
		return
	}
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	p.g.pending--
	p.vacate()
}

// onEnd is the hook of the connection that takes p; nil if there is nothing to do. t may be nil. Where many connections
// wait it is one for all of them, or the tail alone.
func (p place) onEnd(t *tail) endHook {
	switch {
	case t == nil && p.g == nil:
		return nil
	case t == nil && p.isPlain():
		return p.g.leftHook()
	case t == nil:
		return func(*conn.Conn, error) { p.leave() }
	case p.isPlain():
		t.group = p.g
		return t.end
	}
	return func(c *conn.Conn, err error) {
		p.leave()
		t.end(c, err)
	}
}

// isPlain reports whether p holds nothing but room for one connection.
func (p place) isPlain() bool { return !p.ip.IsValid() && p.memory == 0 }

// leftHook is the hook of a connection in a plain place, the same for all.
func (g *Group) leftHook() endHook {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left == nil {
		g.left = func(*conn.Conn, error) { place{g: g}.leave() }
	}
	return g.left
}

// join makes the connection and its member in one step, so that it cannot end in between. shut says that Shutdown came
// while the handshake was answered.
func (p *opening) join() (c *conn.Conn, shut bool) {
	g := p.place.g
	if g == nil {
		return p.connect(), false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c = p.connect()
	g.conns++
	g.pending--
	return c, g.closing
}

// sayGoodbyeTo ends a connection that came when the group was shut down.
func (g *Group) sayGoodbyeTo(c *conn.Conn) {
	g.mu.Lock()
	forced := g.forced
	g.mu.Unlock()
	if forced {
		c.CloseNow()
	} else {
		g.sendAway(c)
	}
}

// connect has the large frame of a Setup by itself.
//
//go:noinline
func (p *opening) connect() *conn.Conn { return conn.New(p.nc, p.setup, p.options.Conn) }

// leave takes an ended connection out.
func (p place) leave() {
	if p.g == nil {
		return
	}
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	p.g.conns--
	p.vacate()
}

// vacate is called with the lock held.
func (p place) vacate() {
	p.g.takeover -= p.memory
	if p.ip.IsValid() {
		if p.g.perIP[p.ip]--; p.g.perIP[p.ip] == 0 {
			delete(p.g.perIP, p.ip)
		}
	}
	p.g.checkEmpty()
}

// begin counts a serve function that will run, and done one that has returned. g may be nil.
func (g *Group) begin() { g.countServe(+1) }
func (g *Group) done()  { g.countServe(-1) }

func (g *Group) countServe(n int) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serving += n
	g.checkEmpty()
}

// checkEmpty tells Shutdown that nothing is left. It is called with the lock held.
func (g *Group) checkEmpty() {
	if g.emptyNow == nil || g.conns+g.pending+g.serving > 0 {
		return
	}
	select {
	case <-g.emptyNow: // told before
	default:
		close(g.emptyNow)
	}
}
