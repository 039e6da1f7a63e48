package conn

import (
	"context"
	"testing"
	"unsafe"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// A Conn with its place in a wheel fills a size class of the allocator, and the
// largest of the blocks beside it stay small as well.
func TestIdleConnectionIsSmall(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the figures are those of 64 bits")
	}
	for _, block := range []struct {
		name      string
		got, most uintptr
	}{
		{"Conn", unsafe.Sizeof(Conn{}), 256},
		{"reader", unsafe.Sizeof(reader{}), 128},
		{"rare", unsafe.Sizeof(rare{}), 112},
		{"watches", unsafe.Sizeof(watches{}), 144},
		{"seldom", unsafe.Sizeof(seldom{}), 80},
	} {
		if block.got > block.most {
			t.Errorf("%s takes %d bytes, want %d at most", block.name, block.got, block.most)
		}
	}
}

// What a connection costs that has received and sent a message and rests, beside its
// socket: the Conn, and nothing else.
func TestConnectionAtRestHoldsItselfOnly(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the figures are those of 64 bits")
	}
	const n, most = 10_000, 288 + 16
	var w Wheel
	cs := make([]*Conn, n)
	wires := make([]onceWire, n)
	near, _ := wiretest.Pipe(0)
	below := newAnyWire(near)
	hello := frameOf(Client, true, frame.Text, "hello")
	before := heapAlloc()
	for i := range cs {
		c := New(near, Setup{Role: Server, Wheel: &w}, nil)
		wires[i] = onceWire{wire: below, in: hello}
		c.wire = &wires[i]
		c.frugal = true
		cs[i] = c
		if _, p, err := c.Read(context.Background()); err != nil || string(p) != "hello" {
			t.Fatalf("Read = %q, %v", p, err)
		}
		if err := c.Write(context.Background(), Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	if each := (heapAlloc() - before) / n; each > most {
		t.Errorf("a connection at rest holds %d bytes, want %d at most", each, most)
	}
	for _, c := range cs {
		if c.rd != nil || c.wr.rare != nil || c.seldom.Load() != nil {
			t.Fatal("a connection at rest has a block that only a busy one needs")
		}
		c.CloseNow()
	}
}

// onceWire is a socket that takes everything and brings in and no more.
type onceWire struct {
	wire
	in []byte
}

func (w *onceWire) tries() bool                    { return true }
func (w *onceWire) tryWrite(p []byte) (int, error) { return len(p), nil }

func (w *onceWire) readPooled(size int) (*buffer, error) {
	b := getBuffer(size)
	b.b = append(b.b, w.in...)
	w.in = nil
	return b, nil
}
