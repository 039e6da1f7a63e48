package handshake

import (
	"encoding/binary"
	"math/bits"
)

// sha1Of60 is SHA-1 (RFC 3174) of exactly 60 bytes: a key of 24 and the GUID of 36. That is always two blocks.
//
//	block 1: m[0:60]  80 00 00 00
//	block 2: 56 zeros, then the length in bits, 480, in 8 bytes: the same for every m
//
// It is written out because crypto/sha1 panics under GODEBUG=fips140=only. The handshake relies on no property of
// SHA-1 that has been broken (RFC 6455, section 10.8). Plain twin: crypto/sha1, in the test.
func sha1Of60(m *[60]byte) (sum [20]byte) {
	var w [16]uint32
	for t := range 15 {
		w[t] = binary.BigEndian.Uint32(m[4*t:])
	}
	w[15] = 0x80000000
	h := [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
	sha1Head(&h, &w)
	sha1Block(&h, &lastBlock)
	for i, v := range h {
		binary.BigEndian.PutUint32(sum[4*i:], v)
	}
	return sum
}

// sha1Head takes the block w into the state h, as sha1Block does, and makes the words of its schedule on the way, in a
// ring: a whole schedule would be the largest thing on the stack of a handshake, and make it grow.
func sha1Head(h *[5]uint32, w *[16]uint32) {
	a, b, c, d, e := h[0], h[1], h[2], h[3], h[4]
	for _, word := range w {
		f := d ^ b&(c^d)
		a, b, c, d, e = f+(e+word+0x5a827999)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	for t := 16; t < 20; t++ {
		f := d ^ b&(c^d)
		a, b, c, d, e = f+(e+sha1Next(w, t)+0x5a827999)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	for t := 20; t < 40; t++ {
		f := b ^ c ^ d
		a, b, c, d, e = f+(e+sha1Next(w, t)+0x6ed9eba1)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	for t := 40; t < 60; t++ {
		f := b&c | (b|c)&d
		a, b, c, d, e = f+(e+sha1Next(w, t)+0x8f1bbcdc)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	for t := 60; t < 80; t++ {
		f := b ^ c ^ d
		a, b, c, d, e = f+(e+sha1Next(w, t)+0xca62c1d6)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	h[0] += a
	h[1] += b
	h[2] += c
	h[3] += d
	h[4] += e
}

// sha1Next is word t of a schedule, of which w holds the sixteen before it (RFC 3174, section 6.2).
func sha1Next(w *[16]uint32, t int) uint32 {
	word := bits.RotateLeft32(w[(t-3)&15]^w[(t-8)&15]^w[(t-14)&15]^w[t&15], 1)
	w[t&15] = word
	return word
}

// lastBlock is the schedule of block 2.
var lastBlock = func() (w [80]uint32) {
	w[15] = 60 * 8
	sha1Schedule(&w)
	return w
}()

// sha1Schedule makes the words of the 80 steps out of the first 16, which are the block, and adds the constant of each
// step (RFC 3174, sections 5 and 6.1).
func sha1Schedule(w *[80]uint32) {
	for t := 16; t < 80; t++ {
		w[t] = bits.RotateLeft32(w[t-3]^w[t-8]^w[t-14]^w[t-16], 1)
	}
	for i, k := range [4]uint32{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6} {
		for t := 20 * i; t < 20*i+20; t++ {
			w[t] += k
		}
	}
}

// sha1Block takes a block, given as its schedule, into the state h (RFC 3174, section 6.1). There is one loop for each
// function of section 5: a choice inside one loop takes twice the time (BenchmarkAcceptKey). The next step waits for a
// alone, so a is the last to be added: that saves a quarter.
func sha1Block(h *[5]uint32, w *[80]uint32) {
	a, b, c, d, e := h[0], h[1], h[2], h[3], h[4]
	for _, word := range w[:20] {
		f := d ^ b&(c^d) // b chooses between c and d
		a, b, c, d, e = f+(e+word)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	for _, word := range w[20:40] {
		f := b ^ c ^ d
		a, b, c, d, e = f+(e+word)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	for _, word := range w[40:60] {
		f := b&c | (b|c)&d // the majority
		a, b, c, d, e = f+(e+word)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	for _, word := range w[60:] {
		f := b ^ c ^ d
		a, b, c, d, e = f+(e+word)+bits.RotateLeft32(a, 5), a, bits.RotateLeft32(b, 30), c, d
	}
	h[0] += a
	h[1] += b
	h[2] += c
	h[3] += d
	h[4] += e
}
