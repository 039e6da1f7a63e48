package deflate

import "encoding/binary"

// headerState is how far the codes of a dynamic block have been read (RFC 1951,
// section 3.2.7), and the space to make them in.
type headerState struct {
	lits, dists, precodes int // HLIT, HDIST and HCLEN, with their offsets
	next                  int // the code length that is read next
	previous              uint16
	listed                int         // entries in list
	list                  [512]uint16 // symbols with a code: symbol<<4 | length, distances behind the literals; at most 316
	counts                [32]uint16  // literals and lengths of each code length, then distances
	precodeLengths        [19]uint8
	precode               [1 << maxPrecodeBits]preEntry
	sorted                [288]entry
}

// A preEntry says what the next bits mean among the code lengths, so that only
// the repetition of a length before is a case of its own:
//
//	bits 0-4    how many bits it takes, extra bits included
//	bits 8-10   how many of them are the code
//	bits 16-19  the code length; 0 for those that make many zeros
//	bit 20      the length is not 0
//	bit 21      repeat the previous one
//	bits 24-31  how many lengths, before the extra bits are added
type preEntry = uint32

const (
	preUsed   preEntry = 1 << 20
	preRepeat preEntry = 1 << 21
)

var preEntries = makePreEntries()

func makePreEntries() (entries [19]preEntry) {
	for i := range preEntry(16) {
		entries[i] = 1<<24 | i<<16 | preUsed
	}
	entries[0] &^= preUsed
	entries[16] = 3<<24 | preRepeat | 2
	entries[17] = 3<<24 | 3
	entries[18] = 11<<24 | 7
	return entries
}

func (z *inflater) readCounts() outcome {
	if !z.need(14) {
		return needInput
	}
	s := &z.header
	s.lits, s.dists, s.precodes = int(z.hold&31)+257, int(z.hold>>5&31)+1, int(z.hold>>10&15)+4
	z.drop(14)
	// Symbols that stand for nothing get no code.
	if s.lits > 286 || s.dists > 30 {
		return corrupt
	}
	s.next = 0
	s.precodeLengths = [19]uint8{}
	z.step = stepPrecode
	return goOn
}

func (z *inflater) readPrecode() outcome {
	s := &z.header
	for ; s.next < s.precodes; s.next++ {
		if z.count < 3 && !z.need(3) {
			return needInput
		}
		s.precodeLengths[precodeOrder[s.next]] = uint8(z.hold & 7)
		z.drop(3)
	}
	if !s.buildPrecode() {
		return corrupt
	}
	s.next, s.previous, s.listed = 0, 0, 0
	s.counts = [32]uint16{}
	z.step = stepCodes
	return goOn
}

// buildPrecode reports whether the code is complete: no encoder makes another.
func (s *headerState) buildPrecode() bool {
	var counts, starts [maxPrecodeBits + 2]uint16
	for _, n := range s.precodeLengths {
		counts[n&7]++
	}
	counts[0] = 0
	space := 0
	for n := 1; n <= maxPrecodeBits; n++ {
		space += int(counts[n]) << (maxPrecodeBits - n)
		starts[n+1] = starts[n] + counts[n]
	}
	if space != 1<<maxPrecodeBits {
		return false
	}
	var sorted [19 + 1]preEntry
	for i, n := range s.precodeLengths {
		if n != 0 {
			sorted[starts[n&7]] = preEntries[i]
			starts[n&7]++
		}
	}
	s.fillPrecode(sorted[:], &counts)
	return true
}

// fillPrecode is buildComplete for a table without second tables.
func (s *headerState) fillPrecode(sorted []preEntry, counts *[maxPrecodeBits + 2]uint16) {
	code, i := 0, 0
	for n := 1; n <= maxPrecodeBits; n++ {
		size := 1 << n
		if i > 0 {
			copy(s.precode[size/2:size], s.precode[:size/2])
		}
		for range counts[n] {
			s.precode[code] = sorted[i] + preEntry(n)<<8 + preEntry(n)
			i++
			if code != size-1 {
				code = nextCode(code, n)
			}
		}
	}
}

// readCodes reads the lengths of both codes as one sequence: a repetition may go
// on from the one to the other.
func (z *inflater) readCodes() outcome {
	s := &z.header
	in, pos, hold, count := z.in, z.pos, z.hold, z.count
	total, next, listed, previous := s.lits+s.dists, s.next, s.listed, s.previous
	o := goOn
	for next < total {
		if count < 14 {
			if pos+8 <= len(in) {
				hold |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
				pos += int(63-count) >> 3
				count |= 56
			} else {
				for count < 56 && pos < len(in) {
					hold |= uint64(in[pos]) << (count & 63)
					pos++
					count += 8
				}
			}
		}
		e := s.precode[hold&(1<<maxPrecodeBits-1)]
		if uint(e&31) > count {
			o = needInput
			break
		}
		n := int(e>>24) + int(hold&(1<<(e&31)-1)>>(e>>8&7))
		hold >>= e & 31
		count -= uint(e & 31)
		if e&preRepeat == 0 {
			previous = uint16(e >> 16 & 15)
			s.list[listed&511] = uint16(next)<<4 | previous
			// Behind the last literal the subtraction is negative, and sets bit 4.
			s.counts[(previous|uint16(uint64(s.lits-1-next)>>59&16))&31]++
			listed += int(e >> 20 & 1)
			next += n
			continue
		}
		if next == 0 || next+n > total {
			o = corrupt
			break
		}
		if previous != 0 {
			s.repeat(listed, next, n, previous)
			listed += n
		}
		next += n
	}
	z.pos, z.hold, z.count = pos, hold, count
	s.next, s.listed, s.previous = next, listed, previous
	switch {
	case o != goOn:
		return o
	case next > total || !z.makeCodes():
		return corrupt
	}
	z.step = stepSymbols
	return goOn
}

// repeat lists n symbols from next on with the same code length. It writes as many
// as n may be, so that no branch hangs on the data.
func (s *headerState) repeat(listed, next, n int, length uint16) {
	for i := range 6 {
		s.list[(listed+i)&511] = uint16(next+i)<<4 | length
	}
	lits := max(0, min(n, s.lits-next))
	s.counts[length&15] += uint16(lits)
	s.counts[length&15|16] += uint16(n - lits)
}

// makeCodes builds the tables of the block.
func (z *inflater) makeCodes() bool {
	s := &z.header
	lits, dists := (*[16]uint16)(s.counts[:16]), (*[16]uint16)(s.counts[16:])
	lits[0], dists[0] = 0, 0
	n := 0
	for _, c := range lits {
		n += int(c)
	}
	if !hasEnd(s.list[:n]) {
		return false
	}
	s.sort(s.list[:n], litEntries[:], lits, 0)
	if !build(z.own.lit[:], litBits, s.sorted[:n], lits, len(z.in)-z.pos >= pairsInput) {
		return false
	}
	entries := distEntries
	if z.windowBits < maxWindowBits {
		forbidFar(entries[:], z.windowBits)
	}
	s.sort(s.list[n:s.listed], entries[:], dists, s.lits)
	if !build(z.own.far[:], distBits, s.sorted[:s.listed-n], dists, false) {
		return false
	}
	z.codes = &z.own
	return true
}

// hasEnd reports whether the end of the block has a code: without it there would
// be none.
func hasEnd(list []uint16) bool {
	for i := len(list) - 1; i >= 0 && list[i]>>4 >= 256; i-- {
		if list[i]>>4 == 256 {
			return true
		}
	}
	return false
}

// sort sets sorted to the entries of the symbols in list by code length. first is
// the number of the first symbol.
func (s *headerState) sort(list []uint16, entries []entry, counts *[16]uint16, first int) {
	var starts [16]uint16
	for n := 1; n < 15; n++ {
		starts[n+1] = starts[n] + counts[n]
	}
	for _, item := range list {
		n := item & 15
		if to := int(starts[n]); to < len(s.sorted) {
			s.sorted[to] = entries[int(item>>4)-first]
		}
		starts[n]++
	}
}
