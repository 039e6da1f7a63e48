//go:build unix

package conn

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
)

// endlessWire has the same message 16 times whenever it is read, if there is room for
// them, and takes everything: what is left is what a connection itself costs.
type endlessWire struct {
	anyWire
	in  []byte
	one int // length of one message
}

func (w *endlessWire) fill(p []byte) int {
	return copy(p[:len(p)/w.one*w.one], w.in)
}

func (w *endlessWire) setReadDeadline(time.Time)  {}
func (w *endlessWire) setWriteDeadline(time.Time) {}

func (w *endlessWire) tries() bool                           { return true }
func (w *endlessWire) read(p []byte) (int, error)            { return w.fill(p), nil }
func (w *endlessWire) tryRead(p []byte) (int, error)         { return w.fill(p), nil }
func (w *endlessWire) tryWrite(p []byte) (int, error)        { return len(p), nil }
func (w *endlessWire) write(p []byte) (int, error)           { return len(p), nil }
func (w *endlessWire) writev(head, body []byte) (int, error) { return len(head) + len(body), nil }
func (w *endlessWire) readPooled(size int) (*buffer, error) {
	b := getBuffer(size)
	b.b = b.b[:w.fill(b.b[:cap(b.b)])]
	return b, nil
}

// BenchmarkMessage is what a connection costs for a message that it reads and
// answers, beside the system calls: 16 come at a time.
func BenchmarkMessage(b *testing.B) {
	for _, n := range []int{16, 128, 1 << 10} {
		one := frameOf(Client, true, frame.Binary, strings.Repeat("x", n))
		w := &endlessWire{in: bytes.Repeat(one, 16), one: len(one)}
		start := func(b *testing.B) *Conn {
			c := New(&script{}, Setup{Role: Server}, quiet())
			c.wire = w
			b.ReportAllocs()
			b.ResetTimer()
			return c
		}
		cpu := func(b *testing.B) func() { return reportCPU(b, n) }
		ctx := context.Background()
		b.Run(fmt.Sprintf("%d/ReadAppend", n), func(b *testing.B) {
			c := start(b)
			defer cpu(b)()
			buf := make([]byte, 0, n)
			for range b.N {
				t, p, err := c.ReadAppend(ctx, buf)
				if err != nil || c.Write(ctx, t, p) != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/Messages", n), func(b *testing.B) {
			c := start(b)
			defer cpu(b)()
			i := 0
			for m, err := range c.Messages(ctx) {
				if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
					b.Fatal(err)
				}
				if i++; i == b.N {
					break
				}
			}
		})
	}
}
