package client

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// open makes the socket to the proxy, or to the server if via is nil. Until leave is called, the Gate holds others
// back.
func (d *dialing) open(ctx context.Context, via *proxy) (socket net.Conn, leave func(), err error) {
	gate, server := d.o.Gate, net.JoinHostPort(d.url.DialHost, d.url.Port)
	switch {
	case gate == nil:
		socket, err = d.connect(ctx, d.firstHop(via), 1)
		return socket, func() {}, err
	case via == nil && d.o.DialContext == nil:
		return d.openHost(ctx, d.url.DialHost, d.url.Port)
	}
	if leave, err = gate.enterName(ctx, server); err != nil {
		return nil, nil, during(ctx, err, "waiting for other handshakes with %q", server)
	}
	if socket, err = d.connect(ctx, d.firstHop(via), 1); err != nil {
		leave()
		return nil, nil, err
	}
	return socket, leave, nil
}

// firstHop is where the socket goes.
func (d *dialing) firstHop(via *proxy) string {
	if via != nil {
		return via.addr()
	}
	return net.JoinHostPort(d.url.DialHost, d.url.Port)
}

// openHost resolves a name and tries its addresses.
func (d *dialing) openHost(ctx context.Context, host, port string) (socket net.Conn, leave func(), err error) {
	addrs, err := d.lookup(ctx, host)
	if err != nil {
		return nil, nil, err
	}
	return d.openEach(ctx, addrs, port)
}

// openEach tries addresses, at least one, in the resolver's order, each behind the Gate.
func (d *dialing) openEach(ctx context.Context, addrs []netip.Addr, port string) (socket net.Conn, leave func(), err error) {
	for i, ip := range addrs {
		addr := net.JoinHostPort(ip.Unmap().String(), port)
		if leave, err = d.o.Gate.enter(ctx, addr); err != nil {
			return nil, nil, during(ctx, err, "waiting for other handshakes with %q", addr)
		}
		if socket, err = d.connect(ctx, addr, len(addrs)-i); err == nil {
			return socket, leave, nil
		}
		leave()
	}
	return nil, nil, err
}

// lookup finds the addresses of a name: at least one, or an error.
func (d *dialing) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, done := d.timed(ctx)
	defer done()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, during(ctx, err, "connecting to %q", host)
	}
	return addrs, nil
}

// connect opens a socket. It may take its share of the time that is left, so that one silent address of several does not
// use up all of it.
func (d *dialing) connect(ctx context.Context, addr string, share int) (net.Conn, error) {
	ctx, done := d.timed(ctx)
	defer done()
	if share > 1 && d.left > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, d.left/time.Duration(share))
		defer cancel()
	}
	dial := d.o.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, during(ctx, err, "connecting to %q", addr)
	}
	return nc, nil
}

// timed gives ctx what is left of the handshake's time. done takes off what was used, so that time between two such
// phases, at the Gate, does not count.
func (d *dialing) timed(ctx context.Context) (_ context.Context, done func()) {
	if d.left == 0 {
		return ctx, func() {}
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, d.left)
	return ctx, func() {
		cancel()
		d.left = max(d.left-time.Since(begin), 1) // 0 would mean no limit
	}
}
