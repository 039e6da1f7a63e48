package frame

import (
	"bytes"
	"testing"
)

// plainWhole is Whole by way of ParseHeader.
func plainWhole(b []byte) (start, end int) {
	h, err := ParseHeader(b)
	if err != nil || !h.Fin || h.RSV1 || h.RSV2 || h.RSV3 || h.Opcode != Text && h.Opcode != Binary {
		return 0, 0
	}
	if h.Length > int64(len(b)-h.Len()) {
		return 0, 0
	}
	return h.Len(), h.Len() + int(h.Length)
}

func judgeWhole(t *testing.T, b []byte) {
	t.Helper()
	start, end := Whole(b)
	if s, e := plainWhole(b); s != start || e != end {
		t.Fatalf("Whole(% x... of %d bytes) = %d, %d; ParseHeader says %d, %d", b[:min(len(b), 16)], len(b), start, end, s, e)
	}
	if end == 0 {
		return
	}
	h, _ := ParseHeader(b)
	if key, masked := WholeKey(b, start); key != h.Key || masked != h.Masked {
		t.Fatalf("WholeKey(% x) = %x, %v; want %x, %v", b[:start], key, masked, h.Key, h.Masked)
	}
	if !h.Masked {
		if got := AppendWhole(nil, h.Opcode, end-start); !bytes.Equal(got, b[:start]) {
			t.Fatalf("AppendWhole(%v, %d) = % x, want % x", h.Opcode, end-start, got, b[:start])
		}
	}
}

// Every first two bytes, with bytes behind them in which every form of a length is
// minimal or not, cut at every length.
func TestWholeIsParseHeader(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 5 // which meets every second byte with most first ones
	}
	for _, tail := range []string{
		"\x00\x7e\x01\x02\x03\x04", "\x00\x7d\x01\x02\x03\x04", "\x00\x00\x00\x00\x00\x01\x00\x00\x09\x08\x07\x06",
		"\x00\x00\x00\x00\x00\x00\xff\xff\x09\x08\x07\x06", "\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", "\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		b := append(make([]byte, 2), tail...)
		b = append(b, make([]byte, 130)...)
		for first := 0; first < 1<<16; first += step {
			b[0], b[1] = byte(first>>8), byte(first)
			for _, n := range []int{0, 1, 2, 3, 4, 7, 8, 9, 10, 13, 14, 15, 127, 128, 131, len(b)} {
				judgeWhole(t, b[:n])
			}
		}
	}
	// Where 16 bits become 64.
	for _, n := range []int64{125, 126, 65_535, 65_536, 70_000} {
		for _, masked := range []bool{false, true} {
			h := Header{Fin: true, Opcode: Binary, Masked: masked, Length: n}
			b := append(h.Append(nil), make([]byte, n)...)
			for _, cut := range []int{0, 1, 2, 5} {
				judgeWhole(t, b[:len(b)-cut])
			}
			judgeWhole(t, append(b, 0x81, 0))
		}
	}
}

// The short way to a message in one frame is the way by its Header.
func FuzzWhole(f *testing.F) {
	f.Add([]byte("\x81\x05Hello"))
	f.Add([]byte("\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"))
	f.Fuzz(func(t *testing.T, b []byte) { judgeWhole(t, b) })
}
