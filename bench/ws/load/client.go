//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidewire/websocket/bench/internal/cpuclock"
	"github.com/tidewire/websocket/bench/ws/worker"
)

// A client is all links to one server.
type client struct {
	epoll   int
	links   []*link
	program *program
	buffer  []byte // what is read goes here and is forgotten
	events  []unix.EpollEvent
	spin    bool // there is a processor for it alone

	// Of the slice that runs:
	until    time.Time // no batch is sent later
	busy     int       // links that wait for answers
	idle     []*link   // those that have got theirs, in that order
	messages int
	bytes    int64
	times    histogram // from the first byte of a batch to the last of its answers
	heard    time.Time // when something came last
}

func newClient(spin bool) (*client, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &client{
		epoll:  epoll,
		spin:   spin,
		buffer: make([]byte, 256<<10),
		events: make([]unix.EpollEvent, 512),
	}, nil
}

// adopt puts links under the care of epoll.
func (c *client) adopt(links []*link) error {
	for _, l := range links {
		l.index = int32(len(c.links))
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: l.index}
		if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, l.fd, &event); err != nil {
			return err
		}
		if !c.program.ordered { // they begin at different places
			l.next = len(c.links) * 7 % len(c.program.batches)
		}
		c.links = append(c.links, l)
	}
	return nil
}

// close closes all links and forgets them.
func (c *client) close() {
	for _, l := range c.links {
		unix.Close(l.fd)
	}
	c.links = nil
}

// A Slice is what one stretch of work gave.
type Slice struct {
	Messages int
	Bytes    int64 // that came
	Elapsed  time.Duration
	Server   time.Duration // processor time of the server
	Reads    int           // and its calls of read and write, but not of recvfrom and sendto
	Writes   int
	Waited   time.Duration // by threads of the server, for a processor
	Load     time.Duration // processor time of the load
	P50, P99 time.Duration
}

// slice measures the server with process id pid while work runs.
func (c *client) slice(pid int, work func() error) (*Slice, error) {
	c.messages, c.bytes, c.times, c.heard = 0, 0, histogram{}, time.Now()
	before, err := look(pid)
	if err != nil {
		return nil, err
	}
	start, own := time.Now(), cpuclock.Process()
	if err := work(); err != nil {
		return nil, err
	}
	own = cpuclock.Process() - own
	after, err := look(pid)
	return &Slice{
		Messages: c.messages,
		Bytes:    c.bytes,
		Elapsed:  after.at.Sub(start),
		Server:   after.cpu - before.cpu,
		Reads:    after.reads - before.reads,
		Writes:   after.writes - before.writes,
		Waited:   after.waited - before.waited,
		Load:     own,
		P50:      c.times.quantile(0.5),
		P99:      c.times.quantile(0.99),
	}, err
}

// A state is what a server has used so far.
type state struct {
	at            time.Time
	cpu, waited   time.Duration
	reads, writes int
}

func look(pid int) (s state, err error) {
	s.at = time.Now()
	if s.cpu, err = worker.SettledCPUTime(pid); err != nil {
		return s, err
	}
	if s.waited, err = worker.Waited(pid); err != nil {
		return s, err
	}
	s.reads, s.writes, err = worker.FileCalls(pid)
	return s, err
}

// echo keeps all links busy for d, and waits for the last answers. Every link sends at
// least one batch.
func (c *client) echo(d time.Duration) error {
	start := time.Now()
	c.until, c.idle = start.Add(d), c.idle[:0]
	for _, l := range c.links {
		if err := c.send(l, time.Now()); err != nil {
			return err
		}
		c.busy++
	}
	return c.loop(func() bool { return c.busy > 0 })
}

// collect waits for n messages that the server sends by itself.
func (c *client) collect(n int) error {
	c.messages, c.heard = 0, time.Now()
	return c.loop(func() bool { return c.messages < n })
}

// send sends the next batch of a link.
func (c *client) send(l *link, now time.Time) error {
	l.out = c.program.batches[l.next]
	if l.next++; l.next == len(c.program.batches) {
		l.next = 0
	}
	l.awaited = c.program.depth
	l.sent = now
	return c.write(l)
}

// write writes, and has epoll tell when there is room for the rest.
func (c *client) write(l *link) error {
	if err := l.write(); err != nil {
		return err
	}
	rest := len(l.out) > 0
	if rest == l.armed {
		return nil
	}
	l.armed = rest
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: l.index}
	if rest {
		event.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_MOD, l.fd, &event)
}

// loop reads and writes while goOn says so.
func (c *client) loop(goOn func() bool) error {
	for goOn() {
		if err := c.turn(c.wait); err != nil {
			return err
		}
	}
	return nil
}

// turn serves what there is after a wait.
func (c *client) turn(wait func() (int, error)) error {
	n, err := wait()
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	for _, event := range c.events[:max(n, 0)] {
		if err := c.serve(c.links[event.Fd], event.Events); err != nil {
			return err
		}
	}
	if n <= 0 && time.Since(c.heard) > patience {
		return fmt.Errorf("the server has been silent for %v and owes messages on %d of %d connections", patience, c.busy, len(c.links))
	}
	return nil
}

// wait waits for events. With a processor of its own it first looks for them again and
// again: the server is not to pay for waking its peer, who would be on another machine.
func (c *client) wait() (int, error) {
	const tick, atOnce = 500, 0
	for start := time.Now(); c.spin && time.Since(start) < spinTime; {
		if n, err := c.look(atOnce); n != 0 || err != nil {
			return n, err
		}
	}
	return c.look(tick)
}

// look waits for events, at most so many milliseconds.
func (c *client) look(most int) (int, error) { return unix.EpollWait(c.epoll, c.events, most) }

// spinTime is longer than an answer takes that a server can give at once.
const spinTime = 300 * time.Microsecond

func (c *client) serve(l *link, events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := c.write(l); err != nil {
			return err
		}
	}
	if events&^unix.EPOLLOUT == 0 {
		return nil
	}
	n, err := unix.Read(l.fd, c.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return errors.New("the server has closed a connection")
	}
	now := time.Now()
	c.heard = now
	c.bytes += int64(n)
	return c.count(l, l.scan.scan(c.buffer[:n]), now)
}

// count counts messages that a link has got, and sends its next batch if the current one
// has come back.
func (c *client) count(l *link, messages int, now time.Time) error {
	c.messages += messages
	if l.awaited == 0 || messages == 0 {
		return nil
	}
	if l.awaited -= messages; l.awaited < 0 {
		return errors.New("the server has sent more messages than it got")
	}
	if l.awaited > 0 {
		return nil
	}
	c.times.add(now.Sub(l.sent))
	if now.Before(c.until) {
		return c.send(l, now)
	}
	c.busy--
	c.idle = append(c.idle, l)
	return nil
}
