package deflate

import (
	"encoding/binary"
	"slices"
)

// A writer appends bits to out, the lowest bit of a byte first (RFC 1951,
// section 3.1.1).
//
//	out  whole bytes | pending, n bits of it, not yet in out      0 <= n < 8 between calls
type writer struct {
	out     []byte
	pending uint64
	n       uint
}

// put writes the low count bits of v, at most 48; the others are zero.
func (w *writer) put(v uint64, count uint) {
	w.pending |= v << (w.n & 63)
	w.n += count
	for ; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.pending))
		w.pending >>= 8
	}
}

// align fills the last byte with zeros.
func (w *writer) align() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// tokens writes tokens, which take size bits in these codes. At least more bits
// will follow.
func (w *writer) tokens(tokens []uint32, codes *[symbolMask + 1]codeword, size, more int) {
	// out[:n] written | out[n:] whole bytes to come | a last one, in part
	n, room := len(w.out), (int(w.n)+size+more)/8
	w.out = slices.Grow(w.out, room)
	out, pending, bits := w.out[:n+room], w.pending, w.n
	// Two symbols take at most 2*(15+13) = 56 bits, and up to 7 wait already.
	for len(tokens) >= 2 && n+8 <= len(out) {
		t, u := tokens[0], tokens[1]
		c, d := codes[t&symbolMask], codes[u&symbolMask]
		two := codeBits(t, c) | codeBits(u, d)<<(c>>24&63)
		pending |= two << (bits & 63)
		bits += uint(c>>24) + uint(d>>24)
		binary.LittleEndian.PutUint64(out[n:n+8], pending)
		n += int(bits >> 3)
		pending >>= bits & 0x38
		bits &= 7
		tokens = tokens[2:]
	}
	for _, t := range tokens {
		c := codes[t&symbolMask]
		pending |= codeBits(t, c) << (bits & 63)
		for bits += uint(c >> 24); bits >= 8; bits -= 8 {
			out[n] = byte(pending)
			n++
			pending >>= 8
		}
	}
	w.out, w.pending, w.n = out[:n], pending, bits
}

// codeBits is the code of t followed by its extra bits.
func codeBits(t uint32, c codeword) uint64 {
	return uint64(c&0x7fff) | uint64(t>>symbolBits)<<(c>>16&31)
}
