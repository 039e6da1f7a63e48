package conn

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"
)

// blind returns a connection whose socket the system does not watch, and its peer.
func blind(t *testing.T) (c *Conn, w *fdWire) {
	t.Helper()
	far, near := loopback(t)
	near.SetWriteBuffer(8 << 10)
	far.SetReadBuffer(8 << 10)
	c = New(near, Setup{Role: Server}, long())
	t.Cleanup(func() { c.CloseNow() })
	w = c.wire.(*fdWire)
	if !w.enter() {
		t.Fatal("the socket is closed")
	}
	w.leave()
	// What is in the set already cannot be added: that fails as a full set does.
	e := syscall.EpollEvent{Fd: w.fd}
	if err := syscall.EpollCtl(pollPlaces[w.place].p.fd, syscall.EPOLL_CTL_ADD, int(w.fd), &e); err != nil {
		t.Fatal(err)
	}
	return c, w
}

func isBlind(err error) bool { return errors.Is(err, errBlind) }

// A call that would wait for a socket that nobody watches fails, and says why.
func TestNobodyWaitsForWhatIsNotWatched(t *testing.T) {
	t.Run("Read", func(t *testing.T) {
		c, _ := blind(t)
		r := readCalls[0].start(context.Background(), c)
		if err := (<-r).err; !isBlind(err) {
			t.Errorf("Read returned %v, want %v", err, errBlind)
		}
	})
	t.Run("Write", func(t *testing.T) {
		_, w := blind(t)
		done := inBackground(func() (int, error) {
			for {
				if n, err := w.write(make([]byte, 64<<10)); err != nil {
					return n, err
				}
			}
		})
		wantMoved(t, "write", done, 0, isBlind)
	})
	t.Run("Serve", func(t *testing.T) {
		c, _ := blind(t)
		closed := make(chan error, 1)
		if err := c.Serve(&receiver{closed: func(c *Conn, err error) { closed <- err }}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-closed:
			if !isBlind(err) {
				t.Errorf("Closed was called with %v, want %v", err, errBlind)
			}
		case <-time.After(soon):
			t.Error("Closed was not called")
		}
	})
}
