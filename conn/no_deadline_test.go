package conn

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// A connection without deadlines cannot be interrupted. Close shakes hands all the
// same, and the read that waits meets the peer's Close by itself.
func TestCloseWithoutDeadlines(t *testing.T) {
	for _, mute := range []bool{false, true} {
		inBothRoles(t, func(t *testing.T, role Role) {
			near, far := wiretest.Pipe(0)
			p := &peer{t: t, nc: far, role: 1 - role}
			c := New(wiretest.NoDeadlines(near), Setup{Role: role}, quiet())
			read := later(func() error { return readOnce(context.Background(), c) })
			synctest.Wait()
			closed := later(c.Close)
			p.expectClose(CloseNormal)
			if !mute {
				p.message(frame.Close, closePayload(CloseNormal, ""))
				p.nc.Close()
			}
			got, r := <-closed, <-read
			switch {
			case mute && (got.after != defaultCloseTimeout || !errors.Is(got.err, errNoClose)):
				t.Errorf("Close returned %v after %v, want it cut after %v", got.err, got.after, defaultCloseTimeout)
			case !mute && (got.err != nil || !IsNormal(r.err)):
				t.Errorf("Close returned %v, Read %v; want a normal end", got.err, r.err)
			}
			far.Close()
		})
	}
}

// A reader whose context ends has the socket closed under it where there are no
// deadlines, as there is no other way to wake it.
func TestCancellationWithoutDeadlinesEndsTheConnection(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		near, far := wiretest.Pipe(0)
		defer far.Close()
		c := New(wiretest.NoDeadlines(near), Setup{Role: role}, quiet())
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		if err := readOnce(ctx, c); err == nil || time.Since(start) != time.Second {
			t.Errorf("Read returned %v after %v, want an error after 1s", err, time.Since(start))
		}
		if err := readOnce(context.Background(), c); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the next Read returned %v, want net.ErrClosed", err)
		}
		wantEnd(t, c, true)
		if errors.Is(c.Err(), context.DeadlineExceeded) {
			t.Errorf("Err is %v: a permanent error must not match a context's", c.Err())
		}
	})
}

// A connection without deadlines is closed to end a Write, and says so.
func TestCanceledWriteWithoutDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(1)
		c := New(wiretest.NoDeadlines(near), Setup{Role: Server}, quiet())
		defer far.Close()
		ctx, cancel := context.WithCancel(t.Context())
		result := started(func() error { return c.Write(ctx, Text, []byte("stuck")) })
		cancel()
		if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled Write = %v, want %v", err, context.Canceled)
		}
		err := c.Write(t.Context(), Text, nil)
		if e := closeError(t, err); !errors.Is(e, errHalfWritten) || e.Remote {
			t.Errorf("next Write = %v (remote %v), want %v", err, e.Remote, errHalfWritten)
		}
		<-c.Done()
	})
}

// One without deadlines can only be interrupted by closing it, and then it is.
func TestConnectionWithoutDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(0)
		c := New(wiretest.NoDeadlines(near), Setup{Role: Server}, quiet())
		far.Write(frameOf(Client, fin, frame.Text, "works"))
		wantMessage(t, c, Text, "works")
		if err := c.Write(t.Context(), Text, []byte("too")); err != nil {
			t.Errorf("Write = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Read = %v, want context.DeadlineExceeded", err)
		}
		if _, _, err := c.Read(t.Context()); !errors.Is(err, net.ErrClosed) || closeError(t, err).Code != CloseAbnormal {
			t.Errorf("the next Read = %v, want a connection that is closed", err)
		}
		<-c.Done()
	})
}
