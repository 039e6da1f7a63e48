package conn

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/internal/wiretest"
)

// A connection that has not sent for a while gives its tables back and keeps its
// window: the next message is right and refers to those before.
//
// Checklist: D8
func TestIdleCompressorKeepsItsWindow(t *testing.T) {
	for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
		for _, onWheel := range []bool{false, true} {
			for _, role := range both {
				t.Run(fmt.Sprintf("%v/wheel=%v/%v", level, onWheel, role), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { idles(t, role, level, onWheel) })
				})
			}
		}
	}
}

// An idle compressor has no table that knows its window, so that what it makes next is
// not what one makes that never rested.
//
// Checklist: D8
func TestIdleCompressorDropsItsTables(t *testing.T) {
	for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
		first, next := []byte(noise(1, 3000)), []byte(nil)
		for i := range 100 { // short references to everywhere: a table built again misses some
			next = append(next, first[i*1009%2900:][:9]...)
		}
		made := func(rests bool) []byte {
			z := deflate.NewCompressor(15, true, level)
			z.Append(nil, first)
			if rests {
				z.Idle()
			}
			return z.Append(nil, next)
		}
		rested, busy := made(true), made(false)
		if bytes.Equal(rested, busy) {
			t.Fatalf("%v: a rest shows in nothing", level)
		}
		for _, test := range []struct {
			every time.Duration // something is sent
			want  []byte
		}{
			{compressorRest / ticksPerInterval, busy},
			{2 * compressorRest, rested},
		} {
			synctest.Test(t, func(t *testing.T) {
				near, far := wiretest.Pipe(1 << 20)
				defer far.Close()
				c := New(near, Setup{Role: Server, Deflate: &deflate.Params{}}, packing(Compression{Takeover: true, Level: level, WindowBits: 15}))
				defer c.CloseNow()
				out := &outbox{t: t, far: far, role: Server}
				if err := c.Write(t.Context(), Text, first); err != nil {
					t.Fatal(err)
				}
				out.message()
				for range 2 * compressorRest / test.every {
					time.Sleep(test.every - 1)
					synctest.Wait()
					c.mu.Lock()
					c.wr.terms.deflate.used = true // as a message would, and without changing the window
					c.mu.Unlock()
					time.Sleep(1 * time.Nanosecond)
				}
				if err := c.Write(t.Context(), Text, next); err != nil {
					t.Fatal(err)
				}
				if m := out.message(); string(m.p) != string(test.want) {
					t.Errorf("%v, used every %v: the next message is %d bytes, want %d (%d after a rest)", level, test.every, len(m.p), len(test.want), len(rested))
				}
			})
		}
	}
}

func idles(t *testing.T, role Role, level CompressionLevel, onWheel bool) {
	near, far := wiretest.Pipe(1 << 20)
	p := deflate.Params{}
	s := Setup{Role: role, Deflate: &p}
	if onWheel {
		s.Wheel = new(Wheel)
	}
	c := New(near, s, packing(Compression{Takeover: true, Level: level, WindowBits: 15}))
	defer far.Close()
	defer c.CloseNow()
	out, in := &outbox{t: t, far: far, role: role}, judgedBy(role, p)
	msg := records(1, 3000)
	write := waysToSend(t, c)[0]
	in.wantsSent(t, out, write, true, msg)
	for range 3 {
		time.Sleep(2 * compressorRest) // fake time
		synctest.Wait()
		if c.wr.terms.deflate.used {
			t.Fatal("no tick has asked whether the compressor was used")
		}
		if err := write.do(Text, msg); err != nil {
			t.Fatal(err)
		}
		m := out.message()
		in.wants(t, m, true, msg)
		if len(m.p) > 300 {
			t.Errorf("after a rest the same message takes %d bytes: the window is gone", len(m.p))
		}
	}
	// A message that is open keeps its tables: nobody may take them from under it.
	w, err := c.Writer(t.Context(), Text)
	if err != nil {
		t.Fatal(err)
	}
	large := hexOf(newRand(1), 3*fragmentSize)
	for i := range 3 {
		if _, err := w.Write(large[i*fragmentSize:][:fragmentSize]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * compressorRest)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	in.wants(t, out.message(), true, large)
}

// What takeover costs a connection beyond a plain one, with windows of 12 bits both
// ways: 12.5 KiB while it is busy, 8.5 KiB at rest, and nothing without takeover.
func TestMemoryOfCompression(t *testing.T) {
	if raced() {
		t.Skip("the race detector changes what memory costs")
	}
	const pairs = 300
	measure := func(o *Options, rest bool) float64 {
		before := settledHeap()
		conns := talking(t, o, pairs)
		if rest {
			for _, c := range conns {
				c.restCompressor()
				c.restCompressor()
			}
		}
		used := (float64(settledHeap()) - float64(before)) / float64(len(conns))
		for _, c := range conns {
			c.CloseNow()
			<-c.Done()
		}
		wantNoneOfOurs(t)
		return used
	}
	// All of them are on a wheel, as every connection of a server is.
	takeover, alone := packing(Compression{Takeover: true}), packing(Compression{})
	takeover.PingInterval, alone.PingInterval = 0, 0
	measure(takeover, true) // what is made once
	for _, test := range []struct {
		what string
		o    *Options
		rest bool
		most float64
	}{
		{"busy", takeover, false, 12.5 * 1024},
		{"at rest", takeover, true, 8.5 * 1024},
		{"without takeover", alone, false, 512},
	} {
		got := math.Inf(1)
		for range 5 { // what else the process holds comes and goes
			plain := measure(nil, false)
			if got = min(got, measure(test.o, test.rest)-plain); got <= test.most {
				break
			}
		}
		t.Logf("%s: %.0f bytes for a connection beyond a plain one", test.what, got)
		if got > test.most {
			t.Errorf("%s: %.0f bytes for a connection, want at most %.0f", test.what, got, test.most)
		}
	}
}

// talking are connections that have sent each other more than a window.
func talking(t *testing.T, o *Options, pairs int) (conns []*Conn) {
	msgs := [][]byte{records(1, 3000), records(2, 3000), records(3, 3000)}
	buf := make([]byte, 0, 8<<10)
	w := new(Wheel) // timers that are stopped may stay in memory for a while
	for range pairs {
		a, b := net.Pipe()
		var p *deflate.Params
		if o != nil {
			p = agreed(t, o)
		}
		client := New(a, Setup{Role: Client, Deflate: p, Wheel: w}, o)
		server := New(b, Setup{Role: Server, Deflate: p, Wheel: w}, o)
		for i, msg := range msgs {
			for _, way := range [][2]*Conn{{client, server}, {server, client}} {
				sent := make(chan error, 1)
				go func() { sent <- way[0].Write(context.Background(), Text, msg) }()
				if _, got, err := way[1].ReadAppend(context.Background(), buf); err != nil || len(got) != len(msg) {
					t.Fatalf("message %d: %d bytes, %v", i, len(got), err)
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
		}
		conns = append(conns, client, server)
	}
	return conns
}

// settledHeap is the heap without what pools hold: they forget in two rounds.
func settledHeap() uint64 {
	runtime.GC()
	runtime.GC()
	return heapNow()
}

// Nothing is allocated for a message that is compressed, in either role, by any
// call, nor for one that is inflated.
func TestCompressedSteadyStateAllocatesNothing(t *testing.T) {
	if raced() {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	ctx := context.Background()
	for _, takeover := range []bool{false, true} {
		for _, n := range []int{256, 1 << 10, 16 << 10} {
			t.Run(fmt.Sprintf("takeover=%v/%d", takeover, n), func(t *testing.T) {
				o := packing(Compression{Takeover: takeover})
				p := agreed(t, o)
				a, b := loopback(t)
				client, server := New(a, Setup{Role: Client, Deflate: p}, o), New(b, Setup{Role: Server, Deflate: p}, o)
				defer client.CloseNow()
				defer server.CloseNow()
				go echo(ctx, server)
				var msgs [][]byte
				var ms []*Prepared
				for i := range 8 {
					msgs = append(msgs, records(uint64(i), n))
					ms = append(ms, mustPrepare(t, Text, msgs[i]))
				}
				buf := make([]byte, 0, n+1024)
				i := 0
				for name, send := range map[string]func() error{
					"Write":         func() error { return client.Write(ctx, Text, msgs[i%8]) },
					"Post":          func() error { return client.Post(Text, msgs[i%8]) },
					"WritePrepared": func() error { return client.WritePrepared(ctx, ms[i%8]) },
				} {
					roundTrip := func() {
						i++
						if err := send(); err != nil {
							t.Fatal(err)
						}
						if _, got, err := client.ReadAppend(ctx, buf); len(got) != n || err != nil {
							t.Fatalf("%d bytes, %v", len(got), err)
						}
					}
					for range 30 {
						roundTrip()
					}
					if allocs := testing.AllocsPerRun(200, roundTrip); allocs != 0 {
						t.Errorf("%s, an echo and a ReadAppend: %v allocations, want 0", name, allocs)
					}
				}
			})
		}
	}
}

// Ten thousand messages each way in each of the four modes.
//
// Checklist: D8
func TestTenThousandMessagesEachWay(t *testing.T) {
	n := 10_000
	if raced() || testing.Short() {
		n = 500
	}
	for _, from := range []bool{false, true} {
		for _, to := range []bool{false, true} {
			t.Run(fmt.Sprintf("client=%v/server=%v", from, to), func(t *testing.T) {
				o := packing(Compression{Takeover: true})
				p := &deflate.Params{ClientNoContextTakeover: !from, ServerNoContextTakeover: !to, ServerMaxWindowBits: 10}
				a, b := loopback(t)
				client, server := New(a, Setup{Role: Client, Deflate: p}, o), New(b, Setup{Role: Server, Deflate: p}, o)
				defer client.CloseNow()
				defer server.CloseNow()
				results := make(chan error, 4)
				for _, way := range [][2]*Conn{{client, server}, {server, client}} {
					go func() { results <- sendMany(way[0], n) }()
					go func() { results <- wantMany(way[1], n) }()
				}
				for range 4 {
					if err := within(t, "a side", results); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// many is message i of many.
func many(i int) []byte {
	text := `{"type":"trade","price":101.25,"volume":`
	return fmt.Appendf(make([]byte, 0, 300), `%s%d},"of":%d,%s%d}`, text, i*7919%10_007, i, text[:i%len(text)], i)
}

func sendMany(c *Conn, n int) error {
	for i := range n {
		if err := c.Write(context.Background(), Text, many(i)); err != nil {
			return err
		}
	}
	return nil
}

func wantMany(c *Conn, n int) error {
	buf := make([]byte, 0, 1024)
	for i := range n {
		_, got, err := c.ReadAppend(context.Background(), buf)
		if err != nil || string(got) != string(many(i)) {
			return fmt.Errorf("message %d is %q, %w", i, got, err)
		}
	}
	return nil
}

// BenchmarkWriteCompressed is what a message costs that is compressed and thrown
// away.
func BenchmarkWriteCompressed(b *testing.B) {
	for _, takeover := range []bool{false, true} {
		for _, n := range []int{256, 1 << 10, 16 << 10} {
			b.Run(fmt.Sprintf("takeover=%v/%d", takeover, n), func(b *testing.B) {
				near, far := loopback(b)
				go func() {
					for buf := make([]byte, 64<<10); ; {
						if _, err := far.Read(buf); err != nil {
							return
						}
					}
				}()
				o := packing(Compression{Takeover: takeover})
				c := New(near, Setup{Role: Server, Deflate: agreed(b, o)}, o)
				defer c.CloseNow()
				var msgs [][]byte
				for i := range 64 {
					msgs = append(msgs, records(uint64(i), n))
				}
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := c.Write(context.Background(), Text, msgs[i%64]); err != nil {
						b.Fatal(err)
					}
				}
				s := c.Stats()
				b.ReportMetric(float64(s.WireOut)/float64(s.BytesOut), "wire/byte")
			})
		}
	}
}
