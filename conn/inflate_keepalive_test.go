package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// watchedPacked is watched with compression.
func watchedPacked(t testing.TB, role Role, w *Wheel, o *Options) (*Conn, *peer) {
	near, far := wiretest.Pipe(0)
	c := New(near, Setup{Role: role, Wheel: w, Deflate: deflating(12, true)}, o)
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	return c, &peer{t: t, nc: far, role: 1 - role}
}

// readToEnd reads in one way until the connection ends.
var readToEnd = map[string]func(c *Conn) error{
	"Read": func(c *Conn) error { _, _, err := c.Read(context.Background()); return err },
	"Reader": func(c *Conn) error {
		_, r, err := c.Reader(context.Background())
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		return err
	},
	"Discard": func(c *Conn) error { return c.Discard(context.Background()) },
}

// What a message gains is what comes on the wire: a drip is cut off, though each of
// its bytes inflates to a thousand and a Reader hands them out.
func TestProgressOfACompressedMessage(t *testing.T) {
	payload := bomb(t, 20<<20)
	for _, n := range []int{1, 25, 36, 100} {
		for name, read := range readToEnd {
			t.Run(fmt.Sprintf("%d bytes a second, %s", n, name), func(t *testing.T) {
				byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
					c, p := watchedPacked(t, role, w, &Options{PingInterval: -1, ReadLimit: -1})
					result := later(func() error { return read(c) })
					time.Sleep(100 * time.Millisecond) // so that no byte comes with a sample
					in := packedIn(p.role, frame.Binary, payload)
					at := p.dripOf(in, n, 2*time.Minute)
					if cut := n*30 < defaultMinProgress; cut != (at != 0) || cut && (at < 30*time.Second || at > 46*time.Second) {
						t.Errorf("the drip was cut after %v (0: not)", at)
					}
					c.CloseNow()
					if got := <-result; errors.Is(got.err, errNoProgress) != (at != 0) {
						t.Errorf("%s returned %v", name, got.err)
					}
				})
			})
		}
	}
}

// dripOf sends the first 20 bytes of in, and then n a second until it fails, and
// returns when that was, 0 if it did not.
func (p *peer) dripOf(in []byte, n int, most time.Duration) time.Duration {
	start := time.Now()
	p.send(in[:20])
	for in = in[20:]; time.Since(start) < most; in = in[n:] {
		if _, err := p.nc.Write(in[:n]); err != nil {
			return time.Since(start)
		}
		time.Sleep(time.Second)
	}
	return 0
}

// Small compressed messages are whole, and so progress, however little of them comes
// on the wire; and a message that stops is found in spite of answered pings.
func TestProgressOfSmallCompressedMessages(t *testing.T) {
	for name, read := range readToEnd {
		byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
			c, p := watchedPacked(t, role, w, &Options{PingInterval: -1})
			z := newPacker(12, true)
			result := later(func() error {
				for {
					if err := read(c); err != nil {
						return err
					}
				}
			})
			for range 150 {
				in := packedIn(p.role, frame.Text, z.pack(`{"op":"tick"}`), 3)
				p.send(in[:5])
				time.Sleep(time.Second)
				p.send(in[5:])
				time.Sleep(time.Second)
			}
			if err := c.Err(); err != nil {
				t.Fatalf("%s: five minutes of small messages end with %v", name, err)
			}
			p.send(packedIn(p.role, frame.Text, z.pack(strings.Repeat("begun", 9)), 5)[:8])
			if got := <-result; !errors.Is(got.err, errNoProgress) || got.after > 346*time.Second {
				t.Errorf("%s: %v after %v, want %v", name, got.err, got.after, errNoProgress)
			}
		})
	}
}

// Silence inside a compressed message is silence: a Ping, and the end.
func TestKeepaliveInsideACompressedMessage(t *testing.T) {
	payload := newPacker(12, true).pack(noise(5, 30_000))
	for name, read := range readToEnd {
		for _, at := range []int{0, 100, gatherMax + 100} {
			byTimerAndWheel(t, func(t *testing.T, role Role, w *Wheel) {
				c, p := watchedPacked(t, role, w, &Options{MinProgress: -1})
				result := later(func() error { return read(c) })
				p.send(compressed(p.frame(!fin, frame.Text, payload[:at])))
				p.message(frame.Pong, p.expectPing())
				p.expectPing()
				if got := <-result; !errors.Is(got.err, errDead) || got.after > 140*time.Second {
					t.Errorf("%s, silent behind %d bytes: %v after %v, want %v", name, at, got.err, got.after, errDead)
				}
				wantEnd(t, c, true)
			})
		}
	}
}

// The timer that lets a compressor rest runs also without a keepalive, and only
// where there is something to drop.
func TestRestNeedsATimerOnlyWithTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			o    *Options
			want bool
		}{{packing(Compression{}), false}, {packing(Compression{Takeover: true}), true}} {
			w := new(Wheel)
			near, _ := wiretest.Pipe(0)
			c := New(near, Setup{Role: Server, Wheel: w, Deflate: agreed(t, test.o)}, test.o)
			if got := w.n > 0; got != test.want {
				t.Errorf("takeover %v: on the wheel %v", test.want, got)
			}
			c.CloseNow()
			<-c.Done()
		}
	})
}
