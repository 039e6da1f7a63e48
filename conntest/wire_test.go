package conntest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
)

// write writes all of s.
func write(t *testing.T, w *Wire, s string) {
	t.Helper()
	if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("Write(%q): got %d, %v", s, n, err)
	}
}

// wantRead wants one Read to give s.
func wantRead(t *testing.T, w *Wire, s string) {
	t.Helper()
	b := make([]byte, 100)
	w.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := w.Read(b); string(b[:n]) != s || err != nil {
		t.Fatalf("Read: got %q, %v, want %q", b[:n], err, s)
	}
}

func TestWireSplitsReads(t *testing.T) {
	a, b := Pipe(0)
	write(t, a, "Hello, world")
	b.Split(2)
	wantRead(t, b, "He")
	b.Split(1)
	wantRead(t, b, "l")
	b.Split(0)
	wantRead(t, b, "lo, world")
}

func TestWireMergesWrites(t *testing.T) {
	a, b := Pipe(0)
	if err := a.Merge(5); err != nil {
		t.Fatal(err)
	}
	write(t, a, "He")
	write(t, a, "l")
	if n := b.Buffered(); n != 0 {
		t.Fatalf("%d bytes arrived, want them to be held", n)
	}
	write(t, a, "lo")
	wantRead(t, b, "Hello")

	write(t, a, "one")
	if err := a.Flush(); err != nil {
		t.Fatal(err)
	}
	wantRead(t, b, "one")

	write(t, a, "two")
	if err := a.Merge(0); err != nil {
		t.Fatal(err)
	}
	wantRead(t, b, "two")
	write(t, a, "3")
	wantRead(t, b, "3")

	a.Merge(100)
	write(t, a, "last")
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	wantRead(t, b, "last")
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("Read: got %v, want EOF", err)
	}
}

func TestWireCloseDeliversWhatIsHeld(t *testing.T) {
	a, b := Pipe(0)
	a.Merge(100)
	write(t, a, "last")
	if err := a.Close(); err != nil || !a.Closed() || b.Closed() {
		t.Fatalf("Close: got %v; closed: %v and %v", err, a.Closed(), b.Closed())
	}
	wantRead(t, b, "last")
	if _, err := a.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write behind Close: got %v, want net.ErrClosed", err)
	}
}

func TestWireClosesBehindAWriteThatWaits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		close func(w *Wire) error
		want  string
	}{
		{"Close", (*Wire).Close, net.ErrClosed.Error()},
		{"CloseWrite", (*Wire).CloseWrite, "broken pipe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := Pipe(4)
				failed := make(chan error)
				go func() {
					_, err := a.Write([]byte("Hello, world"))
					failed <- err
				}()
				synctest.Wait()
				if err := tt.close(a); err != nil {
					t.Errorf("got %v, want it to close although a Write waits", err)
				}
				if err := <-failed; err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Write: got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

func TestWireStallsAndResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(0)
		write(t, a, "late")
		b.Stall(true)
		b.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read while stalled: got %v, want the deadline", err)
		}
		b.Stall(false)
		wantRead(t, b, "late")

		a.Reset()
		for _, w := range []*Wire{a, b} {
			if _, err := w.Read(make([]byte, 1)); !isReset(err) {
				t.Errorf("Read behind Reset: got %v, want ECONNRESET", err)
			}
		}
	})
}

func TestWireKeepsDeadlines(t *testing.T) {
	a, b := Pipe(4)
	a.SetDeadline(time.Unix(1, 0))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: got %v, want the deadline", err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write: got %v, want the deadline", err)
	}
	a.SetWriteDeadline(time.Time{})
	write(t, a, "x")
	wantRead(t, b, "x")
	if a.LocalAddr() != b.RemoteAddr() || a.RemoteAddr() != b.LocalAddr() {
		t.Errorf("addresses %v-%v and %v-%v do not fit", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
}

func TestWireOf(t *testing.T) {
	client, server := Pair(t)
	a, b := WireOf(client), WireOf(server)
	if a == nil || b == nil || a == b {
		t.Fatalf("WireOf: got %p and %p", a, b)
	}
	b.Split(1)
	a.Merge(1 << 20)
	ctx := context.Background()
	if err := client.Write(ctx, conn.Binary, bytes.Repeat([]byte("x"), 1000)); err != nil {
		t.Fatal(err)
	}
	if n := b.Buffered(); n != 0 {
		t.Fatalf("%d bytes arrived, want them to be held", n)
	}
	a.Merge(0)
	if _, got, err := server.Read(ctx); len(got) != 1000 || err != nil {
		t.Fatalf("Read: got %d bytes, %v", len(got), err)
	}

	foreign, _ := net.Pipe()
	c := conn.New(foreign, conn.Setup{}, nil)
	defer c.CloseNow()
	if w := WireOf(c); w != nil {
		t.Errorf("WireOf a foreign connection: got %v, want nil", w)
	}
}
