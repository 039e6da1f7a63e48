package deflate

import "math/bits"

// An entry of a decoding table says what the next bits mean:
//
//	bits 0-5    how many bits the symbol takes, extra bits included
//	bit 7       none of the following: see below
//	bits 8-13   how many of them are its code
//	bits 16-30  the smallest length or distance of the symbol
//	bit 31      0; or a literal:
//
//	bits 0-5    how many bits it takes, or two of them
//	bits 8-11   how many the first one takes
//	bits 12-13  1 or 2 literals
//	bits 15-30  they are these
//
// With bit 7:
//
//	bit 14      a second table decides. Bits 0-5 are the bits of the first table's index, bits 8-13 those of
//	            the second one's, which begins at bits 16-30; the entries there count what is left
//	bit 15      end of block
//	neither     a code that stands for nothing
type entry = uint32

const (
	entryLiteral entry = 1 << 31
	entryOne     entry = 1 << 12
	entryTwo     entry = 1 << 13
	entrySpecial entry = 1 << 7
	entrySecond  entry = 1 << 14
	entryEnd     entry = 1 << 15

	entryBits = 1<<6 - 1 // a shift by x&entryBits needs no test for x >= 64
)

// The first tables are indexed with as many bits. 9 or 11 for literals change
// the time by 2 to 3 %.
const (
	litBits  = 10
	distBits = 8
)

// pairsInput is how many bytes of input have to follow for entries of two literals
// to be worth their making, which takes a third of a microsecond: 7 to 20 % of the
// time from 4 KiB of text or JSON on.
const pairsInput = 1 << 10

// codes are the tables of a block. A complete code of 286 symbols with at most 15
// bits takes at most 1334 entries, one of 30 symbols at most 402. The sizes are
// powers of two, so that a masked index needs no bounds check.
type codes struct {
	lit [2048]entry
	far [512]entry
}

// litEntries and distEntries have the entry of each symbol, without its code.
// 286, 287, 30 and 31 take part in the fixed codes and stand for nothing (RFC
// 1951, section 3.2.6).
var (
	litEntries  = makeLitEntries()
	distEntries = makeDistEntries()
)

func makeLitEntries() (entries [288]entry) {
	for i := range entries[:256] {
		entries[i] = entryLiteral | entryOne | entry(i)<<15
	}
	entries[256] = entrySpecial | entryEnd
	base := entry(3)
	for i := 257; i < 285; i++ {
		extra := entry(max(0, (i-261)/4))
		entries[i] = base<<16 | extra
		base += 1 << extra
	}
	entries[285] = 258 << 16 // 284 with an extra value of 31 is 258 too
	entries[286], entries[287] = entrySpecial, entrySpecial
	return entries
}

func makeDistEntries() (entries [32]entry) {
	base := entry(1)
	for i := range 30 {
		extra := entry(max(0, i/2-1))
		entries[i] = base<<16 | extra
		base += 1 << extra
	}
	entries[30], entries[31] = entrySpecial, entrySpecial
	return entries
}

// build fills table for the code that has counts[n] symbols of n bits. sorted
// are their entries by length, then by symbol; rootBits is the index of the
// first table. It reports whether the code is complete, which it must be, but
// for two cases that encoders make: no code at all, and a single one of one bit
// (RFC 1951, section 3.2.7).
func build(table []entry, rootBits int, sorted []entry, counts *[16]uint16, twos bool) bool {
	space := 0
	for n := 1; n <= maxCodeBits; n++ {
		space += int(counts[n]) << (maxCodeBits - n)
	}
	switch {
	case space == 1<<maxCodeBits:
		if twos {
			buildPairs(table, sorted, counts)
		} else {
			buildComplete(table, rootBits, sorted, counts)
		}
		return true
	case len(sorted) == 0 || len(sorted) == 1 && counts[1] == 1:
		for i := range table[:1<<rootBits] {
			table[i] = entrySpecial
			if i&1 == 0 && len(sorted) == 1 {
				table[i] = sorted[0] + 1<<8 + 1
			}
		}
		return true
	default:
		return false
	}
}

// buildComplete goes through the codes in their order, which read with the
// first bit lowest is a counter that carries from its top bit downwards. For
// codes of n bits the table has 1<<n entries and is doubled for the next n:
// what is not written yet is a copy that will be written over.
func buildComplete(table []entry, rootBits int, sorted []entry, counts *[16]uint16) {
	code, i := 0, 0
	for n := 1; n <= rootBits; n++ {
		size := 1 << n
		if i > 0 {
			copy(table[size/2:size], table[:size/2])
		}
		for range counts[n] {
			table[code] = sorted[i] + entry(n)<<8 + entry(n)
			i++
			if code == size-1 {
				for ; size < 1<<rootBits; size *= 2 {
					copy(table[size:2*size], table[:size])
				}
				return
			}
			code = nextCode(code, n)
		}
	}
	buildSecond(table, rootBits, code, sorted[i:], counts)
}

// buildPairs is buildComplete for literals and lengths, with entries for two
// literals wherever both codes fit into the first table. There are no more such
// pairs than the table has entries.
func buildPairs(table []entry, sorted []entry, counts *[16]uint16) {
	var made pairs
	code, i, size := 0, 0, 1
	for n := 1; n <= litBits; n++ {
		if i > 0 {
			copy(table[size:2*size], table[:size])
		}
		size *= 2
		made.first[n] = i
		for range counts[n] {
			e := sorted[i] + entry(n)<<8 + entry(n)
			table[code] = e
			made.code[i] = uint16(code)
			made.lits[n] += int(e >> 31)
			i++
			if code != size-1 {
				code = nextCode(code, n)
			}
		}
		made.fill(table, sorted, n)
	}
	if i < len(sorted) {
		buildSecond(table, litBits, code, sorted[i:], counts)
	}
}

// pairs are what buildPairs knows of the codes so far.
type pairs struct {
	code        [288]uint16      // of each symbol, bits reversed
	first, lits [litBits + 1]int // of each code length: its first symbol, and how many are literals, which stand first
}

// fill writes the entries of the pairs that take n bits. table has 1<<n entries.
func (m *pairs) fill(table, sorted []entry, n int) {
	for a := 1; a < n; a++ {
		b := n - a
		if m.lits[a] == 0 || m.lits[b] == 0 {
			continue
		}
		from, to := m.first[b], m.first[b]+m.lits[b]
		seconds, codes := sorted[from:to], m.code[from:to]
		for i := m.first[a]; i < m.first[a]+m.lits[a]; i++ {
			code, e := int(m.code[i]), sorted[i]+entry(a)<<8+entry(n)+entryTwo-entryOne
			for j, second := range seconds {
				table[(code|int(codes[j])<<a)&(1<<litBits-1)] = e + second&(0xff<<15)<<8
			}
		}
	}
}

// nextCode is the code after this one among those of n bits, bits reversed: the
// highest zero becomes one and what is above it zero. There must be one.
func nextCode(code, n int) int {
	top := 1 << (bits.Len(uint(code^(1<<n-1))) - 1)
	return code&(top-1) | top
}

// buildSecond places the codes that are longer than rootBits, of which code is
// the first. Those with the same first bits share a table of their own.
func buildSecond(table []entry, rootBits, code int, sorted []entry, counts *[16]uint16) {
	n := rootBits + 1
	for counts[n] == 0 {
		n++
	}
	left := int(counts[n])
	prefix, start, end := -1, 0, 1<<rootBits
	for _, symbol := range sorted {
		for left == 0 {
			n++
			left = int(counts[n])
		}
		if p := code & (1<<rootBits - 1); p != prefix {
			// The codes that follow fill the table: take so many bits that they do.
			bits := n - rootBits
			for space := left; space < 1<<bits; bits++ {
				space = 2*space + int(counts[rootBits+bits+1])
			}
			prefix, start, end = p, end, end+1<<bits
			table[p] = entry(start)<<16 | entrySpecial | entrySecond | entry(bits)<<8 | entry(rootBits)
		}
		e := symbol + entry(n-rootBits)<<8 + entry(n-rootBits)
		for j := start + code>>rootBits; j < end; j += 1 << (n - rootBits) {
			table[j] = e
		}
		if left--; code != 1<<n-1 {
			code = nextCode(code, n)
		}
	}
}
