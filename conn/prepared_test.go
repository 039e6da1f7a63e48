package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// prepared are n messages that read "0", "1" and so on, with filling behind.
func prepared(t testing.TB, n, size int) []*Prepared {
	t.Helper()
	ms := make([]*Prepared, n)
	for i := range ms {
		m, err := Prepare(Text, append(fmt.Appendf(nil, "%d ", i), text(size)...))
		if err != nil {
			t.Fatal(err)
		}
		ms[i] = m
	}
	return ms
}

// Many messages are one system call.
func TestWritePreparedSendsManyAtOnce(t *testing.T) {
	for _, role := range both {
		for _, tt := range []struct{ n, size, writes int }{
			{1, 10, 1},
			{100, 10, 1},
			{100, 100, 1},
			{12, 10_000, 8 + 1}, // highWater (seven of them), in pieces of 16 KiB, and the rest
		} {
			synctest.Test(t, func(t *testing.T) {
				near, far := wiretest.Pipe(1 << 20)
				c, p := New(near, Setup{Role: role}, quiet()), &peer{t: t, nc: far, role: 1 - role}
				defer c.CloseNow()
				if err := c.WritePrepared(t.Context(), prepared(t, tt.n, tt.size)...); err != nil {
					t.Fatal(err)
				}
				if got := near.Writes(); got > tt.writes {
					t.Errorf("%v: %d messages of %d bytes were %d writes, want %d", role, tt.n, tt.size, got, tt.writes)
				}
				for i := range tt.n {
					p.expect(frame.Text, fmt.Sprintf("%d %s", i, text(tt.size)))
				}
			})
		}
	}
}

func TestWritePreparedOfAllSizes(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := narrow(t, role, 1000, quiet())
			sizes := []int{0, 10, copyMax, copyMax + 1, 5, 100_000, 100_000, 1, copyMax, copyMax, copyMax, copyMax, copyMax, 7}
			var ms []*Prepared
			for _, n := range sizes {
				m, _ := Prepare(Binary, text(n))
				ms = append(ms, m)
			}
			result := started(func() error { return c.WritePrepared(t.Context(), ms...) })
			for _, n := range sizes {
				p.expect(frame.Binary, string(text(n)))
			}
			if err := returned(t, "WritePrepared", result); err != nil {
				t.Error(err)
			}
			if err := c.WritePrepared(t.Context()); err != nil {
				t.Errorf("WritePrepared of nothing = %v", err)
			}
			p.expectNothing()
		})
	}
}

// Between two of the messages others may come; what is committed then does not wait
// with the next one.
func TestWritePreparedWaitsWithNothingUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		first, _ := c.Writer(t.Context(), Text)
		many := started(func() error { return c.WritePrepared(t.Context(), prepared(t, 2, 0)...) })
		var second io.WriteCloser
		result := started(func() (err error) { second, err = c.Writer(t.Context(), Text); return err })
		first.Close()
		p.expect(frame.Text, "")
		p.expect(frame.Text, "0 ")
		p.expectNothing()
		if err := returned(t, "Writer", result); err != nil {
			t.Fatal(err)
		}
		second.Close()
		p.expect(frame.Text, "")
		p.expect(frame.Text, "1 ")
		if err := returned(t, "WritePrepared", many); err != nil {
			t.Error(err)
		}
	})
}

// Canceled in the line, it leaves; what was committed before is sent.
func TestWritePreparedCanceledBetweenMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		first, _ := c.Writer(t.Context(), Text)
		ctx, cancel := context.WithCancel(t.Context())
		many := started(func() error { return c.WritePrepared(ctx, prepared(t, 2, 0)...) })
		second := started(func() error { _, err := c.Writer(t.Context(), Text); return err })
		first.Close()
		if err := returned(t, "Writer", second); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := returned(t, "WritePrepared", many); !errors.Is(err, context.Canceled) {
			t.Errorf("WritePrepared = %v", err)
		}
		p.expect(frame.Text, "")
		p.expect(frame.Text, "0 ")
		p.expectNothing()
	})
}

func TestPrepareCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		b := []byte("before")
		m, _ := Prepare(Text, b)
		copy(b, "BEHIND")
		c.WritePrepared(t.Context(), m)
		p.expect(frame.Text, "before")
	})
}

// One Prepared, many connections of both roles at the same time: a client masks
// each sending with a key of its own and a copy of its own.
//
// Checklist: K1, K4
func TestPreparedIsSharedByManyConnections(t *testing.T) {
	for _, size := range []int{50, copyMax + 50} {
		m := prepared(t, 1, size)[0]
		want := bytes.Clone(m.frame)
		var wg sync.WaitGroup
		var mu sync.Mutex
		keys := map[[4]byte]int{}
		for i := range 8 {
			role := both[i%2]
			near, far := wiretest.Pipe(0)
			c := New(near, Setup{Role: role}, quiet())
			defer c.CloseNow()
			wg.Go(func() {
				for range 20 {
					if err := c.WritePrepared(context.Background(), m); err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				in := framesOf(far)
				for range 20 {
					h, p, err := in.next()
					if err != nil || !bytes.Equal(p, m.p) || h.Masked != (role == Client) {
						t.Errorf("%v: got %+v, %d bytes, %v", role, h, len(p), err)
						return
					}
					if h.Masked {
						mu.Lock()
						keys[h.Key]++
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		if len(keys) < 4*20-1 { // two equal ones in 80 have a chance of one in a million
			t.Errorf("%d different keys in 80 frames", len(keys))
		}
		if !bytes.Equal(m.frame, want) {
			t.Error("sending has changed a Prepared")
		}
	}
}

// Behind as much as may be committed the next message waits for the socket, and a
// context that ends there ends the call.
func TestWritePreparedCanceledAtAFullSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(1 << 10)
		c := New(near, Setup{Role: Server}, quiet())
		defer c.CloseNow()
		ctx, cancel := context.WithCancel(t.Context())
		many := prepared(t, 2*highWater/copyMax+2, copyMax-100)
		result := started(func() error { return c.WritePrepared(ctx, many...) })
		cancel()
		if err := returned(t, "WritePrepared", result); !errors.Is(err, context.Canceled) {
			t.Errorf("WritePrepared = %v", err)
		}
		if err := c.Err(); err != nil {
			t.Errorf("the connection ended with %v", err)
		}
		far.CloseRead()
	})
}
