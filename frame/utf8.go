package frame

import "encoding/binary"

// UTF-8 is checked by an automaton of nine states. A state is a multiple of 6,
// its place in a row of 64 bits; the row of a byte holds, at the place of each
// state, the state that follows it. So a step is one load and one shift, and
// takes the same time for every text:
//
//	state = rows[c] >> state & 63
//
// Byte sequences as in RFC 3629, section 4, which RFC 6455, section 8.1 refers to.
const (
	accept   = 6 * iota // nothing is open; the zero value
	reject              // an impossible byte came; no way out
	tail1               // one more byte, 80..BF
	tail2               // two more
	tail3               // three more
	afterE0             // two more, the first A0..BF: below, it would be overlong
	afterED             // two more, the first 80..9F: above, it would be a surrogate
	afterF0             // three more, the first 90..BF: below, it would be overlong
	afterF4             // three more, the first 80..8F: above, it would pass U+10FFFF
	stateLen = 6
)

// rows is the automaton, one row for each byte.
var rows = makeRows()

// UTF8 checks text that comes in pieces: the state between two of them. The
// zero value is the state at the start of a text. It is a plain value; a copy
// of it remembers the place.
type UTF8 struct {
	state uint8
}

// Next reads p as the next piece of the text. It returns the state after p and
// -1; or, if p cannot be part of UTF-8 text there, u itself and the index in p
// of the first byte that no text can continue with (RFC 6455, section 8.1).
func (u UTF8) Next(p []byte) (UTF8, int) {
	state, rest := uint64(u.state), p
	if state == accept && len(rest) >= 8 && (len(rest) < asciiMax || !vector) {
		rest = rest[ascii(rest):]
	}
	if vector && len(rest) >= goodMin {
		state, rest = good(state, rest)
	}
	for len(rest) > 0 {
		q := rest[:min(block, len(rest))]
		next := run(state, q)
		if next == reject {
			return u, len(p) - len(rest) + impossible(state, q)
		}
		state, rest = next, rest[len(q):]
		if state == accept && len(rest) >= 8 {
			rest = rest[ascii(rest):]
		}
	}
	return UTF8{state: uint8(state)}, -1
}

// Complete reports whether the text may end here: no code point is open.
func (u UTF8) Complete() bool { return u.state == accept }

// Where there is a vector kernel, it judges pieces of goodMin bytes or more;
// but what is ASCII and shorter than asciiMax is done before (BenchmarkUTF8).
const (
	trusted  = 3 // bytes that the kernel takes on trust
	goodMin  = trusted + 32
	asciiMax = 384
)

// good returns a state and the end of p that the automaton, which is in state
// before p, has to go on with: no impossible byte lies before. If there is none at
// all, less than a code point is left.
func good(state uint64, p []byte) (uint64, []byte) {
	if run(state, p[:trusted]) == reject {
		return state, p
	}
	return accept, p[openFrom(p, goodVector(p, &pairs)):]
}

// openFrom returns the place of the head of the code point that may be open at
// p[end], or end.
func openFrom(p []byte, end int) int {
	for i := end - 1; i >= end-3 && p[i] >= 0x80; i-- {
		if p[i] >= 0xC0 {
			return i
		}
	}
	return end
}

// block is how many bytes the automaton takes before ASCII is looked for again.
const block = 64

// ascii returns how many bytes of p, from its start, are below 80: in steps of 8,
// or all. p has at least 8.
func ascii(p []byte) int {
	const high = 0x8080808080808080
	q := p
	for ; len(q) >= 32; q = q[32:] {
		w := binary.LittleEndian.Uint64(q[0:]) | binary.LittleEndian.Uint64(q[8:]) |
			binary.LittleEndian.Uint64(q[16:]) | binary.LittleEndian.Uint64(q[24:])
		if w&high != 0 {
			break
		}
	}
	for ; len(q) >= 8; q = q[8:] {
		if binary.LittleEndian.Uint64(q)&high != 0 {
			return len(p) - len(q)
		}
	}
	// The last 8 of all, some of them once more.
	if binary.LittleEndian.Uint64(p[len(p)-8:])&high != 0 {
		return len(p) - len(q)
	}
	return len(p)
}

// run returns the state after q. Once reached, reject stays.
func run(state uint64, q []byte) uint64 {
	for ; len(q) >= 8; q = q[8:] { // twice as fast as the loop below: BenchmarkUTF8
		state = rows[q[0]] >> (state & 63)
		state = rows[q[1]] >> (state & 63)
		state = rows[q[2]] >> (state & 63)
		state = rows[q[3]] >> (state & 63)
		state = rows[q[4]] >> (state & 63)
		state = rows[q[5]] >> (state & 63)
		state = rows[q[6]] >> (state & 63)
		state = rows[q[7]] >> (state & 63)
	}
	for _, c := range q {
		state = rows[c] >> (state & 63)
	}
	return state & 63
}

// impossible returns the index in q of the byte at which the automaton, being
// in state before q, is stuck. There is one.
func impossible(state uint64, q []byte) int {
	i := 0
	for ; state != reject; i++ {
		state = rows[q[i]] >> (state & 63) & 63
	}
	return i - 1
}

func makeRows() (rows [256]uint64) {
	set := func(from, c0, c1, to int) {
		for c := c0; c <= c1; c++ {
			rows[c] &^= 63 << from
			rows[c] |= uint64(to) << from
		}
	}
	for from := accept; from <= afterF4; from += stateLen {
		set(from, 0x00, 0xFF, reject)
	}
	set(accept, 0x00, 0x7F, accept)
	set(accept, 0xC2, 0xDF, tail1)
	set(accept, 0xE0, 0xE0, afterE0)
	set(accept, 0xE1, 0xEF, tail2)
	set(accept, 0xED, 0xED, afterED)
	set(accept, 0xF0, 0xF0, afterF0)
	set(accept, 0xF1, 0xF3, tail3)
	set(accept, 0xF4, 0xF4, afterF4)
	set(tail1, 0x80, 0xBF, accept)
	set(tail2, 0x80, 0xBF, tail1)
	set(tail3, 0x80, 0xBF, tail2)
	set(afterE0, 0xA0, 0xBF, tail1)
	set(afterED, 0x80, 0x9F, tail1)
	set(afterF0, 0x90, 0xBF, tail2)
	set(afterF4, 0x80, 0x8F, tail2)
	return rows
}
