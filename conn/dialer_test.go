package conn

import (
	"net"
	"sync"
	"testing"
)

// dialer makes pairs of sockets one after the other.
type dialer struct {
	mu sync.Mutex
	l  net.Listener
}

func newDialer(t testing.TB) *dialer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &dialer{l: l}
}

func (d *dialer) pair() (dialed, accepted net.Conn, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dialed, err = net.Dial("tcp", d.l.Addr().String()); err != nil {
		return nil, nil, err
	}
	if accepted, err = d.l.Accept(); err != nil {
		dialed.Close()
		return nil, nil, err
	}
	// No port is to wait for late segments: many pairs come and go.
	dialed.(*net.TCPConn).SetLinger(0)
	accepted.(*net.TCPConn).SetLinger(0)
	return dialed, accepted, nil
}
