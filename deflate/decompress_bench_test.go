package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"testing"
)

// BenchmarkInflate inflates a stream of different messages as they come on a
// connection without takeover, beside compress/flate on the same payloads.
func BenchmarkInflate(b *testing.B) {
	const end = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	for _, k := range kinds[:4] {
		for _, size := range []int{256, 1024, 16 << 10, 1 << 20} {
			var payloads [][]byte
			r := newRand(uint64(size))
			for i := range max(4, min(500, 1<<18/size)) {
				payloads = append(payloads, deflateStd(b, 6, k.make(r, i, size), nil))
			}
			buf := make([]byte, 0, 2*size+fastRoom)
			b.Run(fmt.Sprintf("%s-%d/ours", k.name, size), func(b *testing.B) {
				d := NewDecompressor(15, false)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, err := d.Append(buf, payloads[i%len(payloads)], true, 1<<30); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s-%d/std", k.name, size), func(b *testing.B) {
				var in bytes.Reader
				fr := flate.NewReader(&in)
				tmp := make([]byte, 0, 2*size)
				b.SetBytes(int64(size))
				for i := 0; b.Loop(); i++ {
					tmp = append(append(tmp[:0], payloads[i%len(payloads)]...), end...)
					in.Reset(tmp)
					fr.(flate.Resetter).Reset(&in, nil)
					if _, err := io.ReadFull(fr, buf[:cap(buf)]); err != io.ErrUnexpectedEOF {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
