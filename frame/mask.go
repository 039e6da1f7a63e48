package frame

import (
	"encoding/binary"
	"math/bits"
)

// Mask masks or unmasks p in place: each byte is XORed with the byte of key
// that its place in the frame's payload selects (RFC 6455, section 5.3). Doing
// it twice restores p.
//
// pos and the result are positions in the key, 0 to 3: pos belongs to p[0], 0
// at the start of a payload, and the result to the byte that follows p. So a
// payload can be masked piece by piece, however it is cut.
func Mask(p []byte, key [4]byte, pos int) int {
	end := (pos + len(p)) & 3
	// The key, turned so that its first byte is that of p[0], twice in a word.
	// Everything below steps by multiples of 4, so it stays right. Bytes and words
	// meet in little-endian order, whatever the machine's own order is.
	k32 := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
	k := uint64(k32)<<32 | uint64(k32)

	if vector && len(p) >= maskMin {
		p = p[maskVector(p, k):]
	}
	for len(p) >= 64 { // eight words a turn: BenchmarkMask
		q := p[:64:64]
		binary.LittleEndian.PutUint64(q[0:], binary.LittleEndian.Uint64(q[0:])^k)
		binary.LittleEndian.PutUint64(q[8:], binary.LittleEndian.Uint64(q[8:])^k)
		binary.LittleEndian.PutUint64(q[16:], binary.LittleEndian.Uint64(q[16:])^k)
		binary.LittleEndian.PutUint64(q[24:], binary.LittleEndian.Uint64(q[24:])^k)
		binary.LittleEndian.PutUint64(q[32:], binary.LittleEndian.Uint64(q[32:])^k)
		binary.LittleEndian.PutUint64(q[40:], binary.LittleEndian.Uint64(q[40:])^k)
		binary.LittleEndian.PutUint64(q[48:], binary.LittleEndian.Uint64(q[48:])^k)
		binary.LittleEndian.PutUint64(q[56:], binary.LittleEndian.Uint64(q[56:])^k)
		p = p[64:]
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	if len(p) >= 4 {
		binary.LittleEndian.PutUint32(p, binary.LittleEndian.Uint32(p)^k32)
		p = p[4:]
	}
	for i := range p { // at most three bytes
		p[i] ^= byte(k)
		k >>= 8
	}
	return end
}

// maskMin is the length from which maskVector is faster: BenchmarkMask.
const maskMin = 192
