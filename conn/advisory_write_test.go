package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Advisories about sending, by their id.
//
// Checklist: N4, N5, K1, L6
func TestAdvisoryWrite(t *testing.T) {
	t.Run("CVE-2020-35896", adviseSlowReader)
	t.Run("CVE-2026-11586", advisePingFlood)
	t.Run("coder-129d303", advisePongFloodWhilePinging)
	t.Run("CVE-2025-5399", adviseStuckPong)
	t.Run("CVE-2016-10518", adviseOldMemory)
	t.Run("CVE-2026-45736", adviseOldMemory)
	t.Run("CVE-2025-10148", adviseOneKey)
	t.Run("CVE-2022-25762", adviseSendBesideClose)
}

// The peer stops reading and the program sends for ever, by every call: what is
// held stays bounded and the program is told.
func adviseSlowReader(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			o := quiet()
			o.WriteTimeout = -1 // nothing else shall end it
			c, p := room(t, role, 0, o)
			heap, full, late := heapNow(), 0, 0
			payload := text(1000)
			for range 2000 {
				if c.Post(Text, payload) == ErrQueueFull {
					full++
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				if errors.Is(c.Write(ctx, Text, payload), context.DeadlineExceeded) {
					late++
				}
				cancel()
			}
			most := defaultQueueBytes + highWater + copyMax
			if n := c.Stats().Queued; n > most || full == 0 || late == 0 {
				t.Errorf("%d bytes are queued, want %d at most; %d posts were refused, %d writes late", n, most, full, late)
			}
			if grown := int64(heapNow()) - int64(heap); grown > 4*int64(most) {
				t.Errorf("heap grew by %d bytes behind a peer that does not read", grown)
			}
			runtime.KeepAlive(p)
		})
	}
}

// A million pings, and nobody takes the pongs.
func advisePingFlood(t *testing.T) {
	for role, pings := range map[Role]int{Server: 900_000, Client: 100_000} {
		near, far := wiretest.Pipe(0)
		near.Write(make([]byte, wiretest.DefaultSize))
		o := quiet()
		o.WriteTimeout = -1
		c := New(near, Setup{Role: role}, o)
		go c.Discard(context.Background())
		flood(t, far, frameOf(1-role, true, frame.Ping, "0123456789"), 1000)
		heap := heapNow()
		flood(t, far, frameOf(1-role, true, frame.Ping, "0123456789"), pings)
		if grown := int64(heapNow()) - int64(heap); grown > 512<<10 {
			t.Errorf("%v: heap grew by %d bytes over %d pings", role, grown, pings)
		}
		if n := c.Stats().Queued; n > 3*maxPongs*(2+4+10) {
			t.Errorf("%v: %d bytes are queued", role, n)
		}
		c.CloseNow()
	}
}

// flood sends a frame n times and waits until all are read.
func flood(t testing.TB, far *wiretest.Conn, b []byte, n int) {
	t.Helper()
	chunk := bytes.Repeat(b, 1000)
	for range n / 1000 {
		if _, err := far.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
}

// A flood of pongs while Pings of ours wait: no pong but their own answers them.
func advisePongFloodWhilePinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		go c.Discard(t.Context())
		var waiting []chan error
		for range 4 {
			waiting = append(waiting, started(func() error { _, err := c.Ping(t.Context()); return err }))
		}
		for _, payload := range []string{"", "x", "\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x05", "\xff\xff\xff\xff\xff\xff\xff\xff", "01234567"} {
			flood(t, p.nc, frameOf(Client, true, frame.Pong, payload), 5_000)
		}
		synctest.Wait()
		for i, result := range waiting {
			select {
			case err := <-result:
				t.Errorf("Ping %d = %v by a pong that answers nothing", i, err)
			default:
			}
		}
		p.message(frame.Pong, "\x00\x00\x00\x00\x00\x00\x00\x04")
		for _, result := range waiting {
			if err := returned(t, "Ping", result); err != nil {
				t.Error(err)
			}
		}
	})
}

// A pong that the socket does not take is nobody's busy loop: everybody sleeps until
// it does. The bubble's clock moves only then.
func adviseStuckPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(0)
		near.Write(make([]byte, wiretest.DefaultSize))
		o := quiet()
		o.WriteTimeout = time.Hour
		c, p := New(near, Setup{Role: Client}, o), &peer{t: t, nc: far, role: Server}
		defer c.CloseNow()
		go c.Discard(t.Context())
		p.message(frame.Ping, "ping")
		synctest.Wait()
		writes, reads := near.Writes(), near.Reads()
		<-time.After(59 * time.Minute)
		if w, r := near.Writes()-writes, near.Reads()-reads; w != 0 || r != 0 {
			t.Errorf("%d writes and %d reads while nothing happens", w, r)
		}
		p.drop(wiretest.DefaultSize)
		p.expect(frame.Pong, "ping")
	})
}

// Buffers that held other bytes before never show them: every byte on the wire
// belongs to a frame that was meant.
func adviseOldMemory(t *testing.T) {
	const old = 0xa5
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			for _, size := range []int{smallBuffer, midBuffer, bigBuffer} {
				var bs []*buffer
				for range 4 {
					b := getBuffer(size)
					b.b = b.b[:cap(b.b)]
					for i := range b.b {
						b.b[i] = old
					}
					bs = append(bs, b)
				}
				for _, b := range bs {
					b.b = b.b[:0]
					pools[map[int]int{smallBuffer: 0, midBuffer: 1, bigBuffer: 2}[size]].pool.Put(b)
				}
			}
			c, p := narrow(t, role, 1<<20, quiet())
			frames, err := sendEveryKind(c)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			wire := int64(p.nc.Buffered())
			for i := range frames {
				h, payload, err := p.next()
				if err != nil {
					t.Fatal(err)
				}
				wire -= int64(h.Len()) + h.Length
				if bytes.IndexByte([]byte(payload), old) >= 0 {
					t.Errorf("%v, frame %d: %v shows old memory", role, i, h.Opcode)
				}
				if h.Opcode == frame.Ping && payload != "\x00\x00\x00\x00\x00\x00\x00\x01" {
					t.Errorf("%v: ping holds % x", role, payload)
				}
				if h.Opcode == frame.Close && payload != closePayload(CloseNormal, "bye") {
					t.Errorf("%v: Close holds % x", role, payload)
				}
			}
			if wire != 0 {
				t.Errorf("%v: %d bytes on the wire belong to no frame", role, wire)
			}
		})
	}
}

// One key for a whole connection lets a page choose what stands on the wire.
func adviseOneKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := narrow(t, Client, 1<<20, quiet())
		seen := map[string]bool{}
		b := make([]byte, 2+4+16)
		for range 500 {
			c.Write(t.Context(), Binary, make([]byte, 16))
			io.ReadFull(p.nc, b)
			seen[string(b[6:])] = true
		}
		if len(seen) < 499 { // two equal keys in 500 have a chance of one in 30,000
			t.Errorf("the same message stood on the wire in %d forms of 500", len(seen))
		}
	})
}

// Many connections send and close at the same time, with the buffers of one pool:
// what a peer gets is its own.
func adviseSendBesideClose(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 40 {
		role := both[i%2]
		near, far := pipes(500)
		c := New(near, Setup{Role: role}, quiet())
		mine := bytes.Repeat([]byte{byte(i)}, 9000)
		for w := range 3 {
			wg.Go(func() {
				for c.Err() == nil {
					switch w {
					case 0:
						c.Write(context.Background(), Binary, mine)
					case 1:
						c.Write(context.Background(), Binary, append(mine, mine...)) // from its own memory
					case 2:
						c.Post(Binary, mine)
						c.Write(context.Background(), Binary, nil)
					}
				}
			})
		}
		wg.Go(func() {
			if err := readOwn(far, byte(i), 100_000); err != nil {
				t.Error(err)
			}
			switch i % 3 {
			case 0:
				c.CloseNow()
			case 1:
				go c.BeginClose(CloseNormal, "")
				far.Close()
				c.Discard(context.Background())
			case 2:
				far.Close()
			}
			io.Copy(io.Discard, far)
			c.CloseNow()
			far.Close()
		})
	}
	wg.Wait()
}

// readOwn reads n bytes of payload that must all be b.
func readOwn(far net.Conn, b byte, n int) error {
	in := framesOf(far)
	for n > 0 {
		_, p, err := in.next()
		if err != nil {
			return err
		}
		if len(p) != bytes.Count(p, []byte{b}) {
			return fmt.Errorf("%d bytes for peer %d are not its own", len(p)-bytes.Count(p, []byte{b}), b)
		}
		n -= len(p)
	}
	return nil
}
