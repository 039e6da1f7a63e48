package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"testing"
	"unsafe"
)

// sampled is how many of n rounds to run: fewer under the race detector, which
// makes each ten times as long.
func sampled(n int) int {
	if raceDetector {
		return n / 50
	}
	return n
}

func TestAppendDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops what it is given")
	}
	r := newRand(1)
	dst := make([]byte, 0, 200000)
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		c := NewCompressor(bits, takeover, level)
		messages := [][]byte{jsonMessage(r, 1, 200), jsonMessage(r, 2, 1024), textMessage(r, 16384), randomMessage(r, 3000), textMessage(r, 100000)}
		round := func() {
			for _, msg := range messages {
				c.Append(dst, msg)
				c.AppendPart(c.AppendPart(dst, msg, More), msg, End)
			}
			c.Idle()
		}
		round()
		// A garbage collection empties the pools: the figure is a mean of rounds
		// of fifteen messages, cut to an integer.
		if n := testing.AllocsPerRun(20, round); n != 0 {
			t.Errorf("%v allocations in %d messages, want 0", n, 3*len(messages))
		}
	})
}

// What a Compressor holds, in bytes. With 12 bits it is 8 KiB while busy and 4 KiB
// while idle.
func TestCompressorMemory(t *testing.T) {
	r := newRand(1)
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		for _, kept := range []bool{false, true} { // others leave large histories to the pool
			other := NewCompressor(bits, kept, level)
			other.AppendPart(other.AppendPart(nil, textMessage(r, 100_000), More), nil, End)
			other.Reset()
		}
		c := NewCompressor(bits, takeover, level)
		if c.Append(nil, jsonMessage(r, 1, 100)); c.history != nil && cap(c.history.buf) > 512 {
			t.Errorf("holds %d bytes of history after 200", cap(c.history.buf))
		}
		for i := range 200 {
			c.Append(nil, jsonMessage(r, i, 1000))
		}
		window, want := 1<<bits, 0
		if takeover {
			want = window + min(window, 16<<10) // and half as many entries of two bytes as the window has
			if level == Better {
				want += 2 * window
			}
		}
		if n := held(c); n > want {
			t.Errorf("holds %d bytes while busy, want %d", n, want)
		}
		c.Idle()
		if n := held(c); takeover && n > window || !takeover && n > 0 {
			t.Errorf("holds %d bytes while idle, want the window", n)
		}
	})
	if n := unsafe.Sizeof(Compressor{}) + unsafe.Sizeof(history{}) + unsafe.Sizeof(table{}); n > 128 {
		t.Errorf("the words besides take %d bytes, want at most 128", n)
	}
}

func held(c *Compressor) (n int) {
	if c.history == nil {
		return 0
	}
	n = cap(c.history.buf)
	if t := c.history.table; t != nil {
		n += 2*cap(t.head) + 4*cap(t.pairs)
	}
	return n
}

// Random bytes are seen to be so before they have cost much: they leave no token
// but those of the first bytes.
func TestRandomBytesAreStored(t *testing.T) {
	r := newRand(9)
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		c := NewCompressor(bits, takeover, level)
		for _, size := range []int{300, 1024, 16384, 100000} {
			msg := randomMessage(r, size)
			if out := c.Append(nil, msg); !bytes.Contains(out, msg[:min(size, 30000)]) {
				t.Errorf("%d random bytes are not in one stored block", size)
			}
		}
		// They do not spoil what follows.
		text := textMessage(r, 20000)
		alone := len(NewCompressor(bits, false, level).Append(nil, text))
		if n := len(c.Append(nil, append(randomMessage(r, 1000), text...))); n > 1100+alone+2048 {
			t.Errorf("random bytes before text: %d bytes, text alone has %d", n, alone)
		}
	})
}

var sinkBytes []byte

// BenchmarkAppend is the compressor beside BenchmarkAppendStd. The bytes of the
// output are in the figure "out".
func BenchmarkAppend(b *testing.B) {
	for _, level := range []Level{Fast, Better} {
		for _, bits := range []int{0, 12, 15} { // 0: no takeover
			for _, size := range []int{256, 1024, 16384, 1 << 20} {
				for _, k := range kinds {
					if k.name != "json" && (bits != 0 || size == 1<<20) {
						continue
					}
					b.Run(fmt.Sprintf("%v/takeover=%d/%s/%d", level, bits, k.name, size), func(b *testing.B) {
						c := NewCompressor(max(bits, 12), bits != 0, level)
						if bits == 0 {
							c = NewCompressor(15, false, level)
						}
						benchmarkMessages(b, k, size, func(dst, msg []byte) []byte { return c.Append(dst, msg) })
					})
				}
			}
		}
	}
}

func benchmarkMessages(b *testing.B, k kind, size int, compress func(dst, msg []byte) []byte) {
	r := newRand(1)
	messages := make([][]byte, max(1, min(1000, 4<<20/size)))
	total := 0
	for i := range messages {
		messages[i] = k.make(r, i, size)
		total += len(messages[i])
	}
	b.SetBytes(int64(total / len(messages)))
	dst := make([]byte, 0, bound(2*size, false))
	out, n := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		sinkBytes = compress(dst, messages[n%len(messages)])
		out += len(sinkBytes)
		n++
	}
	b.ReportMetric(float64(out)/float64(n), "out")
}

// BenchmarkAppendStd is the same through compress/flate, without takeover.
func BenchmarkAppendStd(b *testing.B) {
	for _, size := range []int{256, 1024, 16384, 1 << 20} {
		b.Run(fmt.Sprintf("json/%d", size), func(b *testing.B) {
			var buf bytes.Buffer
			w, err := flate.NewWriter(&buf, flate.BestSpeed)
			if err != nil {
				b.Fatal(err)
			}
			benchmarkMessages(b, kinds[0], size, func(_, msg []byte) []byte {
				buf.Reset()
				w.Reset(&buf)
				w.Write(msg)
				w.Flush()
				return buf.Bytes()[:buf.Len()-4]
			})
		})
	}
}
