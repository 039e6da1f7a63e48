package conn

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/protocol"
	"github.com/tidewire/websocket/internal/wiretest"
)

// heapAlloc is what is alive on the heap, pools not counted.
func heapAlloc() int64 {
	runtime.GC()
	runtime.GC() // what sat in a sync.Pool is gone after the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A header is a claim and not a reason to allocate.
//
// Checklist: F12, Z3
func TestDeclaredLengthAllocatesNothing(t *testing.T) {
	const conns = 1000
	o := quiet()
	o.ReadLimit = 16 << 20
	claims := map[string][]byte{
		"header alone":       frameOf(Client, fin, frame.Binary, strings.Repeat("x", 16<<20))[:14],
		"header and 100":     frameOf(Client, fin, frame.Binary, strings.Repeat("x", 16<<20))[:114],
		"first of fragments": frameOf(Client, !fin, frame.Binary, strings.Repeat("x", 16<<20))[:15],
	}
	for name, claim := range claims {
		for _, call := range everyDataCall() {
			synctest.Test(t, func(t *testing.T) {
				ends := make([]*wiretest.Conn, conns)
				cs := make([]*Conn, conns)
				for i := range cs {
					var near *wiretest.Conn
					near, ends[i] = wiretest.Pipe(len(claim))
					cs[i] = New(near, Setup{Role: Server}, o)
					go call.do(context.Background(), cs[i])
				}
				for _, far := range ends { // both halves of the pipes have their memory now
					far.Write(claim[:1])
				}
				synctest.Wait()
				before := heapAlloc()
				for _, far := range ends {
					far.Write(claim[1:])
				}
				synctest.Wait()
				if each := (heapAlloc() - before) / conns; each >= 8<<10 {
					t.Errorf("%s, %s: %d bytes on the heap for each connection that declared 16 MiB, want less than 8 KiB", name, call.name, each)
				}
				for _, c := range cs {
					c.CloseNow()
				}
				synctest.Wait()
			})
		}
	}
}

// The memory of a message grows with what arrived: it never holds twice that and
// 8 KiB, and at its peak, while it is copied, not twice the limit.
//
// Checklist: F12, G10
func TestMemoryOfAMessageFollowsItsBytes(t *testing.T) {
	for _, lend := range []bool{false, true} {
		for _, final := range []bool{false, true} {
			for _, step := range []int{1, 100, 4096, 5000, 65_536, 300_000} {
				for _, known := range []bool{false, true} {
					t.Run(fmt.Sprintf("lend %t, final %t, step %d, known %t", lend, final, step, known), func(t *testing.T) {
						for _, limit := range []int{1 << 20, 600_000} {
							growMessage(t, limit, step, lend, final, known)
						}
					})
				}
			}
		}
	}
}

// growMessage takes a message of limit bytes, of which step come at a time: known says
// that the wire tells how many have come.
func growMessage(t *testing.T, limit, step int, lend, final, known bool) {
	m := message{lend: lend}
	rd := reader{in: openFrame(t, final, int64(limit))}
	w := &toldWire{}
	c := &Conn{opt: &Options{ReadLimit: int64(limit)}, rd: &rd, wire: w}
	peak := 0
	for have, sent := 0, 0; have < limit; {
		if have == sent {
			sent = min(have+step, limit)
		}
		if known {
			w.n = sent - have
		}
		before := cap(m.b)
		room := c.room(&m)
		held := cap(m.b)
		if held != before {
			held += before // both are held while one is copied to the other
		}
		peak = max(peak, held)
		n := min(sent-have, len(room))
		if err := rd.in.Payload(room[:n]); err != nil {
			t.Fatal(err)
		}
		m.b = m.b[:len(m.b)+n]
		have += n
		// A connection that cannot be tried holds a buffer to read into beside it.
		if cap(m.b)+smallBuffer >= 2*sent+8<<10 {
			t.Fatalf("%d bytes pinned by %d", cap(m.b), sent)
		}
	}
	if len(m.b) != limit || peak >= 2*limit {
		t.Errorf("peak %d for a limit of %d", peak, limit)
	}
	if m.pooled != nil && !lend {
		t.Errorf("a message for the caller ended in memory that is lent")
	}
	m.free()
}

// toldWire tells of n bytes that wait.
type toldWire struct {
	anyWire
	n int
}

func (w *toldWire) arrived() int { return w.n }

// openFrame is an inbound machine inside a binary frame of n bytes.
func openFrame(t *testing.T, final bool, n int64) protocol.Inbound {
	in := protocol.NewInbound(Client, false, 0)
	if err := in.Header(frame.Header{Fin: final, Opcode: frame.Binary, Length: n}); err != nil {
		t.Fatal(err)
	}
	return in
}

// Peak and pinned, measured on the heap: a message up to the limit in fragments,
// read while the peer stalls before its last byte.
func TestHeapOfAStalledMessage(t *testing.T) {
	const conns, size = 8, 300_001
	for _, call := range everyDelivery() {
		for _, n := range []int{1, 7} {
			t.Run(fmt.Sprintf("%s/%d fragments", call.name, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { stallMessage(t, call, conns, size, n) })
			})
		}
	}
}

func stallMessage(t *testing.T, call readCall, conns, size, frags int) {
	in := fragments(Client, frags, strings.Repeat("x", size/frags))
	cs := make([]*Conn, conns)
	ends := make([]*wiretest.Conn, conns)
	results := make([]<-chan outcome, conns)
	for i := range cs {
		var near *wiretest.Conn
		near, ends[i] = wiretest.Pipe(4 << 10)
		cs[i] = New(near, Setup{Role: Server}, quiet())
		results[i] = call.start(context.Background(), cs[i])
		ends[i].Write(in[:1])
	}
	synctest.Wait()
	before := heapAlloc()
	for _, far := range ends {
		far.Write(in[1 : len(in)-1])
	}
	synctest.Wait()
	pinned := (heapAlloc() - before) / int64(conns)
	if most := int64(2*size + 8<<10); pinned >= most && call.name != "Reader" {
		t.Errorf("%d bytes pinned by %d received, want less than %d", pinned, size, most)
	}
	for i, far := range ends {
		far.Write(in[len(in)-1:])
		if r := <-results[i]; len(r.got) != size/frags*frags || r.err != nil {
			t.Errorf("got %d bytes, %v; want %d", len(r.got), r.err, size)
		}
		cs[i].CloseNow()
	}
}

// What a canceled read leaves behind is no more than what arrived.
func TestKeptBytesAreNoMoreThanArrived(t *testing.T) {
	for _, call := range dataCalls()[:4] {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, quiet())
			in := p.frame(fin, frame.Binary, strings.Repeat("x", 300_000))
			sent := 0
			for _, upTo := range []int{20, 5000, 100_000, 100_001, 250_000} {
				ctx, cancel := context.WithCancel(t.Context())
				result := call.start(ctx, c)
				p.send(in[sent:upTo])
				sent = upTo
				synctest.Wait()
				cancel()
				if r := <-result; !errors.Is(r.err, context.Canceled) {
					t.Fatalf("%s: %v", call.name, r.err)
				}
				if n := cap(c.rd.kept); n >= 2*sent+8<<10 {
					t.Errorf("%s canceled: %d bytes kept of %d", call.name, n, sent)
				}
			}
		})
	}
}

// Nor does it hold what the caller had in his memory before the message.
func TestKeptBytesAreThoseOfTheMessage(t *testing.T) {
	const before, sent = 4 << 20, 100_000
	if raced() {
		t.Skip("the race detector has memory of its own counted")
	}
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		in := p.frame(fin, frame.Binary, strings.Repeat("x", 300_000))
		held := heapAlloc()
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, _, err := c.ReadAppend(ctx, make([]byte, before))
			failed <- err
		}()
		p.send(in[:sent])
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if held = heapAlloc() - held; held >= 2*sent+64<<10 {
			t.Errorf("%d bytes held for %d of a message", held, sent)
		}
		runtime.KeepAlive(in)
	})
}

// Memory over 64 KiB never enters a pool.
func TestLargeBuffersAreNotPooled(t *testing.T) {
	for _, n := range []int{0, 1, smallBuffer, smallBuffer + 1, midBuffer, midBuffer + 1, 2 * midBuffer, 2*midBuffer + 1, bigBuffer} {
		b := getBuffer(n)
		if len(b.b) != 0 || cap(b.b) < n || cap(b.b) > bigBuffer {
			t.Errorf("getBuffer(%d): len %d, cap %d", n, len(b.b), cap(b.b))
		}
		putBuffer(b)
	}
	for _, n := range []int{bigBuffer + 1, 1 << 20} {
		b := getBuffer(n)
		b.b = append(b.b, 'x')
		putBuffer(b)
		for range 100 {
			if again := getBuffer(bigBuffer); again == b || cap(again.b) != bigBuffer {
				t.Fatalf("a buffer of %d bytes came back from a pool", n)
			}
		}
	}
	putBuffer(nil)
	// A message that outgrows the pool leaves it.
	m := message{lend: true}
	m.grow(bigBuffer)
	if m.pooled == nil {
		t.Error("lent memory of 64 KiB is not the pool's")
	}
	m.b = m.b[:bigBuffer]
	m.grow(1)
	large := m.pooled
	if cap(large.b) <= bigBuffer {
		t.Fatalf("%d bytes grew to %d", bigBuffer, cap(large.b))
	}
	m.free()
	for range 100 {
		if again := getBuffer(bigBuffer); again == large || cap(again.b) != bigBuffer {
			t.Fatalf("a buffer of %d bytes came back from a pool", cap(again.b))
		}
	}
}

func TestReserveKeepsBytes(t *testing.T) {
	var b *buffer
	want := ""
	for i := range 300 {
		s := strings.Repeat(string(rune('a'+i%26)), 1+i*3)
		b = reserve(b, len(s))
		if cap(b.b)-len(b.b) < len(s) {
			t.Fatalf("reserve(%d) left room for %d", len(s), cap(b.b)-len(b.b))
		}
		b.b = append(b.b, s...)
		want += s
		if string(b.b) != want {
			t.Fatalf("reserve lost bytes at %d", len(want))
		}
	}
}
