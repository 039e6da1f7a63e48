package wiretest

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestPipeCarriesBytesBothWays(t *testing.T) {
	a, b := Pipe(0)
	for _, end := range [][2]*Conn{{a, b}, {b, a}} {
		if n, err := end[0].Write([]byte("hello")); n != 5 || err != nil {
			t.Fatalf("Write = %d, %v; want 5, nil", n, err)
		}
		p := make([]byte, 10)
		if n, err := end[1].Read(p); string(p[:n]) != "hello" || err != nil {
			t.Fatalf("Read = %q, %v; want hello", p[:n], err)
		}
	}
}

func TestWriteReportsProgressAtDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(10)
		a.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := a.Write(make([]byte, 25))
		if n != 10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write = %d, %v; want 10 and a deadline error", n, err)
		}
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Fatalf("%v is no net.Error with Timeout", err)
		}
		a.SetWriteDeadline(time.Time{})
		go a.Close()
		if _, err := a.Write(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Write after Close: %v; want net.ErrClosed", err)
		}
		if got, err := io.ReadAll(b); len(got) != 10 || err != nil {
			t.Fatalf("ReadAll = %d bytes, %v; want 10, nil", len(got), err)
		}
	})
}

func TestPastDeadlineWakesReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(0)
		failed := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			failed <- err
		}()
		synctest.Wait()
		a.SetReadDeadline(time.Unix(1, 0))
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Read = %v; want a deadline error", err)
		}
		a.SetReadDeadline(time.Time{})
		b.Write([]byte("x"))
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Fatalf("Read after the deadline was lifted = %d, %v; want 1, nil", n, err)
		}
	})
}
