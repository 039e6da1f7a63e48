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
	state, i := uint64(u.state), 0
	for ; len(p)-i >= block; i += block {
		q := p[i : i+block : i+block]
		if state == accept && ascii(q) {
			continue
		}
		next := run(state, q)
		if next == reject {
			break // the loop below finds the place
		}
		state = next
	}
	for ; i < len(p); i++ {
		state = step(state, p[i])
		if state == reject {
			return u, i
		}
	}
	return UTF8{state: uint8(state)}, -1
}

// Complete reports whether the text may end here: no code point is open.
func (u UTF8) Complete() bool { return u.state == accept }

// block is how many bytes are taken at a time: BenchmarkUTF8.
const block = 32

// ascii reports whether the block q holds no byte above 7F.
func ascii(q []byte) bool {
	_ = q[block-1]
	w := binary.LittleEndian.Uint64(q[0:]) | binary.LittleEndian.Uint64(q[8:]) |
		binary.LittleEndian.Uint64(q[16:]) | binary.LittleEndian.Uint64(q[24:])
	return w&0x8080808080808080 == 0
}

// run returns the state after q; reject, once reached, stays.
func run(state uint64, q []byte) uint64 {
	for _, c := range q {
		state = rows[c] >> (state & 63)
	}
	return state & 63
}

// step returns the state after the byte c.
func step(state uint64, c byte) uint64 { return rows[c] >> (state & 63) & 63 }

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
