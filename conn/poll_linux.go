package conn

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// poller waits for the sockets that were taken over from Go's poller: for blocking
// calls, which it wakes, and for served connections, whose handler it runs. It has
// a goroutine while it has sockets, and waits in Go's poller like any other.
//
// Events are told on edges, so a socket is registered once. The number in an event
// tells a late one, of a socket that is closed, from one of the socket that has the
// descriptor now.
type poller struct {
	fd  int
	f   *os.File
	raw syscall.RawConn

	take func(fd uintptr) bool // takeEvents, made once

	mu     sync.Mutex
	wires  []*fdWire // by descriptor
	number uint32    // of the last wire

	leader leader

	// The leader's.
	batch [pollBatch]syscall.EpollEvent
	whose [pollBatch]*fdWire // nil: nobody's, or told
	n, at int                // batch[at:n] is not told yet
}

// pollPlace has a poller while it has sockets, and a little longer: connections that
// come one by one should not make one each.
type pollPlace struct {
	mu      sync.Mutex
	p       *poller
	sockets int
	timer   *time.Timer // of the end of p, made once
	ending  bool        // timer runs
	used    bool        // there were sockets since it began to
}

// pollPlaces hold real descriptors only, so that nothing of it is ever in a bubble of
// testing/synctest.
var pollPlaces [maxPollers]pollPlace

// nextPollPlace is where the next socket goes: they take turns.
func nextPollPlace() uint8 {
	if pollers == 1 {
		return 0
	}
	return uint8(pollTurn.Add(1) % uint32(pollers))
}

var pollTurn atomic.Uint32

// pollers is how many there are.
var pollers = min(maxPollers, 1+(runtime.GOMAXPROCS(0)-1)/procsPerPoller)

// join makes sure that w can be watched. It reports false if the system has no
// descriptor for that.
func (l *pollPlace) join() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.p == nil {
		p, err := newPoller()
		if err != nil {
			return false
		}
		l.p = p
	}
	l.sockets++
	return true
}

// watch has the poller look at w, which has joined and not left.
func (l *pollPlace) watch(w *fdWire) error {
	l.mu.Lock()
	p := l.p
	l.mu.Unlock()
	return p.add(w)
}

// leave closes the socket of w, which takes its time: not under the lock.
func (l *pollPlace) leave(w *fdWire) {
	if w.flags.Load()&fdWatched != 0 && w.users.Load()&fdLent == 0 {
		l.mu.Lock()
		p := l.p
		l.mu.Unlock()
		p.remove(w)
	}
	w.shut()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets--; l.sockets > 0 {
		return
	}
	switch {
	case l.ending:
		l.used = true
	case l.timer == nil:
		l.ending, l.timer = true, time.AfterFunc(pollLinger, l.stopUnused)
	default:
		l.ending = true
		l.timer.Reset(pollLinger)
	}
}

// stopUnused ends the poller, unless it has had a socket lately.
func (l *pollPlace) stopUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used && l.sockets == 0 {
		l.used = false
		l.timer.Reset(pollLinger)
		return
	}
	l.ending, l.used = false, false
	if l.sockets == 0 && l.p != nil {
		l.p.f.Close() // which wakes the leader
		l.p = nil
	}
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	// os.NewFile gives to Go's poller what does not block.
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	p := &poller{fd: fd, f: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.f.SyscallConn(); err != nil {
		p.f.Close()
		return nil, err
	}
	p.take = p.takeEvents
	p.leader.timer = time.AfterFunc(time.Hour, p.look)
	p.leader.timer.Stop() // until there is a handler to watch
	go p.lead()
	return p, nil
}

func (p *poller) add(w *fdWire) error {
	p.mu.Lock()
	for len(p.wires) <= int(w.fd) {
		p.wires = append(p.wires, nil)
	}
	p.number++
	w.number = p.number
	p.wires[w.fd] = w
	p.mu.Unlock()

	const edge = 1 << 31 // EPOLLET, which package syscall has with a sign
	e := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLPRI | syscall.EPOLLRDHUP | edge,
		Fd:     w.fd,
		Pad:    int32(w.number),
	}
	err := syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, int(w.fd), &e)
	if err != nil {
		p.forget(w)
	}
	return err
}

func (p *poller) forget(w *fdWire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(w.fd) < len(p.wires) && p.wires[w.fd] == w { // it may have been closed before it was added
		p.wires[w.fd] = nil
	}
}

// remove has no more events come for w, which was added. The program may hold a copy of
// its descriptor, for which they would go on.
func (p *poller) remove(w *fdWire) {
	p.forget(w)
	syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, int(w.fd), nil)
}

// wait waits for events.
func (p *poller) wait() bool {
	p.n, p.at = 0, 0
	if p.raw.Read(p.take) != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.batch[:p.n] {
		p.whose[i] = p.wireOf(&p.batch[i])
	}
	return true
}

// takeEvents is the callback of wait.
func (p *poller) takeEvents(fd uintptr) bool {
	p.n = epollWait(fd, p.batch[:])
	return p.n > 0
}

// next is the next event that is not told yet and the wire that it is of, nil at the end
// of the batch. A wire that was closed since the batch came takes no notice.
func (p *poller) next() (e *syscall.EpollEvent, w *fdWire) {
	for w == nil && p.at < p.n {
		e, w = &p.batch[p.at], p.whose[p.at]
		p.whose[p.at] = nil
		p.at++
	}
	return e, w
}

// wireOf is the wire that an event is of, nil if that is closed. mu is held.
func (p *poller) wireOf(e *syscall.EpollEvent) *fdWire {
	w := p.wires[e.Fd]
	if w == nil || w.number != uint32(e.Pad) {
		return nil
	}
	return w
}
