package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// fragment reads the next frame and wants this one.
func (p *peer) fragment(fin bool, op frame.Opcode, payload string) {
	p.t.Helper()
	h, got, err := p.next()
	if err != nil || h.Fin != fin || h.Opcode != op || got != payload {
		p.t.Fatalf("peer got %+v %.20q (%d bytes), %v; want fin %v, %v, %.20q (%d bytes)",
			h, got, len(got), err, fin, op, payload, len(payload))
	}
}

// Checklist: G1, G8
func TestWriterFrames(t *testing.T) {
	const k16 = fragmentSize
	tests := []struct {
		pieces []int
		frames []int
	}{
		{[]int{}, []int{0}},                          // an empty message is one empty frame
		{[]int{0, 0}, []int{0}},                      // and so are two empty pieces
		{[]int{1}, []int{1}},                         // one frame, as from Write
		{[]int{10, 20, 30}, []int{60}},               // pieces come together
		{[]int{k16 - 1}, []int{k16 - 1}},             //
		{[]int{k16}, []int{k16, 0}},                  // it cannot be known that no more comes
		{[]int{k16 - 1, 2}, []int{k16, 1}},           // a piece across two frames
		{[]int{40_000}, []int{k16, k16, 7232}},       // more than two frames in one piece
		{[]int{k16, 0, k16, 5}, []int{k16, k16, 5}},  //
		{[]int{5, 3 * k16}, []int{k16, k16, k16, 5}}, //
	}
	for _, role := range both {
		for _, tt := range tests {
			synctest.Test(t, func(t *testing.T) {
				c, p := narrow(t, role, 1<<20, quiet())
				w, err := c.Writer(t.Context(), Text)
				if err != nil {
					t.Fatal(err)
				}
				var all []byte
				for _, n := range tt.pieces {
					piece := text(n)
					if m, err := w.Write(piece); m != n || err != nil {
						t.Fatalf("Write of %d bytes = %d, %v", n, m, err)
					}
					all = append(all, piece...)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				op := frame.Text
				for i, n := range tt.frames {
					p.fragment(i == len(tt.frames)-1, op, string(all[:n]))
					all, op = all[n:], frame.Continuation
				}
				p.expectNothing()
			})
		}
	}
}

// Checklist: T2, T6
func TestWriterChecksTextOverItsPieces(t *testing.T) {
	const smile = "\xf0\x9f\x98\x80" // U+1F600
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		for cut := range len(smile) + 1 {
			w, _ := c.Writer(t.Context(), Text)
			io.WriteString(w, smile[:cut])
			// A refused piece sends nothing and leaves the text where it was.
			for _, bad := range []string{"\xff", smile[cut:] + "\x80", smile[cut:] + smile[:2] + "a"} {
				if n, err := io.WriteString(w, bad); n != 0 || err != errNotText {
					t.Errorf("piece % x behind % x = %d, %v; want 0, %v", bad, smile[:cut], n, err, errNotText)
				}
			}
			io.WriteString(w, smile[cut:])
			if err := w.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
			p.expect(frame.Text, smile)
		}
		w, _ := c.Writer(t.Context(), Binary)
		io.WriteString(w, "\xff")
		w.Close()
		p.expect(frame.Binary, "\xff")
	})
}

// A text that stops inside a code point cannot be ended. If nothing was sent of it,
// it has never been.
//
// Checklist: T6
func TestWriterCannotEndInsideACodePoint(t *testing.T) {
	for _, sent := range []int{0, fragmentSize} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Client, quiet())
			w, _ := c.Writer(t.Context(), Text)
			w.Write(text(sent))
			w.Write([]byte{0xc3})
			for range 2 {
				if err := w.Close(); err != errNotText {
					t.Errorf("Close = %v, want %v", err, errNotText)
				}
			}
			if sent == 0 {
				c.Write(t.Context(), Text, []byte("next"))
				p.expect(frame.Text, "next")
				return
			}
			p.fragment(false, frame.Text, string(text(sent)))
			p.expectClose(CloseInternalError)
			if err := c.Write(t.Context(), Text, nil); !errors.Is(closeError(t, err), errHalfMessage) {
				t.Errorf("next Write = %v, want %v", err, errHalfMessage)
			}
		})
	}
}

func TestWriterAfterItsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		w, _ := c.Writer(t.Context(), Text)
		w.Close()
		p.expect(frame.Text, "")
		for range 2 {
			if n, err := w.Write([]byte("x")); n != 0 || err != errWriterClosed {
				t.Errorf("Write = %d, %v; want 0, %v", n, err, errWriterClosed)
			}
			if err := w.Close(); err != errWriterClosed {
				t.Errorf("second Close = %v, want %v", err, errWriterClosed)
			}
		}
		again, _ := c.Writer(t.Context(), Text) // the turn is free
		w.Close()                               // and the old writer cannot give it away
		io.WriteString(again, "again")
		result := started(func() error { return c.Write(t.Context(), Text, []byte("after")) })
		again.Close()
		p.expect(frame.Text, "again")
		p.expect(frame.Text, "after")
		if err := returned(t, "Write", result); err != nil {
			t.Error(err)
		}
	})
}

// Other messages wait for an open Writer; control frames do not.
//
// Checklist: G4, G5, N3
func TestOpenWriterHoldsMessagesAndNoControlFrames(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			w, _ := c.Writer(t.Context(), Binary)
			w.Write(text(fragmentSize))
			write := started(func() error { return c.Write(t.Context(), Text, []byte("write")) })
			writer := started(func() error {
				w, err := c.Writer(t.Context(), Text)
				return errors.Join(err, w.Close())
			})
			go c.Discard(t.Context())
			p.message(frame.Ping, "ping")
			p.fragment(false, frame.Binary, string(text(fragmentSize)))
			p.expect(frame.Pong, "ping")
			ping := started(func() error { _, err := c.Ping(t.Context()); return err })
			_, number, _ := p.next()
			p.message(frame.Pong, number)
			if err := returned(t, "Ping", ping); err != nil {
				t.Error(err)
			}
			io.WriteString(w, "end")
			w.Close()
			p.fragment(true, frame.Continuation, "end")
			p.expect(frame.Text, "write")
			p.expect(frame.Text, "")
			if err := errors.Join(returned(t, "Write", write), returned(t, "Writer", writer)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checklist: L6, L17
func TestCloseCutsAnOpenWriterBetweenFragments(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			w, _ := c.Writer(t.Context(), Text)
			w.Write(text(fragmentSize + 10))
			c.Post(Text, []byte("cannot be sent inside the message"))
			c.BeginClose(CloseGoingAway, "enough")
			if _, err := w.Write(text(fragmentSize)); !errors.Is(err, ErrClosed) {
				t.Errorf("Write = %v, want %v", err, ErrClosed)
			}
			if err := w.Close(); !errors.Is(err, ErrClosed) {
				t.Errorf("Close = %v, want %v", err, ErrClosed)
			}
			p.fragment(false, frame.Text, string(text(fragmentSize)))
			p.expectClose(CloseGoingAway)
			p.expectNothing()
		})
	}
}

// A canceled Writer: nothing of its message, or 1011 behind its last whole frame.
func TestWriterCanceledAtEveryByte(t *testing.T) {
	msg := text(3 * fragmentSize)
	for _, role := range both {
		head := 4 + 4*int(role)
		for _, about := range []int{0, head, fragmentSize, fragmentSize + head, 2 * (fragmentSize + head)} {
			for n := max(0, about-3); n < about+3; n++ {
				synctest.Test(t, func(t *testing.T) { wantGivenUp(t, role, n, msg) })
			}
		}
	}
}

func wantGivenUp(t *testing.T, role Role, n int, msg []byte) {
	c, p := room(t, role, n, quiet())
	ctx, cancel := context.WithCancel(t.Context())
	w, _ := c.Writer(ctx, Text)
	result := started(func() error { _, err := w.Write(msg); return err })
	cancel()
	if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, room for %d bytes: Write = %v", role, n, err)
	}
	if err := w.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v, want the same error as Write", err)
	}
	err := c.Write(t.Context(), Text, []byte("never"))
	if e := closeError(t, err); !errors.Is(e, errHalfMessage) || e.Remote || errors.Is(err, context.Canceled) {
		t.Errorf("next Write = %v (remote %v), want %v", err, e.Remote, errHalfMessage)
	}
	p.roomByte()
	op, whole := frame.Text, 0
	for {
		h, got, err := p.next()
		if err != nil {
			t.Fatalf("%v, room for %d bytes: peer got %d frames, then %v; want a Close", role, n, whole, err)
		}
		if h.Opcode == frame.Close {
			code, _, _ := frame.ParseClose([]byte(got))
			if code != CloseInternalError || whole == 0 {
				t.Errorf("a Close with %v behind %d frames, want 1011", code, whole)
			}
			break
		}
		if h.Opcode != op || h.Fin || got != string(msg[:fragmentSize]) {
			t.Fatalf("%v, room for %d bytes: frame %+v", role, n, h)
		}
		op, msg, whole = frame.Continuation, msg[fragmentSize:], whole+1
	}
	p.expectNothing()
	<-c.Done() // nobody answers
}

func TestWriterCanceledBeforeItsFirstFrameHasNeverBeen(t *testing.T) {
	for name, give := range map[string]func(ctx context.Context, c *Conn, cancel func()) error{
		"in line": func(ctx context.Context, c *Conn, cancel func()) error {
			open, _ := c.Writer(context.Background(), Text)
			result := started(func() error { _, err := c.Writer(ctx, Text); return err })
			cancel()
			err := <-result
			c.Post(Text, []byte("posted"))
			return errors.Join(err, ignore(open.Close()))
		},
		"at Writer": func(ctx context.Context, c *Conn, cancel func()) error {
			cancel()
			_, err := c.Writer(ctx, Text)
			return err
		},
		"at Write": func(ctx context.Context, c *Conn, cancel func()) error {
			w, _ := c.Writer(ctx, Text)
			io.WriteString(w, "gathered")
			cancel()
			_, err := w.Write(nil)
			return err
		},
		"at Close": func(ctx context.Context, c *Conn, cancel func()) error {
			w, _ := c.Writer(ctx, Text)
			io.WriteString(w, "gathered")
			c.Post(Text, []byte("posted"))
			cancel()
			return w.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, Client, quiet())
				ctx, cancel := context.WithCancel(t.Context())
				if err := give(ctx, c, cancel); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want %v", err, context.Canceled)
				}
				if name == "in line" {
					p.expect(frame.Text, "")
				}
				if name == "in line" || name == "at Close" {
					p.expect(frame.Text, "posted")
				}
				if err := c.Write(t.Context(), Text, []byte("next")); err != nil {
					t.Error(err)
				}
				p.expect(frame.Text, "next")
				p.expectNothing()
			})
		})
	}
}

func ignore(error) error { return nil }

// With no room, before the first frame as before any other, a Writer waits within
// its context.
func TestWriterWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := room(t, Server, 0, quiet())
		for range 5 { // 80 KiB, over highWater
			if err := c.Post(Binary, text(copyMax)); err != nil {
				t.Fatal(err)
			}
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Writer(short, Text); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Writer = %v, want %v", err, context.DeadlineExceeded)
		}
		result := started(func() error {
			w, err := c.Writer(t.Context(), Text)
			return errors.Join(err, w.Close())
		})
		p.roomByte()
		for range 5 {
			p.expect(frame.Binary, string(text(copyMax)))
		}
		p.expect(frame.Text, "")
		if err := returned(t, "Writer", result); err != nil {
			t.Error(err)
		}
	})
}

// A canceled last frame: the message is whole and will be sent.
func TestWriterCanceledInItsLastFrame(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := room(t, role, 1, quiet())
			ctx, cancel := context.WithCancel(t.Context())
			w, _ := c.Writer(ctx, Text)
			io.WriteString(w, "whole")
			result := started(w.Close)
			cancel()
			if err := returned(t, "Close", result); !errors.Is(err, context.Canceled) {
				t.Errorf("Close = %v", err)
			}
			if err := w.Close(); err != errWriterClosed {
				t.Errorf("second Close = %v, want %v", err, errWriterClosed)
			}
			p.roomByte()
			p.expect(frame.Text, "whole")
			c.Post(Text, []byte("next"))
			p.expect(frame.Text, "next")
			if err := c.Err(); err != nil {
				t.Errorf("Err = %v, want nil", err)
			}
		})
	}
}

// Any size in bounded memory.
func TestWriterStreamsInFlatMemory(t *testing.T) {
	const size, step = 64 << 20, 8 << 20
	near, far := wiretest.Pipe(0)
	c := New(near, Setup{Role: Server}, quiet())
	defer c.CloseNow()
	result := make(chan error, 1)
	go func() {
		w, err := c.Writer(context.Background(), Binary)
		p := bytes.Repeat([]byte{'x'}, 1<<20)
		for range size / len(p) {
			if err == nil {
				_, err = w.Write(p)
			}
		}
		result <- errors.Join(err, w.Close())
	}()
	in, heap, most := framesOf(far), heapNow(), uint64(0)
	for got, fin := 0, false; !fin; {
		h, p, err := in.next()
		if err != nil || len(p) > fragmentSize {
			t.Fatalf("frame of %d bytes, %v", len(p), err)
		}
		fin = h.Fin
		if got/step != (got+len(p))/step {
			most = max(most, heapNow())
		}
		got += len(p)
		if fin && got != size {
			t.Errorf("%d bytes arrived, want %d", got, size)
		}
	}
	if err := within(t, "the writer", result); err != nil {
		t.Error(err)
	}
	if most > heap+4<<20 {
		t.Errorf("heap grew from %d to %d bytes while %d were streamed", heap, most, size)
	}
}

// heapNow is what is reachable, in bytes.
func heapNow() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
