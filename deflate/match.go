package deflate

import (
	"encoding/binary"
	"math/bits"
)

// padding is the number of zeros behind the input that a buffer should have, so
// that eight bytes can be loaded at every position. Without them no match starts
// in the last seven.
const padding = 8

// A span is the part of a buffer that a matcher works on.
//
//	buf[:from]    history, or input that has been dealt with
//	buf[from:to]  input
//	buf[to:]      padding, as far as there is any
//
// Positions in tables are those in buf plus base, modulo 1<<16. So an entry may
// be stale, or be none at all; a matcher believes none before it has compared
// the bytes, and none further away than the window.
type span struct {
	buf      []byte
	from, to int
	base     uint16
	window   int
}

// A verdict says why a matcher stopped.
type verdict uint8

const (
	spanDone       verdict = iota
	incompressible         // what comes next looks like random bytes
)

const (
	// noMatchFor is the number of bytes without a match, and manyBytes that of
	// different bytes among them, from which on bytes count as random. 192
	// random bytes have 135 different ones; text of any language and base64
	// have fewer than 100.
	noMatchFor = 192
	manyBytes  = 112
)

// looksRandom says whether p holds manyBytes different bytes or more.
func looksRandom(p []byte) bool {
	var seen [256]uint8
	n := 0
	for _, c := range p {
		n += int(1 - seen[c])
		seen[c] = 1
	}
	return n >= manyBytes
}

func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// hash5 hashes the low five bytes of v to 64-shift bits.
func hash5(v uint64, shift uint8) uint32 {
	return uint32(v << 24 * 0x9e3779b185ebca87 >> (shift & 63))
}

// hash4 hashes the low four bytes of v to 64-shift bits.
func hash4(v uint64, shift uint8) uint32 {
	return uint32(v << 32 * 0x9e3779b185ebca87 >> (shift & 63))
}

// matchLength says how many bytes at i and at j are the same, i < j, up to end.
func matchLength(buf []byte, i, j, end int) int {
	b := buf[j:min(len(buf), end+padding)]
	a := buf[i : i+len(b)]
	n := 0
	for n+8 <= len(b) && n+8 <= len(a) {
		x := binary.LittleEndian.Uint64(a[n:n+8]) ^ binary.LittleEndian.Uint64(b[n:n+8])
		if x != 0 {
			return min(n+bits.TrailingZeros64(x)>>3, end-j)
		}
		n += 8
	}
	for n < len(b) && n < len(a) && a[n] == b[n] {
		n++
	}
	return min(n, end-j)
}

// appendLiterals writes the tokens of p to tokens from n on.
func appendLiterals(tokens []uint32, n int, p []byte) int {
	t := tokens[n : n+len(p)]
	for i, c := range p {
		t[i] = uint32(c)
	}
	return n + len(p)
}

// appendMatch writes the tokens of a match. One longer than 258 goes on at the
// same distance.
func appendMatch(tokens []uint32, n, length, distance int) int {
	d := distanceToken(distance)
	for length > maxMatch {
		// Leave at least minMatch for the last one.
		l := min(maxMatch, length-minMatch)
		tokens[n], tokens[n+1] = lengthTokens[l-minMatch], d
		n += 2
		length -= l
	}
	tokens[n], tokens[n+1] = lengthTokens[length-minMatch], d
	return n + 2
}
