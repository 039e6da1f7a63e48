package conn

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// fdWire is a TCP socket that is taken over from its net.Conn and watched by a poller
// of ours. A net.Conn reads once in vain for every message, to find out that it has to
// wait; here a read that found less than it had room for knows it.
//
// Whoever wakes somebody sets a flag first and then looks who waits; whoever waits
// says so first and then looks at the flags. So nothing is lost between the two.
type fdWire struct {
	fd     int32         // once it was taken over: whoever has entered may use it
	number uint32        // tells its events from late ones of an earlier socket
	users  atomic.Uint32 // calls that use fd now, and its state: fdClosed, fdGone, fdLent
	flags  atomic.Uint32
	parked atomic.Pointer[parked]
	served atomic.Pointer[Conn] // that has a Receiver; nil: none

	addrs atomic.Pointer[addrs]
	from  uint32 // the peer's address, if it is IPv4
	port  uint16 // and its port
	place uint8  // in pollPlaces
}

// addrs are the addresses of a socket as far as they do not fit its fdWire. Peers with
// IPv4 have one in common.
type addrs struct {
	local *ourAddr
	from  netip.Addr // the peer's; invalid if it is IPv4
}

// ourAddr is our address, or the net.Conn that has it as long as the socket is its.
type ourAddr struct {
	netip.AddrPort
	lent *lent // nil: taken over
}

// lastAddrs is what the newest peer with IPv4 has: a server has few addresses of its own.
var lastAddrs atomic.Pointer[addrs]

// The state of fd, beside the count in fdWire.users.
const (
	fdClosed = 1 << 31 // fd is to be closed by the last of its users
	fdGone   = 1 << 30 // who has seen to it
	fdLent   = 1 << 29 // the socket is its net.Conn's yet
)

// The flags of an fdWire.
const (
	fdEdge    = 1 << iota // something may have come since the last read began
	fdEager               // a short read does not mean that nothing is left
	fdStop                // a deadline in the past interrupts reading
	fdWatched             // the poller knows it, since it first had to wait
	fdBlind               // or was told to and could not
)

// parked is where the calls of an fdWire wait. It is made when one first does.
type parked struct {
	mu       sync.Mutex
	reader   sync.Cond     // of mu, in half of the memory of a channel
	writer   chan struct{} // with room for one token; nil while nobody waits
	deadline *time.Time    // of the writer; nil: none
}

func (w *fdWire) setAddrs(local, remote netip.AddrPort) {
	w.port = remote.Port()
	last := lastAddrs.Load()
	if last == nil || last.local.AddrPort != local {
		last = &addrs{local: &ourAddr{AddrPort: local}}
		lastAddrs.Store(last)
	}
	if from := remote.Addr(); from.Is4() {
		b := from.As4()
		w.from = binary.BigEndian.Uint32(b[:])
	} else {
		last = &addrs{local: last.local, from: from}
	}
	w.addrs.Store(last)
}

func (w *fdWire) netConn() net.Conn { return nil }

func (w *fdWire) localAddr() net.Addr {
	local := w.addrs.Load().local
	if local.lent != nil {
		return local.lent.nc.LocalAddr()
	}
	return net.TCPAddrFromAddrPort(local.AddrPort)
}

func (w *fdWire) remoteAddr() net.Addr {
	addrs := w.addrs.Load()
	if l := addrs.local.lent; l != nil {
		return l.nc.RemoteAddr()
	}
	from := addrs.from
	if !from.IsValid() {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], w.from)
		from = netip.AddrFrom4(b)
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, w.port))
}

// enter begins a use of fd, unless that is closed.
func (w *fdWire) enter() bool {
	if w.users.Add(1)&(fdClosed|fdLent) == 0 {
		return true
	}
	return w.enterLent()
}

// enterLent is enter for a socket that is closed, or not ours yet.
func (w *fdWire) enterLent() bool {
	if w.users.Load()&fdClosed == 0 {
		w.takeOver()
	}
	if w.users.Load()&fdClosed == 0 {
		return true
	}
	w.leave()
	return false
}

// leave ends a use of fd. The last one of a closed wire closes it.
func (w *fdWire) leave() {
	left := w.users.Add(^uint32(0))
	if left&^fdLent == fdClosed && w.users.CompareAndSwap(left, left|fdGone) {
		pollPlaces[w.place].leave(w)
	}
}

// shut closes the socket.
func (w *fdWire) shut() {
	if l := w.addrs.Load().local.lent; l != nil {
		l.giveBack()
		return
	}
	syscall.Close(int(w.fd))
}

func (w *fdWire) close() { w.closeNow() }

func (w *fdWire) closeNow() {
	w.users.Add(1)
	if w.users.Or(fdClosed)&fdClosed == 0 {
		w.wakeReader()
		w.wakeWriter()
	}
	w.leave()
}

func (w *fdWire) closed() bool { return w.users.Load()&fdClosed != 0 }

// happened is told of events by the poller. It returns a connection whose Receiver
// is to be called for them.
func (w *fdWire) happened(events uint32) *Conn {
	const end = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
	if events&(end|syscall.EPOLLPRI) != 0 {
		// The end of the stream may come in one event with the bytes before it, and a
		// read stops before an urgent byte.
		w.flags.Or(fdEager)
	}
	if events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		w.wakeWriter()
	}
	if events&(syscall.EPOLLIN|syscall.EPOLLPRI|end) == 0 {
		return nil
	}
	w.flags.Or(fdEdge)
	w.wakeReader()
	if c := w.served.Load(); c != nil && c.claimServe() {
		return c
	}
	return nil
}

func (w *fdWire) wakeReader() {
	if p := w.parked.Load(); p != nil {
		p.mu.Lock()
		p.reader.Broadcast()
		p.mu.Unlock()
	}
}

func (w *fdWire) wakeWriter() {
	if p := w.parked.Load(); p != nil {
		p.mu.Lock()
		leaveToken(p.writer)
		p.mu.Unlock()
	}
}

func leaveToken(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// watch has the poller look at the socket from here on, if it does not yet. Before
// that, everything is tried.
func (w *fdWire) watch() bool {
	if w.flags.Or(fdWatched)&fdWatched == 0 && w.enter() {
		if pollPlaces[w.place].watch(w) != nil {
			w.flags.Or(fdBlind)
			w.wakeReader()
			w.wakeWriter()
		}
		w.leave()
	}
	return w.flags.Load()&fdBlind == 0
}

// errBlind is the end of a connection that would wait for ever.
var errBlind = errors.New("websocket: the system watches no more sockets")

func (w *fdWire) park() *parked {
	w.watch()
	if p := w.parked.Load(); p != nil {
		return p
	}
	p := new(parked)
	p.reader.L = &p.mu
	w.parked.CompareAndSwap(nil, p)
	return w.parked.Load()
}

func (w *fdWire) foresee() { w.park() }

func (w *fdWire) settle() {
	if w.enter() {
		w.leave()
	}
}

func (w *fdWire) read(p []byte) (int, error) {
	for {
		if err := w.awaitEdge(); err != nil {
			return 0, err
		}
		if n, err := w.tryRead(p); n > 0 || err != nil {
			return n, err
		}
	}
}

// readPooled holds a buffer only while a read can fill it.
func (w *fdWire) readPooled(size int) (*buffer, error) {
	for {
		if err := w.awaitEdge(); err != nil {
			return nil, err
		}
		b := getBuffer(size)
		n, err := w.tryRead(b.b[:cap(b.b)])
		b.b = b.b[:n]
		if n > 0 || err != nil {
			return b, err
		}
		putBuffer(b)
	}
}

// awaitEdge waits until there may be something to read.
func (w *fdWire) awaitEdge() error {
	for {
		switch flags := w.flags.Load(); {
		case flags&fdStop != 0:
			return os.ErrDeadlineExceeded
		case flags&fdEdge != 0 || w.closed():
			return nil
		case flags&fdBlind != 0:
			return errBlind
		}
		if p := w.parked.Load(); p != nil {
			w.awaitFlag(p)
		} else {
			w.park()
		}
	}
}

// awaitFlag waits until a flag is set that a reader looks at.
func (w *fdWire) awaitFlag(p *parked) {
	p.mu.Lock()
	for w.flags.Load()&(fdEdge|fdStop|fdBlind) == 0 && !w.closed() {
		p.reader.Wait()
	}
	p.mu.Unlock()
}

func (w *fdWire) mayRead() bool { return w.flags.Load()&fdEdge != 0 || w.closed() }

func (w *fdWire) tryRead(p []byte) (int, error) {
	if !w.mayRead() {
		return 0, nil
	}
	w.flags.And(^uint32(fdEdge)) // before the call: an edge during it counts
	if !w.enter() {
		return 0, net.ErrClosed
	}
	n, err := recv(w.fd, p)
	w.leave()
	switch {
	case err == syscall.EAGAIN:
		return 0, nil
	case err == nil && n == 0:
		err = io.EOF
	case err == nil && n < len(p) && w.flags.Load()&fdEager == 0:
		return n, nil
	}
	w.flags.Or(fdEdge)
	return n, err
}

func (w *fdWire) arrived() int {
	if !w.enter() {
		return 0
	}
	n := waiting(w.fd)
	w.leave()
	return n
}

func (w *fdWire) tryWrite(p []byte) (int, error) {
	if !w.enter() {
		return 0, net.ErrClosed
	}
	n, err := send(w.fd, p)
	w.leave()
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return n, err
}

func (w *fdWire) tryWritev(head, body []byte) (int, error) {
	switch {
	case len(head) == 0:
		return w.tryWrite(body)
	case len(body) == 0:
		return w.tryWrite(head)
	case !w.enter():
		return 0, net.ErrClosed
	}
	n, err := sendBoth(w.fd, head, body)
	w.leave()
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return n, err
}

func (w *fdWire) write(p []byte) (int, error) { return w.writev(nil, p) }

func (w *fdWire) writev(head, body []byte) (int, error) {
	n, err := 0, w.park().late()
	for tries := 0; n == 0 && err == nil; tries++ {
		if n, err = w.tryWritev(head, body); n > 0 || err != nil {
			break
		}
		if err = w.parked.Load().awaitRoom(tries); err == nil && w.flags.Load()&fdBlind != 0 {
			err = errBlind
		}
	}
	if p := w.parked.Load(); p != nil {
		p.noWriter()
	}
	return n, err
}

// awaitRoom waits until the socket may take something. The first time it only says
// where: the room may have come before.
func (p *parked) awaitRoom(tries int) error {
	p.mu.Lock()
	if tries == 0 {
		p.writer = make(chan struct{}, 1)
	}
	writer, deadline := p.writer, p.deadline
	p.mu.Unlock()
	switch {
	case tries == 0:
		return nil
	case deadline == nil:
		<-writer
		return nil
	}
	timer := time.NewTimer(time.Until(*deadline))
	defer timer.Stop()
	select {
	case <-writer: // also when the deadline has moved
	case <-timer.C:
	}
	return p.late()
}

// late is the error of a writer whose deadline has gone by.
func (p *parked) late() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deadline != nil && !time.Now().Before(*p.deadline) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (p *parked) noWriter() {
	p.mu.Lock()
	p.writer = nil
	p.mu.Unlock()
}

func (w *fdWire) tries() bool { return true }

func (w *fdWire) tellEdges(c *Conn) (told, fresh bool) {
	w.served.Store(c) // first, because the poller tells at once what is there
	fresh = w.flags.Load()&fdWatched == 0
	told = w.watch()
	return told, fresh && told
}

func (w *fdWire) resumes() bool { return true }

// setReadDeadline knows no other deadlines than those gone by, and none.
func (w *fdWire) setReadDeadline(t time.Time) {
	if t.IsZero() {
		w.flags.And(^uint32(fdStop))
		return
	}
	w.flags.Or(fdStop)
	w.wakeReader()
}

func (w *fdWire) setWriteDeadline(t time.Time) {
	if t.IsZero() && w.parked.Load() == nil {
		return
	}
	p := w.park()
	p.mu.Lock()
	p.deadline = nil
	if !t.IsZero() {
		due := t // alone on the heap
		p.deadline = &due
	}
	leaveToken(p.writer)
	p.mu.Unlock()
}

// drain looks whether or not an edge was told of: the leader may be late.
func (w *fdWire) drain(n int) {
	w.flags.Or(fdEdge)
	drainTried(w, n)
}

func (w *fdWire) closeWrite() {
	if w.enter() {
		syscall.Shutdown(int(w.fd), syscall.SHUT_WR)
		w.leave()
	}
}
