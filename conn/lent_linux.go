package conn

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// lent is a socket that still belongs to its net.Conn: nobody has read or written since
// New. The first who does takes it over, so a connection that ends before costs no
// descriptor of its own. It is one block with the addresses of its fdWire.
type lent struct {
	addrs addrs
	local ourAddr

	nc   *net.TCPConn
	mu   sync.Mutex
	kept chan struct{} // closed when nc may go; nil: nobody keeps it
}

// borrow makes a wire of nc, which takes its socket over when it first needs it. It
// returns nil if there is no poller for it, and the system has no descriptor left for
// one.
func borrow(nc *net.TCPConn) wire {
	_, ok1 := nc.LocalAddr().(*net.TCPAddr)
	_, ok2 := nc.RemoteAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return nil // closed before it came to us
	}
	l := &lent{nc: nc}
	l.local.lent = l
	l.addrs.local = &l.local
	w := &fdWire{place: nextPollPlace()}
	w.addrs.Store(&l.addrs)
	w.flags.Store(fdEdge)
	w.users.Store(fdLent)
	if !pollPlaces[w.place].join() {
		return nil
	}
	return w
}

// takeOver makes the socket of a wire ours, if it is not yet: a copy of its descriptor,
// and the net.Conn is closed, which has no part in it any more. The caller uses w, so
// nobody closes it meanwhile.
func (w *fdWire) takeOver() {
	l := w.addrs.Load().local.lent
	if l == nil {
		return // somebody else was faster
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.users.Load()&fdLent == 0 {
		return
	}
	fd, copied, err := l.descriptor()
	if err != nil {
		w.closeNow() // the program has closed nc
		return
	}
	w.fd = fd
	if copied {
		w.setAddrs(addrPort(l.nc.LocalAddr()), addrPort(l.nc.RemoteAddr()))
		l.nc.Close()
	}
	w.users.And(^uint32(fdLent))
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// descriptor is a copy of that of nc, or, if the system has none left, the very one.
func (l *lent) descriptor() (fd int32, copied bool, err error) {
	raw, err := l.nc.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	n := -1
	if err = raw.Control(func(old uintptr) { n = dup(old) }); err != nil || n >= 0 {
		return int32(n), true, err
	}
	fd, err = l.keep(raw)
	return fd, false, err
}

// keep has nc keep its descriptor open, whoever closes nc, until giveBack: as long as a
// call of Control runs. That takes a goroutine, which waits as long as the connection
// lives: the price where the system has no descriptor left.
func (l *lent) keep(raw syscall.RawConn) (fd int32, err error) {
	kept, running := make(chan struct{}), make(chan struct{})
	go func() {
		failed := raw.Control(func(old uintptr) {
			fd = int32(old)
			close(running)
			<-kept
		})
		if failed != nil {
			err = failed
			close(running)
		}
	}()
	<-running
	if err == nil {
		l.kept = kept
	}
	return fd, err
}

// giveBack closes nc.
func (l *lent) giveBack() {
	if l.kept != nil {
		close(l.kept)
	}
	l.nc.Close()
}
