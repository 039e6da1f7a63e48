package conn

import (
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
)

// lentWire is a wire whose socket is that of near still.
func lentWire(t *testing.T, near *net.TCPConn) (*fdWire, *lent) {
	t.Helper()
	w := newWire(near, false).(*fdWire)
	l := w.addrs.Load().local.lent
	if l == nil || w.users.Load()&fdLent == 0 {
		t.Fatal("a new wire has taken its socket over")
	}
	return w, l
}

func isOpen(nc *net.TCPConn) bool {
	raw, err := nc.SyscallConn()
	return err == nil && raw.Control(func(uintptr) {}) == nil
}

// A connection that ends before anybody reads or writes closes its net.Conn, and has no
// descriptor of its own.
func TestUnusedConnectionTakesNothingOver(t *testing.T) {
	near, far := loopback(t)
	c := New(near, Setup{Role: Server}, quiet())
	before := openDescriptors(t)
	local, remote := near.LocalAddr().String(), near.RemoteAddr().String()
	for _, when := range []string{"open", "closed"} {
		if c.NetConn() != nil {
			t.Errorf("%s: NetConn is not nil, but the socket is to be taken over", when)
		}
		if c.LocalAddr().String() != local || c.RemoteAddr().String() != remote {
			t.Errorf("%s: addresses are %v and %v, want %s and %s", when, c.LocalAddr(), c.RemoteAddr(), local, remote)
		}
		if open := when == "open"; isOpen(near) != open {
			t.Errorf("%s: the net.Conn is open: %v", when, !open)
		}
		c.CloseNow()
	}
	if got := openDescriptors(t); got >= before {
		t.Errorf("%d descriptors are open, %d were before the end", got, before)
	}
	if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the peer reads %d, %v; want EOF", n, err)
	}
}

// An owner that knows of a reader has New take the socket over.
func TestNewTakesOverIfAsked(t *testing.T) {
	near, far := loopback(t)
	c := New(near, Setup{Role: Server, TakeOver: true}, quiet())
	if w := c.wire.(*fdWire); w.users.Load() != 0 || isOpen(near) || c.NetConn() != nil {
		t.Errorf("users %x, net.Conn open %v", w.users.Load(), isOpen(near))
	}
	c.CloseNow()
	if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the peer reads %d, %v; want EOF", n, err)
	}
}

// The first who reads or writes takes the socket over, once, however many come at the
// same time, and while the wire is closed under them.
func TestFirstUsersTakeOverOnce(t *testing.T) {
	const users = 8
	d := newDialer(t)
	for round := range 200 {
		a, b, err := d.pair()
		if err != nil {
			t.Fatal(err)
		}
		near := a.(*net.TCPConn)
		before := openDescriptors(t)
		w, _ := lentWire(t, near)
		var all sync.WaitGroup
		for i := range users {
			all.Go(func() {
				switch {
				case i == 0 && round%2 == 1:
					w.closeNow()
				case i == 1:
					w.watch()
				case i == 2:
					w.tryRead(make([]byte, 1))
				case i == 3:
					w.localAddr()
					w.remoteAddr()
				default:
					if n, err := w.tryWrite([]byte("x")); n != 1 && round%2 == 0 {
						t.Errorf("tryWrite = %d, %v", n, err)
					}
				}
			})
		}
		all.Wait()
		if round%2 == 0 {
			if isOpen(near) || w.users.Load() != 0 || openDescriptors(t) > before+1 { // the poller's
				t.Errorf("net.Conn open: %v; users %x; %d descriptors, %d before", isOpen(near), w.users.Load(), openDescriptors(t), before)
			}
			if n, err := io.ReadFull(b, make([]byte, users-3)); err != nil {
				t.Errorf("the peer got %d bytes, %v", n, err)
			}
			w.closeNow()
		}
		b.Close()
	}
}

// A program that closes the net.Conn that it gave away ends its connection, and nobody
// else's: the descriptor may be another socket's by then.
func TestNetConnThatTheProgramCloses(t *testing.T) {
	near, far := loopback(t)
	w, _ := lentWire(t, near)
	near.Close()
	other, peer := loopback(t)
	for name, try := range map[string]func([]byte) (int, error){"tryWrite": w.tryWrite, "tryRead": w.tryRead, "write": w.write, "read": w.read} {
		if n, err := try([]byte("x")); n != 0 || !isClosed(err) {
			t.Errorf("%s = %d, %v; want %v", name, n, err, net.ErrClosed)
		}
	}
	w.closeNow()
	if !isOpen(other) {
		t.Error("the socket that has the descriptor now is closed")
	}
	other.Close()
	if p, err := io.ReadAll(peer); len(p) != 0 || err != nil {
		t.Errorf("its peer got %q, %v", p, err)
	}
	far.Close()
}

// Without a descriptor to spare the socket is used through that of its net.Conn, which
// stays open even if the program closes it.
func TestDescriptorOfAKeptNetConn(t *testing.T) {
	near, far := loopback(t)
	w, l := lentWire(t, near)
	raw, err := near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if w.fd, err = l.keep(raw); err != nil {
		t.Fatal(err)
	}
	w.users.And(^uint32(fdLent))
	closed := make(chan struct{})
	go func() {
		near.Close() // returns when nobody uses the descriptor
		close(closed)
	}()
	spinUntil(t, func() bool { return !isOpen(near) })
	if n, err := w.tryWrite([]byte("still here")); n != 10 || err != nil {
		t.Errorf("tryWrite = %d, %v", n, err)
	}
	reading := inBackground(func() (int, error) { return w.read(make([]byte, 10)) })
	parks(t, w, false)
	far.Write([]byte("and here"))
	wantMoved(t, "read", reading, 8, fine)
	if _, err := syscall.GetsockoptInt(int(w.fd), syscall.SOL_SOCKET, syscall.SO_ERROR); err != nil {
		t.Errorf("the descriptor is closed: %v", err)
	}
	w.closeNow()
	<-closed
	if p, err := io.ReadAll(far); string(p) != "still here" || err != nil {
		t.Errorf("the peer got %q, %v", p, err)
	}
	// And of one that is closed already there is none to keep.
	if _, err := l.keep(raw); err == nil {
		t.Error("a closed net.Conn keeps its descriptor")
	}
}
