package conn

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
)

// Up to QueueBytes are held, then ErrQueueFull; the connection goes on and all that
// was taken arrives in order.
func TestPostQueuesUpToItsLimit(t *testing.T) {
	const limit = 10_000
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			o := quiet()
			o.QueueBytes = limit
			c, p := room(t, role, 0, o)
			for round := range 3 {
				taken := 0
				for {
					err := c.Post(Text, fmt.Appendf(nil, "%d %d %s", round, taken, text(400)))
					if err == ErrQueueFull {
						break
					}
					if taken++; err != nil {
						t.Fatalf("Post %d = %v", taken, err)
					}
					if n := c.Stats().Queued; n > limit {
						t.Fatalf("%d bytes are queued, limit %d", n, limit)
					}
				}
				if taken < 20 || c.Err() != nil {
					t.Fatalf("%d messages of 400 bytes fit into %d, Err = %v", taken, limit, c.Err())
				}
				if round == 0 {
					p.roomByte()
				}
				for i := range taken {
					p.expect(frame.Text, fmt.Sprintf("%d %d %s", round, i, text(400)))
				}
				synctest.Wait()
				if n := c.Stats().Queued; n != 0 {
					t.Errorf("%d bytes are queued when all has arrived", n)
				}
			}
		})
	}
}

// A message that can never fit is refused, one that just fits is not.
func TestPostAtItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.QueueBytes = 1000
		c, p := newPeer(t, Server, o)
		fits := 1000 - frame.MaxHeaderLen
		if err := c.Post(Binary, text(fits+1)); err != ErrQueueFull {
			t.Errorf("Post of %d bytes = %v, want %v", fits+1, err, ErrQueueFull)
		}
		if err := c.Post(Binary, text(fits)); err != nil {
			t.Errorf("Post of %d bytes = %v", fits, err)
		}
		p.expect(frame.Binary, string(text(fits)))
	})
}

func TestPostWithoutALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.QueueBytes = -1
		c, p := narrow(t, Client, 1000, o)
		for i := range 1000 {
			if err := c.Post(Binary, text(1000+i)); err != nil {
				t.Fatalf("Post %d = %v", i, err)
			}
		}
		for i := range 1000 {
			p.expect(frame.Binary, string(text(1000+i)))
		}
	})
}

func TestPostCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := room(t, Server, 0, quiet())
		b := []byte("first")
		c.Post(Text, b) // into the outgoing buffer
		copy(b, "FIRST")
		p.roomByte()
		p.expect(frame.Text, "first")

		w, _ := c.Writer(t.Context(), Text)
		copy(b, "later")
		c.Post(Text, b) // behind the Writer
		copy(b, "LATER")
		result := started(w.Close)
		p.expect(frame.Text, "")
		p.expect(frame.Text, "later")
		if err := returned(t, "Close", result); err != nil {
			t.Error(err)
		}
	})
}

// Behind an open Writer, posted messages come after its last frame, before those
// that wait in line.
//
// Checklist: G5, G6
func TestPostBehindAnOpenWriter(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := narrow(t, role, 1<<20, quiet())
			w, _ := c.Writer(t.Context(), Binary)
			w.Write(text(fragmentSize))
			line := started(func() error { return c.Write(t.Context(), Text, []byte("in line")) })
			one, _ := Prepare(Text, []byte("one"))
			two, _ := Prepare(Binary, []byte("two"))
			if err := errors.Join(c.Post(Text, []byte("zero")), c.PostPrepared(one, two)); err != nil {
				t.Fatal(err)
			}
			p.fragment(false, frame.Binary, string(text(fragmentSize)))
			p.expectNothing()
			if n, want := c.Stats().Queued, 4+3+3+3*frame.MaxHeaderLen; n != want {
				t.Errorf("%d bytes are queued, want %d", n, want)
			}
			io.WriteString(w, "end")
			w.Close()
			p.fragment(true, frame.Continuation, "end")
			p.expect(frame.Text, "zero")
			p.expect(frame.Text, "one")
			p.expect(frame.Binary, "two")
			p.expect(frame.Text, "in line")
			if err := returned(t, "Write", line); err != nil {
				t.Error(err)
			}
		})
	}
}

// The limit holds for what waits behind a Writer as well.
func TestPostBehindAnOpenWriterIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.QueueBytes = 1000
		c, p := newPeer(t, Client, o)
		w, _ := c.Writer(t.Context(), Text)
		for range 2 {
			if err := c.Post(Text, text(400)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Post(Text, text(400)); err != ErrQueueFull {
			t.Errorf("third Post = %v, want %v", err, ErrQueueFull)
		}
		w.Close()
		p.expect(frame.Text, "")
		p.expect(frame.Text, string(text(400)))
		p.expect(frame.Text, string(text(400)))
		p.expectNothing()
	})
}

func TestPostPreparedQueuesAllOrNone(t *testing.T) {
	for _, behind := range []string{"nothing", "a Writer"} {
		t.Run(behind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := quiet()
				o.QueueBytes = 1000
				c, p := newPeer(t, Server, o)
				finish := func() {}
				if behind == "a Writer" {
					w, _ := c.Writer(t.Context(), Text)
					finish = func() { w.Close(); p.expect(frame.Text, "") }
				}
				m, _ := Prepare(Text, text(300))
				if err := c.PostPrepared(m, m, m, m); err != ErrQueueFull {
					t.Errorf("PostPrepared of four = %v, want %v", err, ErrQueueFull)
				}
				if n := c.Stats().Queued; n != 0 {
					t.Errorf("%d bytes are queued of a refused call", n)
				}
				if err := c.PostPrepared(m, m); err != nil {
					t.Errorf("PostPrepared of two = %v", err)
				}
				finish()
				p.expect(frame.Text, string(text(300)))
				p.expect(frame.Text, string(text(300)))
				p.expectNothing()
			})
		})
	}
}

// A Close goes behind everything that was accepted before it, and can be sent at
// all: a post behind a large message, or a Writer that has sent nothing, is.
func TestCloseDoesNotOvertakeAPost(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := room(t, role, 20, quiet())
			large := started(func() error { return c.Write(t.Context(), Binary, text(100_000)) })
			if err := c.Post(Text, []byte("posted")); err != nil {
				t.Fatal(err)
			}
			c.BeginClose(CloseGoingAway, "")
			p.roomByte()
			p.expect(frame.Binary, string(text(100_000)))
			p.expect(frame.Text, "posted")
			p.expectClose(CloseGoingAway)
			if err := returned(t, "the large Write", large); err != nil {
				t.Errorf("large Write = %v; its frame had begun", err)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			w, _ := c.Writer(t.Context(), Text)
			io.WriteString(w, "gathered and never sent")
			c.Post(Text, []byte("posted"))
			c.BeginClose(CloseGoingAway, "")
			p.expect(frame.Text, "posted")
			p.expectClose(CloseGoingAway)
		})
	}
}
