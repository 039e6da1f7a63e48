package conn

import (
	"bytes"
	"errors"
	"log"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/internal/wiretest"
)

// A connection without deadlines cannot end writing alone, so all of it ends.
func TestWriteTimeoutWithoutDeadlinesCutsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _ := wiretest.Pipe(1000)
		c := New(wiretest.NoDeadlines(near), Setup{Role: Server}, quiet())
		start := time.Now()
		err := c.Write(t.Context(), Binary, make([]byte, 2000))
		if !errors.Is(err, errStuck) || time.Since(start) != defaultWriteTimeout {
			t.Errorf("Write: got %v after %v, want %v after %v", err, time.Since(start), errStuck, defaultWriteTimeout)
		}
		<-c.Done()
	})
}

// It is time in which nothing is taken, not the length of a call.
func TestWriteTimeoutWithoutDeadlinesLetsASlowPeerGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(1 << 10)
		c := New(wiretest.NoDeadlines(near), Setup{Role: Server}, quiet())
		defer c.CloseNow()
		const size = 100 << 10
		written := later(func() error { return c.Write(t.Context(), Binary, make([]byte, size)) })
		got := 0
		for buf := make([]byte, piece); got < size; {
			time.Sleep(defaultWriteTimeout / 20) // of the bubble's time
			n, err := far.Read(buf)
			if err != nil {
				t.Fatalf("peer: %v after %d bytes", err, got)
			}
			got += n
		}
		if r := <-written; r.err != nil {
			t.Errorf("Write to a slow peer: %v", r.err)
		}
	})
}

func TestPanicInOnEndIsReported(t *testing.T) {
	var out bytes.Buffer
	log.SetOutput(&out)
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		near, _ := wiretest.Pipe(0)
		c := New(near, Setup{}, &Options{OnEnd: func(*Conn, error) { panic("of the user's") }})
		c.CloseNow()
	})
	if got := out.String(); !strings.Contains(got, "panic in OnEnd") || !strings.Contains(got, "of the user's") {
		t.Errorf("log: got %q, want the panic", got)
	}
}

func TestWritePreparedOfNothingFailsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newPeer(t, Server, quiet())
		if err := c.WritePrepared(t.Context()); err != nil {
			t.Errorf("WritePrepared of nothing: %v", err)
		}
		c.CloseNow()
		if err := c.WritePrepared(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("WritePrepared of nothing after the end: got %v, want %v", err, ErrClosed)
		}
	})
}
