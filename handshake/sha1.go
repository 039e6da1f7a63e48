package handshake

import (
	"encoding/binary"
	"math/bits"
)

// sha1Of60 is SHA-1 (RFC 3174) of exactly 60 bytes: a key of 24 and the GUID of 36. That is always two blocks.
//
//	block 1: m[0:60]  80 00 00 00
//	block 2: 56 zeros, then the length in bits, 480, in 8 bytes
//
// It is written out because crypto/sha1 panics under GODEBUG=fips140=only. The handshake relies on no property of
// SHA-1 that has been broken (RFC 6455, section 10.8). Plain twin: crypto/sha1, in the test.
func sha1Of60(m *[60]byte) [20]byte {
	var blocks [128]byte
	copy(blocks[:], m[:])
	blocks[60] = 0x80
	binary.BigEndian.PutUint64(blocks[120:], 60*8)

	h := [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
	sha1Block(&h, blocks[:64])
	sha1Block(&h, blocks[64:])

	var sum [20]byte
	for i, v := range h {
		binary.BigEndian.PutUint32(sum[4*i:], v)
	}
	return sum
}

// sha1Block takes 64 bytes into the state h (RFC 3174, section 6.1).
func sha1Block(h *[5]uint32, p []byte) {
	var w [80]uint32
	for t := range 16 {
		w[t] = binary.BigEndian.Uint32(p[4*t:])
	}
	for t := 16; t < 80; t++ {
		w[t] = bits.RotateLeft32(w[t-3]^w[t-8]^w[t-14]^w[t-16], 1)
	}
	a, b, c, d, e := h[0], h[1], h[2], h[3], h[4]
	for t, word := range w {
		f, k := sha1Round(t, b, c, d)
		a, b, c, d, e = bits.RotateLeft32(a, 5)+f+e+k+word, a, bits.RotateLeft32(b, 30), c, d
	}
	h[0] += a
	h[1] += b
	h[2] += c
	h[3] += d
	h[4] += e
}

// sha1Round is the function and the constant of step t, 0 to 79 (RFC 3174, section 5).
func sha1Round(t int, b, c, d uint32) (f, k uint32) {
	switch {
	case t < 20:
		return b&c | ^b&d, 0x5a827999
	case t < 40:
		return b ^ c ^ d, 0x6ed9eba1
	case t < 60:
		return b&c | b&d | c&d, 0x8f1bbcdc
	}
	return b ^ c ^ d, 0xca62c1d6
}
