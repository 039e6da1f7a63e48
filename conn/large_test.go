package conn

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

// A large one has never been if its first byte was not sent. Otherwise writing ends
// with it, so that nothing follows half a frame; reading goes on.
func TestLargeWriteCanceledAtEveryByte(t *testing.T) {
	msg := text(100_000)
	for _, role := range both {
		size := 10 + 4*int(role) + len(msg)
		for _, n := range places(size) {
			synctest.Test(t, func(t *testing.T) {
				c, p := room(t, role, n, quiet())
				ctx, cancel := context.WithCancel(t.Context())
				before := c.Stats()
				result := started(func() error { return c.Write(ctx, Binary, msg) })
				cancel()
				if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
					t.Fatalf("%v, room for %d bytes: Write = %v", role, n, err)
				}
				if n == 0 {
					if after := c.Stats(); after != before {
						t.Errorf("a message that has never been counts: %+v", after)
					}
					wantGoesOn(t, c, p)
				} else {
					wantHalf(t, c, p, n)
				}
			})
		}
	}
}

// wantGoesOn wants a connection from room on which nothing was sent yet to go on.
func wantGoesOn(t *testing.T, c *Conn, p *peer) {
	t.Helper()
	result := started(func() error { return c.Write(t.Context(), Text, []byte("next")) })
	p.roomByte()
	p.expect(frame.Text, "next")
	if err := returned(t, "Write", result); err != nil || c.Err() != nil {
		t.Fatalf("next Write = %v, Err = %v; want nil", err, c.Err())
	}
}

// wantHalf wants writing to have ended behind n bytes, reading not.
func wantHalf(t *testing.T, c *Conn, p *peer, n int) {
	t.Helper()
	err := c.Write(t.Context(), Text, []byte("never"))
	if e := closeError(t, err); !errors.Is(e, errHalfWritten) || e.Remote || errors.Is(err, context.Canceled) {
		t.Fatalf("next Write = %v (remote %v), want %v", err, e.Remote, errHalfWritten)
	}
	go p.message(frame.Text, "still read")
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "still read" {
		t.Fatalf("Read = %q, %v; a failed write must not end reading", got, err)
	}
	begun := time.Now()
	rest, err := io.ReadAll(p.nc) // until the close timeout cuts the connection
	if len(rest) != n+1 || time.Since(begun) != defaultCloseTimeout {
		t.Fatalf("peer got %d bytes, %v, after %v; want %d, and the end after %v",
			len(rest), err, time.Since(begun), n+1, defaultCloseTimeout)
	}
	if err := c.Err(); !errors.Is(err, errHalfWritten) {
		t.Fatalf("Err = %v, want the first failure: %v", err, errHalfWritten)
	}
}

// With others' frames before it in the same system call, those are sent whole.
func TestLargePreparedCanceledBehindASmallOne(t *testing.T) {
	small, _ := Prepare(Text, []byte("small"))
	large, _ := Prepare(Binary, text(100_000))
	for _, role := range both {
		first := 2 + 4*int(role) + len("small")
		for n := range first + 3 {
			synctest.Test(t, func(t *testing.T) {
				c, p := room(t, role, n, quiet())
				ctx, cancel := context.WithCancel(t.Context())
				result := started(func() error { return c.WritePrepared(ctx, small, large) })
				cancel()
				if err := returned(t, "WritePrepared", result); !errors.Is(err, context.Canceled) {
					t.Fatalf("%v, room for %d bytes: WritePrepared = %v", role, n, err)
				}
				if n > first {
					wantHalf(t, c, p, n)
					return
				}
				if s := c.Stats(); s.FramesOut != 1 || s.BytesOut != 5 || s.WireOut != int64(first) {
					t.Errorf("%v, room for %d bytes: %+v; only the small one counts", role, n, s)
				}
				p.roomByte()
				p.expect(frame.Text, "small")
				result = started(func() error { return c.Write(t.Context(), Text, []byte("next")) })
				p.expect(frame.Text, "next")
				if err := returned(t, "Write", result); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// A large Write in line for the write turn leaves when its context ends.
func TestLargeWriteLeavesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := room(t, Server, 1, quiet())
		first := started(func() error { return c.Write(t.Context(), Text, []byte("first")) })
		ctx, cancel := context.WithCancel(t.Context())
		second := started(func() error { return c.Write(ctx, Binary, text(100_000)) })
		cancel()
		if err := returned(t, "the large Write", second); !errors.Is(err, context.Canceled) {
			t.Errorf("large Write = %v, want %v", err, context.Canceled)
		}
		p.roomByte()
		p.expect(frame.Text, "first")
		if err := returned(t, "Write", first); err != nil {
			t.Errorf("Write = %v", err)
		}
		p.expectNothing()
		if s := c.Stats(); s.FramesOut != 1 || s.Queued != 0 {
			t.Errorf("%+v, want one frame sent and none queued", s)
		}
	})
}
