package deflate

import "sync"

// fixed are the fixed codes (RFC 1951, section 3.2.6), by the bits of the window,
// made when first used.
var fixed [maxWindowBits + 1]func() *codes

func init() {
	for bits := range fixed {
		fixed[bits] = sync.OnceValue(func() *codes { return makeFixed(bits) })
	}
}

func makeFixed(windowBits int) *codes {
	var lits []entry
	lits = append(lits, litEntries[256:280]...) // 7 bits
	lits = append(lits, litEntries[0:144]...)   // 8 bits
	lits = append(lits, litEntries[280:288]...)
	lits = append(lits, litEntries[144:256]...) // 9 bits
	dists := distEntries
	forbidFar(dists[:], windowBits)
	c := new(codes)
	build(c.lit[:], litBits, lits, &[16]uint16{7: 24, 8: 152, 9: 112}, false)
	build(c.far[:], distBits, dists[:], &[16]uint16{5: 32}, false)
	return c
}

// forbidFar makes the symbols for distances beyond a window mean nothing.
// entries are those of the distance symbols in order. Two symbols share each
// power of two, so none crosses the edge of a window.
func forbidFar(entries []entry, windowBits int) {
	for i := 2 * windowBits; i < len(entries); i++ {
		entries[i] = entrySpecial
	}
}
