package conn

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Messages that are being compressed count as queued: many posts at once do not
// queue more than their limit.
func TestPostsAtOnceKeepToTheLimit(t *testing.T) {
	msg := hexOf(newRand(1), 60_000)
	for range 20 {
		near, far := wiretest.Pipe(1)
		near.Write([]byte{0})
		o := packing(Compression{Takeover: true, WindowBits: 15})
		o.QueueBytes = 2 * len(msg)
		c := New(near, Setup{Role: Server, Deflate: new(deflate.Params)}, o)
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if err := c.Post(Text, msg); err != nil && err != ErrQueueFull {
					t.Error(err)
				}
				if n := c.Stats().Queued; n > o.QueueBytes {
					t.Errorf("%d bytes are queued, limit %d", n, o.QueueBytes)
				}
			})
		}
		wg.Wait()
		c.CloseNow()
		far.Close()
	}
}

// packedCrowd is a crowd of 64 writers on a connection that compresses, and who
// judges what it sends.
func packedCrowd(t *testing.T, role Role, level CompressionLevel, until int) (*crowd, *outbox, func(sentMessage) ([]byte, error)) {
	near, far := wiretest.Pipe(1 << 20)
	p := deflate.Params{}
	o := packing(Compression{Takeover: true, WindowBits: 12, Level: level})
	o.CloseTimeout = defaultCloseTimeout
	c := New(near, Setup{Role: role, Deflate: &p}, o)
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	return &crowd{c: c, until: until}, &outbox{t: t, far: far, role: role}, newReceiver(deflate.Direction{WindowBits: 12, Takeover: true})
}

// 64 writers by every call there is: their messages do not mix, and each writer's
// come in its order.
//
// Checklist: D8, T1
func TestCompressingCrowd(t *testing.T) {
	for _, role := range both {
		crowd, out, in := packedCrowd(t, role, FastCompression, 10)
		crowd.start()
		var got [64]int
		for range len(crowd.sent) * crowd.until {
			msg, err := in(out.message())
			if err == nil {
				err = judgeMessage(msg, &got)
			}
			if err != nil {
				t.Fatalf("%v: %v", role, err)
			}
		}
		crowd.wg.Wait()
	}
}

// Close in the middle of a crowd: whoever was told that his message is sent is
// right, in order, up to the Close, and nothing follows it. What was posted behind
// a message that is being compressed goes out plain.
//
// Checklist: D8, D13
func TestCloseAmongCompressingWriters(t *testing.T) {
	for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
		for _, role := range both {
			for after := 0; after < 30; after += 6 {
				crowd, out, in := packedCrowd(t, role, level, 1000)
				crowd.start()
				var got [64]int
				for range after {
					judgeSent(t, in, out.message(), &got)
				}
				crowd.c.BeginClose(CloseNormal, "")
				crowd.wg.Wait()
				rest, code := out.untilClose()
				for _, m := range rest {
					judgeSent(t, in, m, &got)
				}
				if code != CloseNormal {
					t.Errorf("%v: a Close with %v", role, code)
				}
				for i, n := range crowd.sent {
					// A Post behind a Writer that the Close cuts is lost, and only a Post.
					if i%4 != 0 && got[i] != n {
						t.Errorf("%v: writer %d was told %d times that its message is sent, %d came", role, i, n, got[i])
					}
				}
				crowd.c.CloseNow()
			}
		}
	}
}

func judgeSent(t *testing.T, in func(sentMessage) ([]byte, error), m sentMessage, got *[64]int) {
	t.Helper()
	msg, err := in(m)
	if err == nil {
		err = judgeMessage(msg, got)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// untilClose is the rest of the messages and the code of the Close behind them.
func (o *outbox) untilClose() (ms []sentMessage, code CloseCode) {
	o.t.Helper()
	for {
		m := o.message()
		if m.op == frame.Close {
			code, _, _ = frame.ParseClose(m.p)
			return ms, code
		}
		ms = append(ms, m)
	}
}

// A Close while a Write compresses: the Write fails, what was posted behind it goes
// out before the Close, and the connection ends well.
func TestCloseWhileAWriteCompresses(t *testing.T) {
	msg := hexOf(newRand(1), 1<<20)
	for _, role := range both {
		for _, end := range []struct {
			name string
			do   func(c *Conn)
		}{
			{"BeginClose", func(c *Conn) { c.BeginClose(CloseGoingAway, "") }},
			{"Close", func(c *Conn) { go c.CloseWith(context.Background(), CloseGoingAway, "") }},
		} {
			t.Run(fmt.Sprint(role, " ", end.name), func(t *testing.T) {
				for range 10 {
					p := deflate.Params{}
					c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
					in := newReceiver(direction(role, p))
					result := make(chan error, 1)
					go func() { result <- c.Write(context.Background(), Text, msg) }()
					for !c.holdsTurn() && len(result) == 0 {
						runtime.Gosched()
					}
					small := records(1, 1000)
					if err := c.Post(Text, small); err != nil {
						t.Fatal(err)
					}
					end.do(c)
					err := within(t, "Write", result)
					if err != nil && !errors.Is(err, ErrClosed) {
						t.Errorf("Write = %v", err)
					}
					ms, code := out.untilClose()
					if code != CloseGoingAway {
						t.Errorf("a Close with %v", code)
					}
					want := [][]byte{small}
					if err == nil {
						want = [][]byte{msg, small} // it was faster
					}
					if len(ms) != len(want) {
						t.Fatalf("%d messages came, want %d", len(ms), len(want))
					}
					for i, m := range ms {
						if got, err := in(m); err != nil || string(got) != string(want[i]) {
							t.Fatalf("message %d, compressed %v, came as %d bytes, %v", i, m.packed, len(got), err)
						}
					}
					c.CloseNow()
				}
			})
		}
	}
}

func (c *Conn) holdsTurn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wr.message.held()
}

// Writing ends while each call compresses: every one of them fails with what ended
// it, and the turn is not lost.
func TestEndWhileCallsCompress(t *testing.T) {
	msg := hexOf(newRand(1), 300_000)
	for _, role := range both {
		c, _ := sender(t, role, deflate.Params{}, packing(Compression{Takeover: true, WindowBits: 15}))
		results := make(chan error, 100)
		var wg sync.WaitGroup
		for range 4 {
			for _, send := range waysToSend(t, c)[:3] {
				wg.Go(func() {
					for {
						if err := send.do(Text, msg); err != nil {
							results <- err
							return
						}
					}
				})
			}
		}
		for c.Stats().FramesOut < 20 {
			runtime.Gosched()
		}
		c.CloseNow()
		wg.Wait()
		close(results)
		for err := range results {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%v: a call returned %v, want %v", role, err, ErrClosed)
			}
		}
	}
}

// Posts beside Writes keep their order: a Post that has returned is before a Write
// that is called afterwards.
func TestPostsAndWritesKeepTheirOrder(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			p := deflate.Params{}
			c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
			in := newReceiver(direction(role, p))
			stop := make(chan struct{})
			beside := make(chan struct{})
			go func() { // holds the turn most of the time
				defer close(beside)
				for {
					select {
					case <-stop:
						return
					default:
						c.Write(t.Context(), Binary, make([]byte, 20_000))
					}
				}
			}()
			const n = 300
			for i := range n {
				msg := fmt.Appendf(nil, "%05d %s", i, records(uint64(i), 800))
				if err := waysToSend(t, c)[[]int{0, 2, 1, 2, 4, 2, 5}[i%7]].do(Text, msg); err != nil {
					t.Fatal(err)
				}
			}
			close(stop)
			<-beside
			for next := 0; next < n; {
				m := out.message()
				got, err := in(m)
				if err != nil {
					t.Fatal(err)
				}
				if m.op == frame.Binary {
					continue
				}
				if string(got[:5]) != fmt.Sprintf("%05d", next) {
					t.Fatalf("message %s came, want %05d", got[:5], next)
				}
				next++
			}
		})
	}
}

// While a message is compressed nobody waits for Conn.mu: a pong, a Post and a Close
// pass.
func TestCompressingHoldsNoLock(t *testing.T) {
	msg := hexOf(newRand(2), 1<<20)
	for _, role := range both {
		p := deflate.Params{}
		c, out := sender(t, role, p, packing(Compression{Level: BetterCompression}))
		sent := int64(0)
		for i, send := range waysToSend(t, c) {
			if send.name == "Writer" || i > 2 {
				continue // a Writer compresses outside of any lock, the others before
			}
			seen := false
			for try := 0; try < 50 && !seen; try++ {
				result := make(chan error, 1)
				go func() { result <- send.do(Text, msg) }()
				for len(result) == 0 && !seen {
					c.mu.Lock()
					seen = c.wr.message.held() && c.stats.framesOut == sent
					c.mu.Unlock()
					runtime.Gosched()
				}
				out.message()
				if err := within(t, send.name, result); err != nil {
					t.Fatal(err)
				}
				sent++
			}
			if !seen {
				t.Errorf("%v, %s: a megabyte is compressed under the lock", role, send.name)
			}
		}
	}
}
