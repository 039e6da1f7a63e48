package conn

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Every step of a conversation, with what it adds to the counters.
func TestStatsOfAConversation(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := narrow(t, role, 1<<20, quiet())
			out, in := 4*int64(role), 4-4*int64(role) // of a key
			var want Stats
			after := func(step string) {
				t.Helper()
				synctest.Wait()
				if got := c.Stats(); got != want {
					t.Errorf("%v, after %s:\n got %+v\nwant %+v", role, step, got, want)
				}
			}
			sent := func(frames, payload, wire int64) {
				want.FramesOut += frames
				want.BytesOut += payload
				want.WireOut += wire + frames*out
			}
			received := func(frames, payload, wire int64) {
				want.FramesIn += frames
				want.BytesIn += payload
				want.WireIn += wire + frames*in
			}
			ctx := t.Context()
			after("New")

			c.Write(ctx, Text, text(5))
			sent(1, 5, 7)
			after("a short message")

			c.Write(ctx, Binary, text(100_000))
			sent(1, 100_000, 100_010)
			after("a large one")

			m, _ := Prepare(Text, text(200))
			c.WritePrepared(ctx, m, m)
			c.PostPrepared(m)
			sent(3, 600, 3*204)
			after("three prepared ones")

			w, _ := c.Writer(ctx, Binary)
			w.Write(text(fragmentSize + 10))
			sent(1, fragmentSize, fragmentSize+4)
			after("a first fragment")
			c.Post(Text, text(3))
			want.Queued = 3 + frame.MaxHeaderLen
			after("a post behind it")
			w.Close()
			want.Queued = 0
			sent(2, 10+3, 10+2+3+2)
			after("the end of the message")

			c.Write(ctx, Text, []byte{0xff})
			over, cancel := context.WithCancel(ctx)
			cancel()
			c.Write(over, Text, text(5))
			after("two refused ones")

			p.message(frame.Text, "hello")
			c.Read(ctx)
			received(1, 5, 7)
			after("a message received")

			p.send(p.frame(false, frame.Text, "hel"), p.frame(true, frame.Ping, "12"), p.frame(true, frame.Continuation, "lo"))
			_, r, _ := c.Reader(ctx)
			io.ReadAll(r)
			received(3, 5, 5+4+4)
			sent(1, 0, 4) // the pong
			after("a streamed one with a ping inside")

			ping := started(func() error { _, err := c.Ping(ctx); return err })
			<-time.After(70 * time.Millisecond)
			p.message(frame.Pong, "\x00\x00\x00\x00\x00\x00\x00\x01")
			returned(t, "Ping", ping)
			sent(1, 0, 10)
			received(1, 0, 10)
			want.RTT = 70 * time.Millisecond
			after("our Ping")

			p.message(frame.Close, closePayload(CloseNormal, "bye"))
			c.Read(ctx)
			p.nc.CloseWrite()
			sent(1, 0, 4) // the answer holds the code alone
			received(1, 0, 7)
			after("the Close")
		})
	}
}

// What the socket does not take is queued, until it does.
func TestStatsOfWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := room(t, Server, 0, quiet())
		for i, want := range []int{7, 14, 21} {
			c.Post(Text, text(5))
			synctest.Wait()
			if got := c.Stats().Queued; got != want {
				t.Errorf("post %d: %d bytes queued, want %d", i, got, want)
			}
		}
		p.roomByte()
		for range 3 {
			p.expect(frame.Text, string(text(5)))
		}
		synctest.Wait()
		if got := c.Stats().Queued; got != 0 {
			t.Errorf("%d bytes queued, want 0", got)
		}
	})
}

// Bytes that came behind the handshake are bytes of the stream like others.
func TestStatsOfWhatWasBuffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(0)
		defer far.Close()
		in := frameOf(Client, true, frame.Text, "hello")
		c := New(near, Setup{Role: Server, Buffered: in[:3]}, quiet())
		defer c.CloseNow()
		far.Write(in[3:])
		if _, p, err := c.Read(t.Context()); string(p) != "hello" || err != nil {
			t.Fatalf("%q, %v", p, err)
		}
		if n := c.Stats().WireIn; n != int64(len(in)) {
			t.Errorf("WireIn = %d, want %d", n, len(in))
		}
	})
}

// Of messages that came together each is counted when it is delivered: in a body of
// Messages, behind a Read, and when a control frame or the end follows them.
func TestStatsBetweenMessagesThatCameTogether(t *testing.T) {
	one := frameOf(Client, true, frame.Text, "hello")
	for _, ping := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			near, far := wiretest.Pipe(0)
			c := New(near, Setup{Role: Server}, quiet())
			defer c.CloseNow()
			in := bytes.Repeat(one, 4)
			if ping {
				in = append(in, frameOf(Client, true, frame.Ping, "")...)
				go io.Copy(io.Discard, far)
			}
			go func() {
				far.Write(in)
				far.CloseWrite()
			}()
			synctest.Wait()
			n := int64(0)
			check := func() {
				t.Helper()
				if s := c.Stats(); s.FramesIn != n || s.BytesIn != 5*n {
					t.Errorf("after %d messages: %+v", n, s)
				}
			}
			for range c.Messages(t.Context()) {
				n++
				check()
				if n == 2 {
					break
				}
			}
			for n < 4 {
				if _, _, err := c.Read(t.Context()); err != nil {
					t.Fatal(err)
				}
				n++
				check()
			}
			c.Read(t.Context()) // the end
			want := int64(4)
			if ping {
				want++
			}
			if s := c.Stats(); s.FramesIn != want || s.BytesIn != 20 {
				t.Errorf("after the end: %+v", s)
			}
		})
	}
}

// What came behind the handshake may be more than any buffer that is read into, and so
// the messages in it more than are counted at once.
func TestStatsOfManyMessagesInOneBuffer(t *testing.T) {
	const n = 1<<16 + 10
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(0)
		defer far.Close()
		in := bytes.Repeat(frameOf(Server, true, frame.Text, "x"), n)
		c := New(near, Setup{Role: Client, Buffered: in}, quiet())
		defer c.CloseNow()
		far.CloseWrite()
		got := 0
		for _, err := range c.Messages(t.Context()) {
			if err == nil {
				got++
			}
		}
		if s := c.Stats(); got != n || s.FramesIn != n || s.BytesIn != n {
			t.Errorf("%d messages, %+v; want %d of each", got, s, n)
		}
	})
}
