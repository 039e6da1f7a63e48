package deflate

import "sync"

// The tables of the fixed codes (RFC 1951, section 3.2.6), made when first used.
var (
	fixedLit  = sync.OnceValue(makeFixedLit)
	fixedDist [maxWindowBits + 1]func() *distTable // by the bits of the window
)

func init() {
	for w := range fixedDist {
		fixedDist[w] = sync.OnceValue(func() *distTable { return makeFixedDist(w) })
	}
}

func makeFixedLit() *litTable {
	var sorted []entry
	sorted = append(sorted, litEntries[256:280]...) // 7 bits
	sorted = append(sorted, litEntries[0:144]...)   // 8 bits
	sorted = append(sorted, litEntries[280:288]...)
	sorted = append(sorted, litEntries[144:256]...) // 9 bits
	table := new(litTable)
	build(table[:], litBits, sorted, &[16]uint16{7: 24, 8: 152, 9: 112})
	return table
}

func makeFixedDist(windowBits int) *distTable {
	sorted := distEntries
	forbidFar(sorted[:], windowBits)
	table := new(distTable)
	build(table[:], distBits, sorted[:], &[16]uint16{5: 32})
	return table
}

// forbidFar makes the symbols for distances beyond a window mean nothing.
// entries are those of the distance symbols in order. Two symbols share each
// power of two, so none crosses the edge of a window.
func forbidFar(entries []entry, windowBits int) {
	for i := 2 * windowBits; i < len(entries); i++ {
		entries[i] = entrySpecial
	}
}
