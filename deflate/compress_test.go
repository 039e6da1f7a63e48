package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"testing"
)

// inflateStd inflates one message by the standard library, behind history.
func inflateStd(p, history []byte) ([]byte, error) {
	// The four bytes that were stripped (RFC 7692, section 7.2.2), and a last block.
	tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(p), bytes.NewReader([]byte(tail))), history)
	return io.ReadAll(r)
}

func TestAppendRoundTrip(t *testing.T) {
	for _, k := range kinds {
		for bits := 8; bits <= 15; bits++ {
			for _, takeover := range []bool{false, true} {
				for level := Fast; level <= Better; level++ {
					t.Run(fmt.Sprint(k.name, bits, takeover, level), func(t *testing.T) {
						r := newRand(uint64(bits))
						c := NewCompressor(bits, takeover, level)
						var history []byte
						for i, size := range []int{0, 1, 5, 100, 300, 256, 1000, 1024, 5000, 4097, 20000, 65536, 100, 1000, 150000} {
							msg := k.make(r, i, size)
							out := c.Append(nil, msg)
							got, err := inflateStd(out, history)
							if err != nil || !bytes.Equal(got, msg) {
								t.Fatalf("message %d of %d bytes: got %d bytes, err %v", i, len(msg), len(got), err)
							}
							if takeover {
								history = append(history, msg...)
								history = history[max(0, len(history)-1<<bits):]
							}
						}
					})
				}
			}
		}
	}
}
