package wiretest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
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
		if n, err := end[1].Read(nil); n != 0 || err != nil {
			t.Fatalf("Read(nil) = %d, %v; want 0, nil", n, err)
		}
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

func TestDeadlineFiresAtItsTimeAndMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := Pipe(0)
		start := time.Now()
		a.SetReadDeadline(start.Add(time.Second))
		a.SetReadDeadline(start.Add(time.Hour)) // the first timer must not count
		_, err := a.Read(make([]byte, 1))
		if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Hour {
			t.Errorf("Read = %v after %v; want a deadline error after 1h", err, took)
		}
		a.SetDeadline(time.Now().Add(time.Minute))
		a.Close() // stops both timers
		if err := a.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("SetDeadline after Close: %v", err)
		}
	})
}

// A callback that is already on its way when its deadline moves has no say.
func TestLateTimerIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(0)
		a.SetReadDeadline(time.Now().Add(time.Second))
		a.mu.Lock()
		<-time.After(time.Second) // fake time: the callback has run, and waits for the mutex
		a.readLimit.set(time.Time{}, a.in.changed)
		a.mu.Unlock()
		synctest.Wait()
		b.Write([]byte("x"))
		wantRead(t, a, "x", nil)
	})
}

func TestWritesStayTogether(t *testing.T) {
	a, b := Pipe(7)
	var writers sync.WaitGroup
	for i := range byte(8) {
		writers.Go(func() { a.Write(bytes.Repeat([]byte{i}, 1000)) })
	}
	go func() { writers.Wait(); a.Close() }()
	all, err := io.ReadAll(Split(b, Random(1, 5)))
	if len(all) != 8000 || err != nil {
		t.Fatalf("ReadAll = %d bytes, %v; want 8000, nil", len(all), err)
	}
	for i := 0; i < len(all); i += 1000 {
		if bytes.Count(all[i:i+1000], all[i:i+1]) != 1000 {
			t.Fatalf("the Write that begins at %d is mixed with another", i)
		}
	}
}

func TestRingKeepsOrderAtEverySizeAndWrap(t *testing.T) {
	next := Random(7, 900)
	for _, size := range []int{1, 2, 511, 512, 513, 1500, 5000} {
		a, b := Pipe(size)
		var in, out byte
		for range 400 {
			p := make([]byte, min(next(), size-b.Buffered()))
			for i := range p {
				p[i], in = in, in+1
			}
			if n, err := a.Write(p); n != len(p) || err != nil {
				t.Fatalf("size %d: Write = %d, %v; want %d, nil", size, n, err, len(p))
			}
			if b.Buffered() == 0 {
				continue
			}
			q := make([]byte, next())
			n, _ := b.Read(q)
			for _, got := range q[:n] {
				if got != out {
					t.Fatalf("size %d: byte %d, want %d", size, got, out)
				}
				out++
			}
		}
	}
}

func TestSteadyFlowAllocatesNothing(t *testing.T) {
	a, b := Pipe(0)
	p := make([]byte, 3000)
	if n := testing.AllocsPerRun(100, func() { a.Write(p); b.Read(p) }); n != 0 {
		t.Errorf("%v allocations for a Write and a Read, want 0", n)
	}
}

func TestAddrsAreReadable(t *testing.T) {
	a, b := Pipe(0)
	if a.LocalAddr().String() != "pipe:a" || a.RemoteAddr().String() != "pipe:b" || b.LocalAddr() != a.RemoteAddr() ||
		b.RemoteAddr() != a.LocalAddr() || a.LocalAddr().Network() != "pipe" {
		t.Errorf("a %v to %v, b %v to %v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
}
