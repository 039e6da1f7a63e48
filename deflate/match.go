package deflate

import (
	"encoding/binary"
	"math/bits"
)

// padding is the number of zeros behind the input that a buffer should have, so
// that sixteen bytes can be loaded at every position. Without them no match
// starts in the last fifteen.
const padding = 16

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

// load32 and load64 load what is at i. Cut out like that a slice has fewer
// checks, and none that the load has to wait for (BenchmarkAppend).
func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i : i+4 : len(b)]) }
func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8 : len(b)]) }

// hash5 hashes the low five bytes of v to 64-shift bits.
func hash5(v uint64, shift uint8) uint32 {
	return uint32(v << 24 * 0x9e3779b185ebca87 >> (shift & 63))
}

// hash hashes the low 64-drop bits of v to 64-shift bits.
func hash(v uint64, drop, shift uint8) uint32 {
	return uint32(v << (drop & 63) * 0x9e3779b185ebca87 >> (shift & 63))
}

// matchEnd says where a match ends that has come to j: the first place from there
// on where the byte at distance before is another one, or end.
func matchEnd(buf []byte, j, distance, end int) int {
	i := j - distance
	for j < end && j <= len(buf)-8 {
		if x := load64(buf, i) ^ load64(buf, j); x != 0 {
			return min(j+bits.TrailingZeros64(x)>>3, end)
		}
		i += 8
		j += 8
	}
	for j < end && buf[i] == buf[j] {
		i++
		j++
	}
	return min(j, end)
}

// shortRun is the number of literals that are written in one go, needed or not.
const shortRun = 8

// putEight writes the tokens of eight bytes.
func putEight(t *[shortRun]uint32, p *[shortRun]byte) {
	t[0], t[1], t[2], t[3] = uint32(p[0]), uint32(p[1]), uint32(p[2]), uint32(p[3])
	t[4], t[5], t[6], t[7] = uint32(p[4]), uint32(p[5]), uint32(p[6]), uint32(p[7])
}

// appendLiterals writes the tokens of p to tokens from n on.
func appendLiterals(tokens []uint32, n int, p []byte) int {
	t := tokens[n : n+len(p)]
	for i, c := range p {
		t[i] = uint32(c)
	}
	return n + len(p)
}

// lengthToken gives the token of a length, minMatch to maxMatch.
func lengthToken(length int) uint32 { return lengthTokens[uint(length-minMatch)&0xff] }

// appendLongMatch cuts a match of more than 258 bytes: it goes on at the same
// distance.
func appendLongMatch(tokens []uint32, n, length, distance int) int {
	d := distanceToken(distance)
	for length > 0 {
		l := length
		if l > maxMatch {
			l = min(maxMatch, l-minMatch) // leave a match, not one or two bytes
		}
		tokens[n], tokens[n+1] = lengthTokens[l-minMatch], d
		n += 2
		length -= l
	}
	return n
}
