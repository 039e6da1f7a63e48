package conn

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// collectNothing keeps the garbage collector away until the test ends, but for
// runtime.GC: then what is recalled is there.
func collectNothing(t *testing.T) {
	old := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(old) })
	runtime.GC()
}

func TestRecallGivesTheNewestThatFits(t *testing.T) {
	collectNothing(t)
	var r recall
	given := map[int]*buffer{}
	for _, size := range []int{100, 200, 210, 400} {
		given[size] = &buffer{b: make([]byte, 0, size)}
		r.put(given[size])
	}
	for _, test := range []struct{ least, most, want int }{
		{211, 399, 0},
		{401, 1000, 0},
		{1, 99, 0},
		{150, 300, 210},
		{150, 300, 200},
		{150, 300, 0}, // nothing is given twice
		{400, 400, 400},
		{100, 1000, 100},
		{1, 1000, 0},
	} {
		switch b := r.get(test.least, test.most); {
		case b == nil && test.want == 0:
		case b == nil || b != given[test.want]:
			t.Errorf("from %d to %d bytes: got %v, want that of %d", test.least, test.most, b, test.want)
		}
	}
}

// One collection, and nothing is left: neither the memory nor a buffer that is given.
func TestRecallHoldsNothing(t *testing.T) {
	collectNothing(t)
	var gone []weak.Pointer[buffer]
	before := heapAlloc()
	for range 8 {
		b := getLarge(1<<20, 1<<20)
		gone = append(gone, weak.Make(b))
	}
	for _, b := range gone {
		if b := b.Value(); b != nil {
			putBuffer(b)
		}
	}
	runtime.GC()
	for i, b := range gone {
		if b.Value() != nil {
			t.Errorf("buffer %d is still there after a collection", i)
		}
	}
	if b := largeBuffers.get(1<<20, 1<<20); b != nil {
		t.Error("a buffer is given after a collection")
	}
	if held := heapAlloc() - before; held > 64<<10 {
		t.Errorf("%d bytes are held for 8 MiB that were given back", held)
	}
}

// It knows so many buffers and no more, the newest ones.
func TestRecallIsBounded(t *testing.T) {
	collectNothing(t)
	var r recall
	var all []*buffer
	for range recallMax + 10 {
		all = append(all, &buffer{b: make([]byte, 0, 10)})
		r.put(all[len(all)-1])
	}
	for i := len(all) - 1; i >= 0; i-- {
		want := all[i]
		if i < 10 {
			want = nil
		}
		if got := r.get(10, 10); got != want {
			t.Fatalf("buffer %d: got %p, want %p", i, got, want)
		}
	}
	if cap(r.have) != recallMax {
		t.Errorf("room for %d, want %d", cap(r.have), recallMax)
	}
}

// Of those who take and give back at the same time, while there are collections, each
// has his buffer alone. The race detector sees more than the bytes.
func TestRecalledBuffersHaveOneOwner(t *testing.T) {
	var wg sync.WaitGroup
	for who := range 8 {
		wg.Go(func() {
			mine := bytes.Repeat([]byte{byte(who)}, 100)
			for i := range 500 {
				b := getLarge(bigBuffer+1, bigBuffer+1000)
				b.b = append(b.b[:0], mine...)
				if runtime.Gosched(); i%100 == who {
					runtime.GC()
				}
				if !bytes.Equal(b.b, mine) {
					t.Errorf("%d found %d in his buffer", who, b.b[0])
				}
				putBuffer(b)
			}
		})
	}
	wg.Wait()
}

// What Read returns is the caller's for ever: it is not recalled, and neither is it
// what was.
func TestReadReturnsNothingRecalled(t *testing.T) {
	const size = 300_000
	collectNothing(t)
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		go func() {
			for i := range 12 {
				p.nc.Write(p.frame(fin, frame.Binary, strings.Repeat(string(rune('a'+i)), size)))
			}
		}()
		var all [][]byte
		for i := range 12 {
			if i%3 == 2 { // one that is lent between those that are not
				for m, err := range c.Messages(t.Context()) {
					if len(m.Data) != size || err != nil {
						t.Fatalf("message %d: %d bytes, %v", i, len(m.Data), err)
					}
					break
				}
				all = append(all, nil)
				continue
			}
			_, b, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if cap(b) != size {
				t.Errorf("message %d of %d bytes in memory for %d", i, len(b), cap(b))
			}
			all = append(all, b)
		}
		for i, b := range all {
			if b != nil && string(b) != strings.Repeat(string(rune('a'+i)), size) {
				t.Errorf("message %d has changed to %.20q", i, b)
			}
		}
	})
}

// Large messages that are lent by several connections at the same time stay what they
// are until each is given back.
func TestLargeMessagesOfConnectionsDoNotMix(t *testing.T) {
	const conns, rounds = 4, 30
	for _, serve := range []bool{false, true} {
		t.Run(fmt.Sprintf("serve %t", serve), func(t *testing.T) {
			var wg sync.WaitGroup
			for who := range conns {
				near, far := wiretest.Pipe(1 << 16)
				c := New(near, Setup{Role: Server}, quiet())
				defer c.CloseNow()
				sizes := make([]int, rounds)
				for i := range sizes {
					sizes[i] = bigBuffer + 1 + (i*7919+who*104_729)%200_000
				}
				go func() {
					for _, n := range sizes {
						far.Write(frameOf(Client, fin, frame.Binary, strings.Repeat(string(rune('a'+who)), n)))
					}
				}()
				i := 0
				judge := func(data []byte) {
					for range 3 {
						if runtime.Gosched(); string(data) != strings.Repeat(string(rune('a'+who)), sizes[i]) {
							t.Errorf("message %d of connection %d, %d bytes, want %d: %.20q", i, who, len(data), sizes[i], data)
						}
					}
					i++
				}
				wg.Add(1)
				if serve {
					c.Serve(funcReceiver(func(m Message) {
						if judge(m.Data); i == rounds {
							wg.Done()
						}
					}))
					continue
				}
				go func() {
					defer wg.Done()
					for m, err := range c.Messages(context.Background()) {
						if judge(m.Data); i == rounds || err != nil {
							return
						}
					}
				}()
			}
			wg.Wait()
		})
	}
}

// funcReceiver is a Receiver that only takes messages.
type funcReceiver func(Message)

func (f funcReceiver) Message(_ *Conn, m Message) { f(m) }
func (f funcReceiver) Closed(*Conn, error)        {}

// Large messages that are lent cost no new memory while nothing is collected, and what
// they were lent in is gone with the next collection, while the connection waits.
func TestLargeMessagesTakeMemoryOnce(t *testing.T) {
	const size, rounds = 1 << 20, 8
	if raced() {
		t.Skip("the race detector has memory of its own counted")
	}
	synctest.Test(t, func(t *testing.T) {
		collectNothing(t)
		c, p := newPeer(t, Server, quiet())
		out := p.frame(fin, frame.Binary, strings.Repeat("x", size))
		got := make(chan int)
		c.Serve(funcReceiver(func(m Message) { got <- len(m.Data) }))
		send := func() {
			go p.nc.Write(out)
			if n := <-got; n != size {
				t.Fatalf("got %d bytes, want %d", n, size)
			}
			synctest.Wait()
		}
		before := heapAlloc()
		send()
		var first, last runtime.MemStats
		runtime.ReadMemStats(&first)
		for range rounds {
			send()
		}
		runtime.ReadMemStats(&last)
		if n := (last.TotalAlloc - first.TotalAlloc) / rounds; n > size/8 {
			t.Errorf("a message of %d bytes allocates %d", size, n)
		}
		if held := heapAlloc() - before; held > 64<<10 {
			t.Errorf("%d bytes are held after a collection", held)
		}
	})
}

// Large memory begins behind the border of a page by more than any distance that is
// slow to copy over, and is no larger for it than was asked for.
func TestLargeMemoryBeginsAside(t *testing.T) {
	for _, n := range []int{bigBuffer + 1, 100_000, 1 << 20} {
		b := makeLarge(n)
		var at uintptr
		if _, err := fmt.Sscanf(fmt.Sprintf("%p", b), "0x%x", &at); err != nil {
			t.Fatal(err)
		}
		if in := at % 4096; len(b) != 0 || cap(b) != n || in < 2*frame.MaxHeaderLen || in > 4096-2*frame.MaxHeaderLen {
			t.Errorf("memory for %d bytes: len %d, cap %d, %d bytes into its page", n, len(b), cap(b), in)
		}
	}
}
