package conn

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// again gives the same bytes over and over.
type again struct {
	p  []byte
	at int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.p[a.at:])
	a.at = (a.at + n) % len(a.p)
	return n, nil
}

// compressedStream is a connection whose peer sends JSON of that size for ever. With
// takeover the messages refer to one another, and to the end of the round before,
// which is the same in every round.
func compressedStream(t testing.TB, size int, takeover bool) *Conn {
	t.Helper()
	const bits, rounds = 12, 20
	z := newPacker(bits, takeover)
	var in []byte
	for round := range 2 {
		in = in[:0]
		for i := range rounds {
			in = append(in, packedIn(Client, frame.Text, z.pack(jsonList(i, size)[:size]))...)
		}
		if !takeover || round == 1 {
			break
		}
	}
	s := &script{in: &again{p: in}}
	if takeover { // a first round that refers to nothing before it
		z := newPacker(bits, true)
		var first []byte
		for i := range rounds {
			first = append(first, packedIn(Client, frame.Text, z.pack(jsonList(i, size)[:size]))...)
		}
		s.in = &after{first: bytes.NewReader(first), then: s.in.(*again)}
	}
	return New(s, Setup{Role: Server, Deflate: deflating(bits, takeover)}, quiet())
}

// after gives first, then the other.
type after struct {
	first *bytes.Reader
	then  *again
}

func (a *after) Read(p []byte) (int, error) {
	if a.first.Len() > 0 {
		return a.first.Read(p)
	}
	return a.then.Read(p)
}

// Reading compressed messages allocates nothing, once the first have come.
func TestReadingCompressedAllocatesNothing(t *testing.T) {
	if raced() {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	for _, size := range []int{256, 1 << 10, 16 << 10} {
		for _, takeover := range []bool{false, true} {
			c := compressedStream(t, size, takeover)
			buf := make([]byte, 0, size+inflateSlack)
			read := func() {
				_, p, err := c.ReadAppend(context.Background(), buf)
				if err != nil || len(p) != size {
					t.Fatalf("ReadAppend: %d bytes, %v; want %d", len(p), err, size)
				}
			}
			for range 50 {
				read()
			}
			if n := testing.AllocsPerRun(200, read); n != 0 {
				t.Errorf("ReadAppend of %d bytes, takeover %v: %v allocations, want 0", size, takeover, n)
			}
			i, allocs := 0, 0.0
			for m, err := range c.Messages(context.Background()) {
				if err != nil || len(m.Data) != size {
					t.Fatalf("Messages: %d bytes, %v", len(m.Data), err)
				}
				if i++; i == 50 {
					allocs = messagesAllocs(t, c)
					break
				}
			}
			if allocs != 0 {
				t.Errorf("Messages of %d bytes, takeover %v: %v allocations, want 0", size, takeover, allocs)
			}
		}
	}
}

// messagesAllocs is what a step of Messages allocates.
func messagesAllocs(t *testing.T, c *Conn) float64 {
	const steps = 200
	n := testing.AllocsPerRun(3, func() {
		i := 0
		for _, err := range c.Messages(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if i++; i == steps {
				return
			}
		}
	})
	return float64(int(n) / (steps / 10)) // the loop itself takes a few, however long it is
}

func BenchmarkReadCompressed(b *testing.B) {
	for _, size := range []int{256, 1 << 10, 16 << 10} {
		for _, takeover := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/takeover=%v", size, takeover), func(b *testing.B) {
				c := compressedStream(b, size, takeover)
				buf := make([]byte, 0, size+inflateSlack)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := c.ReadAppend(context.Background(), buf); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
