package wiretest

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func readSome(c net.Conn) (string, error) {
	p := make([]byte, 64)
	n, err := c.Read(p)
	return string(p[:n]), err
}

func wantRead(t *testing.T, c net.Conn, want string, wantErr error) {
	t.Helper()
	if got, err := readSome(c); got != want || !errors.Is(err, wantErr) {
		t.Errorf("Read = %q, %v; want %q, %v", got, err, want, wantErr)
	}
}

func wantWrite(t *testing.T, c net.Conn, p string, wantN int, wantErr error) {
	t.Helper()
	if n, err := c.Write([]byte(p)); n != wantN || !errors.Is(err, wantErr) {
		t.Errorf("Write(%q) = %d, %v; want %d, %v", p, n, err, wantN, wantErr)
	}
}

func TestCloseWithUnreadInputResetsPeer(t *testing.T) {
	a, b := Pipe(0)
	wantWrite(t, b, "unread", 6, nil)
	wantWrite(t, a, "last words", 10, nil)
	a.Close()
	wantRead(t, b, "", errReset)
	wantRead(t, b, "", errReset)
	wantWrite(t, b, "x", 0, errReset)
	if err := b.CloseWrite(); !errors.Is(err, errNotConnected) {
		t.Errorf("CloseWrite after a reset: %v", err)
	}
}

func TestQuietCloseKeepsLastWords(t *testing.T) {
	a, b := Pipe(0)
	a.SetManners(Manners{QuietClose: true})
	wantWrite(t, b, "unread", 6, nil)
	wantWrite(t, a, "last words", 10, nil)
	a.Close()
	wantWrite(t, b, "x", 0, errBrokenPipe)
	wantRead(t, b, "last words", nil)
	wantRead(t, b, "", io.EOF)
}

func TestLateResetDestroysLastWords(t *testing.T) {
	a, b := Pipe(0)
	b.SetManners(Manners{LateReset: true})
	wantWrite(t, a, "last words", 10, nil)
	a.Close()
	wantWrite(t, b, "", 0, nil)
	wantWrite(t, b, "x", 1, nil)
	wantRead(t, b, "", errReset)
	wantWrite(t, b, "x", 0, errReset)
}

func TestCloseReadDropsInput(t *testing.T) {
	a, b := Pipe(4)
	wantWrite(t, b, "old", 3, nil)
	a.Stall(true)
	if err := a.CloseRead(); err != nil {
		t.Fatal(err)
	}
	wantWrite(t, b, "more than four", 14, nil)
	wantRead(t, a, "", io.EOF)
	a.Close()
	wantRead(t, b, "", io.EOF)
	if err := a.CloseRead(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("CloseRead after Close: %v", err)
	}
}

func TestResetBreaksBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(4)
		wantWrite(t, a, "lost", 4, nil)
		results := make(chan error, 3)
		go func() { _, err := a.Read(make([]byte, 1)); results <- err }()
		for range 2 { // one waits for room, one for its turn
			go func() { _, err := a.Write([]byte("wait")); results <- err }()
		}
		synctest.Wait()
		b.Reset()
		for range 3 {
			if err := <-results; !errors.Is(err, errReset) {
				t.Errorf("waiting call: %v; want a reset", err)
			}
		}
		wantRead(t, b, "", errReset)
		if b.Buffered() != 0 {
			t.Errorf("%d bytes survived the reset", b.Buffered())
		}
		b.Close()
		b.Reset()
		wantRead(t, b, "", net.ErrClosed)
	})
}

func TestStallHoldsBytesAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(8)
		b.Stall(true)
		a.SetWriteDeadline(time.Now().Add(time.Minute))
		if n, err := a.Write([]byte("ten bytes!")); n != 8 || err == nil {
			t.Fatalf("Write = %d, %v; want 8 and a deadline error", n, err)
		}
		a.Close()
		got := make(chan string)
		go func() { p, _ := io.ReadAll(b); got <- string(p) }()
		synctest.Wait()
		if b.Buffered() != 8 || b.BytesRead() != 0 {
			t.Fatalf("Buffered %d, BytesRead %d; want 8, 0", b.Buffered(), b.BytesRead())
		}
		b.Stall(false)
		if p := <-got; p != "ten byte" {
			t.Errorf("got %q", p)
		}
		if a.Writes() != 1 || a.BytesWritten() != 8 || a.Deadlines() != 1 || b.Reads() < 2 || !a.Closed() || b.Closed() {
			t.Errorf("counters: %d %d %d %d %t %t", a.Writes(), a.BytesWritten(), a.Deadlines(), b.Reads(), a.Closed(), b.Closed())
		}
	})
}
