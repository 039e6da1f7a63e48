package conn

import (
	"context"
	"flag"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tidewire/websocket/internal/alone"
)

// pollerPair is a connection that a poller serves with r, and its peer.
func pollerPair(t testing.TB, d *dialer, r Receiver) (c, peer *Conn) {
	t.Helper()
	near, far, err := d.pair()
	if err != nil {
		t.Fatal(err)
	}
	c = New(near, Setup{Role: Server}, quiet())
	if c.NetConn() != nil {
		t.Fatal("the poller did not take a TCP connection over")
	}
	if err := c.Serve(r); err != nil {
		t.Fatal(err)
	}
	peer = New(far, Setup{Role: Client}, quiet())
	t.Cleanup(func() { c.CloseNow(); peer.CloseNow() })
	return c, peer
}

// A handler that waits, in Message or in Closed, keeps nobody else waiting.
func TestBlockedHandlerStallsNobody(t *testing.T) {
	for _, where := range []string{"Message", "Closed"} {
		t.Run(where, func(t *testing.T) {
			d := newDialer(t)
			begun, release := make(chan struct{}, 1), make(chan struct{})
			block := func() { begun <- struct{}{}; <-release }
			r := echoing(t)
			if where == "Message" {
				echo := r.message
				r.message = func(c *Conn, m Message) {
					if string(m.Data) == "block" {
						block()
					}
					echo(c, m)
				}
			} else {
				r.closed = func(*Conn, error) { block() }
			}
			c, blocked := pollerPair(t, d, r)
			others := make([]*Conn, 8) // on every poller
			for i := range others {
				_, others[i] = pollerPair(t, d, echoing(t))
			}
			if where == "Message" {
				blocked.Write(t.Context(), Text, []byte("block"))
			} else {
				blocked.CloseNow()
			}
			<-begun
			for range 100 {
				for _, o := range others {
					wantEcho(t, o, "meanwhile")
				}
			}
			// And the same connection's next message waits.
			if where == "Message" {
				blocked.Write(t.Context(), Text, []byte("behind it"))
				wantEcho(t, others[0], "once more")
				if n := c.stats.messagesIn.Load(); n != 1 {
					t.Errorf("%d messages were read while the first one's handler runs", n)
				}
			}
			close(release)
			if where == "Message" {
				wantMessage(t, blocked, Text, "block")
				wantMessage(t, blocked, Text, "behind it")
				wantEcho(t, blocked, "and on")
			}
			c.CloseNow()
			<-c.Done()
		})
	}
}

// Many handlers that wait go to a pool, which ends when the time of the pool is over;
// then handlers run in the leader again.
func TestManyBlockedHandlers(t *testing.T) {
	const blocked = 200
	d := newDialer(t)
	var running sync.WaitGroup
	release := make(chan struct{})
	running.Add(blocked)
	r := &receiver{message: func(c *Conn, m Message) {
		if string(m.Data) == "block" {
			running.Done()
			<-release
		}
		c.Write(context.Background(), m.Type, m.Data)
	}}
	peers := make([]*Conn, blocked)
	for i := range peers {
		_, peers[i] = pollerPair(t, d, r)
	}
	var inLeader atomic.Bool
	_, free := pollerPair(t, d, &receiver{message: func(c *Conn, m Message) {
		stack := make([]byte, 4<<10)
		stack = stack[:runtime.Stack(stack, false)]
		inLeader.Store(strings.Contains(string(stack), "(*poller).lead"))
		c.Write(context.Background(), m.Type, m.Data)
	}})
	for _, p := range peers {
		p.Write(t.Context(), Text, []byte("block"))
	}
	running.Wait() // all of them at once
	for range 20 {
		wantEcho(t, free, "free")
	}
	close(release)
	for _, p := range peers {
		wantMessage(t, p, Text, "block")
	}
	for _, p := range peers {
		wantEcho(t, p, "and back")
	}
	// Without any traffic the pool ends, and after that nobody needs it.
	spinUntil(t, func() bool { return workers() == 0 })
	spinUntil(t, func() bool {
		wantEcho(t, free, "in the leader")
		return inLeader.Load()
	})
}

// workers counts the goroutines of pools.
func workers() int {
	buf := make([]byte, 8<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "conn.work(")
}

// A peer that sends without end does not starve the others.
func TestFloodStarvesNobody(t *testing.T) {
	d := newDialer(t)
	_, flood := pollerPair(t, d, &receiver{})
	_, other := pollerPair(t, d, echoing(t))
	stop := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		p := make([]byte, 1<<10)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := flood.Write(context.Background(), Binary, p); err != nil {
				t.Errorf("the flood ended: %v", err)
				return
			}
		}
	}()
	for range 100 {
		wantEcho(t, other, "me too")
	}
	close(stop)
	<-over
}

// runtime.Goexit in a handler ends the leader's goroutine and not its work.
func TestGoexitDoesNotEndThePoller(t *testing.T) {
	d := newDialer(t)
	for range 20 {
		_, other := pollerPair(t, d, echoing(t))
		c, gone := pollerPair(t, d, &receiver{message: func(*Conn, Message) { runtime.Goexit() }})
		gone.Write(t.Context(), Text, []byte("x"))
		gone.Discard(t.Context())
		<-c.Done()
		wantEcho(t, other, "still led")
		if n := leaders(); n == 0 || n > pollers+1 {
			t.Errorf("%d leaders", n)
		}
	}
}

var manyShort = flag.Int("manyshort", 0, "how many short connections TestShortConnections makes; 0: as many as fit a test")

// Connections that come and go at once: nothing is lost, nothing leaked, no byte and no
// event goes to another connection.
func TestShortConnections(t *testing.T) {
	n := 10_000
	switch {
	case *manyShort > 0:
		n = *manyShort
	case testing.Short():
		n = 2000
	}
	first, second, err := newDialer(t).pair() // and whatever Go's own poller needs
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	second.Close()
	spinUntil(t, func() bool { return leaders() == 0 })
	before, start := openDescriptors(t), time.Now()
	var number, served atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		d := newDialer(t)
		all.Go(func() {
			for {
				i := number.Add(1)
				if i > int64(n) || t.Failed() {
					return
				}
				if shortConnection(t, d, int(i)) {
					served.Add(1)
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	spinUntil(t, func() bool { return leaders() == 0 && workers() == 0 })
	wantNoneOfOurs(t)
	t.Logf("%d connections, %d of them served, in %v", n, served.Load(), time.Since(start))
	spinUntil(t, func() bool { return openDescriptors(t) <= before+16 }) // the listeners
}

// shortConnection is one short life: a message there and, mostly, one back, both with
// the connection's number, ended in one of many ways. It reports whether our end was
// served.
func shortConnection(t *testing.T, d *dialer, i int) (served bool) {
	near, far, err := d.pair()
	if err != nil {
		t.Error(err)
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	s := &shortLife{t: t, ctx: ctx, i: i, text: fmt.Sprintf("connection %d", i), over: make(chan error, 1)}
	c, peer := New(near, Setup{Role: Server}, quiet()), New(far, Setup{Role: Client}, quiet())
	defer c.CloseNow()
	defer peer.CloseNow()
	if served = i%2 == 0; served {
		c.Serve(s)
	} else {
		go s.read(c)
	}
	if i%32 == 3 || i%32 == 4 { // without a word
		peer.CloseNow()
	} else {
		s.ask(peer)
		s.end(c, peer)
	}
	select {
	case <-s.over:
	case <-ctx.Done():
		t.Errorf("%s does not end", s.text)
	}
	return served
}

// shortLife is a shortConnection with its number, and its Receiver.
type shortLife struct {
	t    *testing.T
	ctx  context.Context
	i    int
	text string // the only message
	over chan error
}

func (s *shortLife) Message(c *Conn, m Message) {
	s.echo(c, m.Type, m.Data)
	if s.endsItself() {
		c.CloseNow()
	}
}

// endsItself reports whether the handler ends the connection, with its answer on the way.
func (s *shortLife) endsItself() bool { return s.i%16 == 2 }

func (s *shortLife) Closed(_ *Conn, err error) { s.over <- err }

func (s *shortLife) echo(c *Conn, typ MessageType, p []byte) {
	if string(p) != s.text {
		s.t.Errorf("%s got %q", s.text, p)
	}
	c.Write(s.ctx, typ, p)
}

// read is the life without a Receiver.
func (s *shortLife) read(c *Conn) {
	typ, p, err := c.Read(s.ctx)
	if err == nil {
		s.echo(c, typ, p)
		if _, p, err = c.Read(s.ctx); err == nil {
			s.t.Errorf("%s got %q behind its message", s.text, p)
		}
	}
	s.over <- err
}

// ask is what the peer does.
func (s *shortLife) ask(peer *Conn) {
	if err := peer.Write(s.ctx, Text, []byte(s.text)); err != nil {
		s.t.Errorf("%s: Write = %v", s.text, err)
	}
	switch _, p, err := peer.Read(s.ctx); {
	case err == nil && string(p) != s.text:
		s.t.Errorf("the peer of %s got %q", s.text, p)
	case err != nil && !s.endsItself():
		s.t.Errorf("the peer of %s: %v", s.text, err)
	}
}

// end ends the connection from one side or both.
func (s *shortLife) end(c, peer *Conn) {
	switch s.i % 8 {
	case 0, 1:
		peer.Close()
	case 4:
		c.CloseNow()
	case 5:
		go c.CloseNow()
		peer.CloseNow()
	default:
		peer.CloseNow()
	}
}

// Without a descriptor to spare for a poller a connection stays on its net.Conn, and
// without one for the copy of its own it uses that of its net.Conn: nothing is lost,
// nothing leaked.
func TestExhaustedDescriptors(t *testing.T) {
	if !alone.Run(t) { // with few descriptors
		return
	}
	d := newDialer(t)
	first, second, err := d.pair()
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 1, 2, 3} {
		before := openDescriptors(t)
		exhaust(t, d, room)
		spinUntil(t, func() bool { return leaders() == 0 && openDescriptors(t) == before })
	}
	first.Close()
	second.Close()
}

// exhaust makes connections while no more than room descriptors are left.
func exhaust(t *testing.T, d *dialer, room int) {
	const pairs = 10
	var nears, fars []net.Conn
	for range pairs {
		near, far, err := d.pair()
		if err != nil {
			t.Fatal(err)
		}
		nears, fars = append(nears, near), append(fars, far)
	}
	hoard := hoardDescriptors(t, room)
	var kept, taken int
	var cs, peers []*Conn
	for i := range nears {
		c := New(nears[i], Setup{Role: Server}, quiet())
		if err := c.Serve(echoing(t)); err != nil {
			t.Fatal(err)
		}
		peer := New(fars[i], Setup{Role: Client}, quiet())
		for _, nc := range []net.Conn{c.NetConn(), peer.NetConn()} {
			if nc != nil {
				kept++
			} else {
				taken++
			}
		}
		wantEcho(t, peer, fmt.Sprint("with few descriptors ", i))
		cs, peers = append(cs, c), append(peers, peer)
	}
	// One for the poller.
	if room == 0 && taken != 0 || room > 0 && kept != 0 {
		t.Errorf("room for %d descriptors: %d connections were taken over and %d not", room, taken, kept)
	}
	t.Logf("room for %d descriptors: %d taken over, %d not", room, taken, kept)
	for _, fd := range hoard {
		syscall.Close(fd)
	}
	for i, peer := range peers {
		wantEcho(t, peer, fmt.Sprint("with many ", i))
		if err := peer.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		<-cs[i].Done()
	}
}

// hoardDescriptors opens all that this process may open but for room.
func hoardDescriptors(t *testing.T, room int) (hoard []int) {
	t.Helper()
	limit := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = min(limit.Cur, 200)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for {
		fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err == syscall.EMFILE {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		hoard = append(hoard, fd)
	}
	for _, fd := range hoard[len(hoard)-room:] {
		syscall.Close(fd)
	}
	return hoard[:len(hoard)-room]
}
