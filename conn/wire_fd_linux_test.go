package conn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// overWires runs f over a wire of each kind that drives a TCP socket.
func overWires(t *testing.T, f func(t *testing.T, w wire, far *net.TCPConn)) {
	for name, keep := range map[string]bool{"tcpWire": true, "fdWire": false} {
		t.Run(name, func(t *testing.T) {
			near, far := loopback(t)
			far.SetDeadline(time.Now().Add(soon))
			near.SetWriteBuffer(8 << 10) // which the system then leaves as it is
			far.SetReadBuffer(8 << 10)
			w := newWire(near, keep)
			if _, ok := w.(*fdWire); ok == keep {
				t.Fatalf("newWire made a %T", w)
			}
			defer w.closeNow()
			f(t, w, far)
		})
	}
}

// moved is what a read or write came to.
type moved struct {
	n   int
	err error
}

func inBackground(f func() (int, error)) <-chan moved {
	done := make(chan moved, 1)
	go func() {
		n, err := f()
		done <- moved{n, err}
	}()
	return done
}

// wantMoved waits for the outcome of a call.
func wantMoved(t *testing.T, what string, done <-chan moved, n int, ok func(error) bool) {
	t.Helper()
	select {
	case m := <-done:
		if m.n != n || !ok(m.err) {
			t.Fatalf("%s = %d, %v; want %d", what, m.n, m.err, n)
		}
	case <-time.After(soon):
		t.Fatalf("%s still waits", what)
	}
}

func fine(err error) bool     { return err == nil }
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// parks spins until a call of an fdWire waits: only then is an interruption late.
func parks(t *testing.T, w wire, writer bool) {
	t.Helper()
	f, ok := w.(*fdWire)
	if !ok {
		return // Go's poller does not say
	}
	spinUntil(t, func() bool {
		p := f.parked.Load()
		if p == nil || !writer {
			return p != nil
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.writer != nil
	})
}

// fillUp writes until the socket takes nothing for a while, and says how much that was. A
// deadline may also have gone by before anything was tried: who could not run is not full.
func fillUp(t *testing.T, w wire) (total int) {
	t.Helper()
	p := make([]byte, 1<<20)
	for {
		w.setWriteDeadline(time.Now().Add(50 * time.Millisecond))
		n, err := w.write(p)
		total += n
		switch {
		case err == nil:
		case isTimeout(err):
			w.setWriteDeadline(time.Time{})
			if n, err = w.tryWrite(p); n == 0 && err == nil {
				return total
			}
			total += n
		default:
			t.Fatal(err)
		}
	}
}

func TestWireReads(t *testing.T) {
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		p := make([]byte, 4)
		read := func() (int, error) { return w.read(p) }
		if n, err := w.tryRead(p); n != 0 || err != nil {
			t.Errorf("tryRead of nothing = %d, %v", n, err)
		}
		// Full reads, then a short one, then one that waits.
		waiting := inBackground(read)
		parks(t, w, false)
		far.Write([]byte("0123456789"))
		wantMoved(t, "the first read", waiting, 4, fine)
		wantMoved(t, "the second read", inBackground(read), 4, fine)
		wantMoved(t, "the third read", inBackground(read), 2, fine)
		if n, err := w.tryRead(p); n != 0 || err != nil {
			t.Errorf("tryRead of no more = %d, %v", n, err)
		}
		// As much as there is room for says nothing of more.
		far.Write([]byte("abcd"))
		wantMoved(t, "a full read", inBackground(read), 4, fine)
		waiting = inBackground(read)
		far.Write([]byte("e"))
		wantMoved(t, "a read that waits", waiting, 1, fine)

		pooled := make(chan string, 1)
		go func() {
			b, err := w.readPooled(smallBuffer)
			if err != nil {
				t.Error(err)
			}
			pooled <- string(b.b)
			putBuffer(b)
		}()
		far.Write([]byte("pooled"))
		if s := <-pooled; s != "pooled" {
			t.Errorf("readPooled = %q", s)
		}
	})
}

// What has come and is not read is known, also after the end of the stream.
func TestWireTellsWhatHasArrived(t *testing.T) {
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		if _, ok := w.(*fdWire); !ok {
			if n := w.arrived(); n != 0 {
				t.Errorf("a wire that cannot know says %d", n)
			}
			return
		}
		if n := w.arrived(); n != 0 {
			t.Errorf("before anything: %d", n)
		}
		far.Write(make([]byte, 10_000))
		spinUntil(t, func() bool { return w.arrived() == 10_000 })
		if n, err := w.read(make([]byte, 3000)); n != 3000 || err != nil {
			t.Fatalf("read = %d, %v", n, err)
		}
		if n := w.arrived(); n != 7000 {
			t.Errorf("after a read: %d, want 7000", n)
		}
		far.CloseWrite()
		if n := w.arrived(); n != 7000 {
			t.Errorf("after the end: %d, want 7000", n)
		}
		w.closeNow()
		if n := w.arrived(); n != 0 {
			t.Errorf("after closing: %d", n)
		}
	})
}

func TestWireReadIsInterrupted(t *testing.T) {
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		p := make([]byte, 10)
		read := func() (int, error) { return w.read(p) }
		for i := range 20 {
			waiting := inBackground(read)
			if i%2 == 0 {
				parks(t, w, false)
			}
			w.setReadDeadline(past)
			wantMoved(t, "an interrupted read", waiting, 0, isTimeout)
			if _, err := w.readPooled(smallBuffer); !isTimeout(err) {
				t.Errorf("readPooled behind a deadline: %v", err)
			}
			far.Write([]byte("late"))
			if n, err := w.read(p); n != 0 || !isTimeout(err) {
				t.Errorf("read behind a deadline = %d, %v", n, err)
			}
			w.setReadDeadline(time.Time{})
			wantMoved(t, "the read after it", inBackground(read), 4, fine)
		}
	})
}

// Data and the end of the stream may come in one segment, and so in one event.
func TestWireDataAndEndInOneSegment(t *testing.T) {
	for range 50 {
		overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
			var all []byte
			done := inBackground(func() (int, error) {
				p := make([]byte, 1000) // more than comes: a short read
				for {
					n, err := w.read(p)
					if all = append(all, p[:n]...); err != nil {
						return len(all), err
					}
				}
			})
			setInt(t, far, syscall.IPPROTO_TCP, syscall.TCP_CORK, 1)
			far.Write([]byte("the last words"))
			far.Close()
			wantMoved(t, "reading to the end", done, 14, func(err error) bool { return err == io.EOF })
			if n, err := w.read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("read behind the end = %d, %v", n, err)
			}
		})
	}
}

func setInt(t *testing.T, nc *net.TCPConn, level, opt, value int) {
	t.Helper()
	raw, err := nc.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), level, opt, value) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWireHalfClose(t *testing.T) {
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		p := make([]byte, 10)
		far.CloseWrite()
		if n, err := w.read(p); n != 0 || err != io.EOF {
			t.Errorf("read = %d, %v; want EOF", n, err)
		}
		if n, err := w.write([]byte("still")); n != 5 || err != nil {
			t.Errorf("write behind the peer's end = %d, %v", n, err)
		}
		w.closeWrite()
		if b, err := io.ReadAll(far); string(b) != "still" || err != nil {
			t.Errorf("the peer got %q, %v", b, err)
		}
		if _, err := w.write([]byte("x")); !isReset(err) {
			t.Errorf("write behind closeWrite: %v", err)
		}
	})
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		w.closeWrite()
		if b, err := io.ReadAll(far); len(b) != 0 || err != nil {
			t.Errorf("the peer got %q, %v", b, err)
		}
		p := make([]byte, 10)
		for range 3 { // the other half goes on
			waiting := inBackground(func() (int, error) { return w.read(p) })
			far.Write([]byte("go on"))
			wantMoved(t, "read behind closeWrite", waiting, 5, fine)
		}
		far.Close()
		wantMoved(t, "read at the end", inBackground(func() (int, error) { return w.read(p) }), 0, func(err error) bool { return err == io.EOF })
	})
}

func TestWireReset(t *testing.T) {
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		waiting := inBackground(func() (int, error) { return w.read(make([]byte, 1)) })
		parks(t, w, false)
		far.SetLinger(0)
		far.Close()
		wantMoved(t, "read", waiting, 0, func(err error) bool { return errors.Is(err, errReset) })
		if _, err := w.write([]byte("x")); !isReset(err) {
			t.Errorf("write behind a reset: %v", err)
		}
	})
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		fillUp(t, w)
		waiting := inBackground(func() (int, error) { return w.write([]byte("x")) })
		parks(t, w, true)
		far.SetLinger(0)
		far.Close()
		wantMoved(t, "write", waiting, 0, isReset)
	})
}

// A read stops before an urgent byte: a short one does not mean that nothing is left.
func TestWireReadsPastUrgentBytes(t *testing.T) {
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		var want, got bytes.Buffer
		raw, err := far.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		send := func(s string, flags int) {
			raw.Control(func(fd uintptr) {
				if err := syscall.Sendto(int(fd), []byte(s), flags, nil); err != nil {
					t.Error(err)
				}
			})
		}
		p := make([]byte, 1000)
		for round := range 50 {
			before, after := strings.Repeat("b", round%5), strings.Repeat("a", 1+round%7)
			far.Write([]byte(before))
			send("!", syscall.MSG_OOB) // not part of the stream
			far.Write([]byte(after))
			want.WriteString(before + after)
			for got.Len() < want.Len() {
				waiting := inBackground(func() (int, error) { return w.read(p) })
				m := <-waiting
				if m.err != nil {
					t.Fatal(m.err)
				}
				got.Write(p[:m.n])
			}
			if got.String() != want.String() {
				t.Fatalf("round %d: got %q, want %q", round, got.String(), want.String())
			}
		}
	})
}

func TestWireWriteWaits(t *testing.T) {
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		total := fillUp(t, w)
		write := func() (int, error) { return w.writev([]byte("head"), []byte("body")) }

		waiting := inBackground(write)
		parks(t, w, true)
		w.setWriteDeadline(past)
		wantMoved(t, "an interrupted write", waiting, 0, isTimeout)
		if n, err := w.write([]byte("x")); n != 0 || !isTimeout(err) {
			t.Errorf("write behind a deadline = %d, %v", n, err)
		}
		w.setWriteDeadline(time.Now().Add(20 * time.Millisecond))
		wantMoved(t, "a write with a deadline", inBackground(write), 0, isTimeout)

		// A deadline that moves while the write waits is that write's.
		w.setWriteDeadline(time.Now().Add(time.Hour))
		waiting = inBackground(write)
		parks(t, w, true)
		w.setWriteDeadline(time.Now().Add(20 * time.Millisecond))
		wantMoved(t, "a write whose deadline moved", waiting, 0, isTimeout)

		w.setWriteDeadline(time.Time{})
		waiting = inBackground(write)
		parks(t, w, true)
		w.setWriteDeadline(time.Now().Add(time.Hour))
		rest := make(chan []byte, 1)
		go func() {
			io.CopyN(io.Discard, far, int64(total))
			b := make([]byte, 8)
			io.ReadFull(far, b)
			rest <- b
		}()
		sent := <-waiting
		if sent.n == 0 || sent.err != nil {
			t.Fatalf("a write that got room = %d, %v", sent.n, sent.err)
		}
		for n := sent.n; n < 8; {
			m, err := w.write([]byte("headbody")[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
		if b := <-rest; string(b) != "headbody" {
			t.Errorf("behind %d bytes came %q", total, b)
		}
	})
}

func TestWireCloseNowWakesWhoWaits(t *testing.T) {
	for range 5 {
		overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
			fillUp(t, w)
			reading := inBackground(func() (int, error) { return w.read(make([]byte, 1)) })
			writing := inBackground(func() (int, error) { return w.write([]byte("x")) })
			w.closeNow()
			wantMoved(t, "read", reading, 0, isClosed)
			wantMoved(t, "write", writing, 0, isClosed)
			w.closeNow() // and again
			w.close()
			for name, try := range map[string]func([]byte) (int, error){
				"read": w.read, "tryRead": w.tryRead, "write": w.write, "tryWrite": w.tryWrite,
				"writev": func(p []byte) (int, error) { return w.writev(p, p) },
			} {
				if n, err := try(make([]byte, 1)); n != 0 || !isClosed(err) {
					t.Errorf("%s behind closeNow = %d, %v", name, n, err)
				}
			}
			w.closeWrite()
			w.drain(10)
			w.setReadDeadline(past)
			w.setWriteDeadline(past)
		})
	}
}

// What has arrived is drained though its event is not told yet: the leader may be
// late. Closing over unread bytes would destroy our last words (RFC 6455, section
// 7.1.1).
func TestWireDrains(t *testing.T) {
	overWires(t, func(t *testing.T, w wire, far *net.TCPConn) {
		far.Write(make([]byte, 100_000))
		far.CloseWrite()
		total, p := 1, make([]byte, 1)
		if n, err := w.read(p); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if f, ok := w.(*fdWire); ok {
			f.flags.And(^uint32(fdEdge)) // as if it had waited since, and nobody told of an edge
		}
		w.drain(50_000)
		if f, ok := w.(*fdWire); ok {
			f.flags.Or(fdEdge)
		}
		p = make([]byte, 1<<20)
		for {
			n, err := w.read(p)
			if total += n; err != nil {
				break
			}
		}
		if total < 2 || total > 50_001 {
			t.Errorf("%d bytes beside drain(50,000) of 100,000", total)
		}
		w.drain(1) // at the end of the stream
	})
}

// Descriptors are used again at once, while calls on the wire that had them before
// still come. Every stream consists of one number of its own.
func TestReusedDescriptorsNeverMixBytes(t *testing.T) {
	const workers = 50
	rounds := 30
	if testing.Short() {
		rounds = 10
	}
	d := newDialer(t)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for round := range rounds {
				a, b, err := d.pair()
				if err != nil {
					t.Error(err)
					return
				}
				near, far := newWire(a, false), newWire(b, false)
				number := binary.BigEndian.AppendUint64(nil, uint64(i*rounds+round)<<8|0xA5)
				mixBytes(t, near, far, number, round)
			}
		})
	}
	all.Wait()
}

// mixBytes has two wires send a number to each other, over and over, while they are
// closed under it, and reads what may come.
func mixBytes(t *testing.T, near, far wire, number []byte, round int) {
	out := bytes.Repeat(number, 500)
	var calls sync.WaitGroup
	for _, w := range []wire{near, far} {
		calls.Go(func() {
			for rest := out; len(rest) > 0; {
				n, err := w.write(rest[:min(len(rest), 1+round%500)])
				if err != nil {
					return
				}
				rest = rest[n:]
			}
		})
		calls.Go(func() {
			p := make([]byte, 333)
			for at := 0; ; {
				n, err := w.read(p)
				for _, b := range p[:n] {
					if b != number[at%8] {
						t.Errorf("byte %d of the stream of %x is %x", at, number, b)
						return
					}
					at++
				}
				if err != nil {
					if n, err := w.tryRead(p); n != 0 || err == nil {
						t.Errorf("behind the end tryRead = %d, %v", n, err)
					}
					return
				}
			}
		})
	}
	for range round % 5 {
		runtime.Gosched()
	}
	go far.closeNow()
	near.closeNow()
	far.closeNow()
	calls.Wait()
}

// openDescriptors counts the descriptors of this process.
func openDescriptors(t testing.TB) int {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(dir)
}

// The poller goes with its last socket, and the next one has a new one.
func TestPollerEndsWithItsLastSocket(t *testing.T) {
	d := newDialer(t)
	first, second, err := d.pair() // and whatever Go's own poller needs
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	second.Close()
	spinUntil(t, func() bool { return leaders() == 0 })
	before := openDescriptors(t)
	for range 20 {
		var wires []wire
		for range 3 {
			a, b, err := d.pair()
			if err != nil {
				t.Fatal(err)
			}
			wires = append(wires, newWire(a, false), newWire(b, false))
		}
		if n := leaders(); n == 0 || n > pollers {
			t.Errorf("%d leaders with open sockets, want 1 to %d", n, pollers)
		}
		for i, w := range wires {
			if i%2 == 0 {
				wires[i+1].write([]byte("x"))
				if n, err := w.read(make([]byte, 2)); n != 1 || err != nil {
					t.Fatalf("read = %d, %v", n, err)
				}
			}
			w.closeNow()
		}
		// Or fewer: what other tests have left may be closed by now.
		spinUntil(t, func() bool { return leaders() == 0 && openDescriptors(t) <= before })
	}
}

// An event of a socket that is closed is nobody's, though its descriptor is in use
// again.
func TestLateEventsAreNobodys(t *testing.T) {
	d := newDialer(t)
	a, b, err := d.pair()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	old := newWire(b, false).(*fdWire)
	defer newWire(a, false).closeNow() // has the poller stay
	old.watch()
	place := &pollPlaces[old.place]
	late := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: old.fd, Pad: int32(old.number)}
	event := func() *fdWire {
		place.mu.Lock()
		defer place.mu.Unlock()
		place.p.mu.Lock()
		defer place.p.mu.Unlock()
		return place.p.wireOf(&late)
	}
	if event() != old {
		t.Fatal("an event of an open socket is not its own")
	}
	near, far, err := d.pair()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	old.closeNow()
	if pollers == 1 && event() != nil {
		t.Error("an event of a closed socket is somebody's")
	}
	for { // a new descriptor is the lowest one that is free
		fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if fd >= int(old.fd) {
			syscall.Close(fd)
			break
		}
		defer syscall.Close(fd)
	}
	w := newWire(near, false).(*fdWire)
	w.watch()
	defer w.closeNow()
	if w.fd != old.fd {
		t.Fatalf("descriptor %d was not used again, but %d", old.fd, w.fd)
	}
	place = &pollPlaces[w.place]
	if event() != nil {
		t.Error("a late event is told to the socket that has the descriptor now")
	}
	late.Pad = int32(w.number)
	if event() != w {
		t.Error("an event of the present socket is not its own")
	}
}
