package deflate

import (
	"math"
	"math/bits"
)

// maxCodeBits is the longest code of a literal, length or distance, and
// maxPrecodeBits that of a code length (RFC 1951, section 3.2.7).
const (
	maxCodeBits    = 15
	maxPrecodeBits = 7
)

// A codeword says how a symbol is written:
//
//	bits 0-14   the code, first bit lowest
//	bits 16-20  the number of its bits
//	bits 24-29  that number and the symbol's extra bits together
type codeword = uint32

func makeCodeword(code uint32, length, extra uint8) codeword {
	return code | uint32(length)<<16 | uint32(length+extra)<<24
}

// lengthCounts has the number of codes of each length.
type lengthCounts [maxCodeBits + 1]uint16

// A prefixCode makes length-limited prefix codes that are nearly as short as Huffman's,
// and without his tree: nothing is sorted. A symbol is worth as many bits as its
// frequency is halvings of all. Its code gets that number rounded up or down, as there
// is room for. Messages have 0.1 % more bytes so (TestPrefixCodeOfMessages).
type prefixCode struct {
	worth [symbolCount]uint32 // in sixteenths of a bit, by the place in used
}

// room is counted in codes of the longest length: a code of n bits takes
// 1<<(limit-n), and all of them 1<<limit (RFC 1951, section 3.2.7).
type room = int32

// lengths sets a code length of at most limit bits for each symbol in used.
// used holds frequency<<symbolBits | symbol for two symbols or more, and no more
// than 1<<limit. The code is always complete: a decoder may refuse any other
// (RFC 1951, section 3.2.7, is read so by all of them for the code lengths). It
// says how many codes there are of each length.
func (p *prefixCode) lengths(used []uint32, limit uint32, lengths *[symbolMask + 1]uint8) (counts lengthCounts) {
	// 1. Who is rounded down: all of the first turns that fit.
	left, gains := p.weigh(used, limit)
	down := uint32(0) // a bit for each turn
	for turn, gain := range gains {
		if gain <= left {
			left -= gain
			down |= 1 << turn
		}
	}
	// 2. Round.
	for i, w := range used {
		worth := p.worth[i]
		length := max(worth>>4+1-down>>turns[worth&255]&1, 1) // no code has less than one bit
		lengths[w&symbolMask] = uint8(length)
		counts[length&15]++
	}
	p.fit(used, limit, left, lengths, &counts)
	return counts
}

// weigh says what each symbol is worth, what room is left if all are rounded up, and
// how much of it those of each turn take that are rounded down.
func (p *prefixCode) weigh(used []uint32, limit uint32) (left room, gains [16]room) {
	total := uint32(0)
	for _, w := range used {
		total += w >> symbolBits
	}
	all, most := logarithm(total), limit<<4-1
	left = 1 << limit
	for i, w := range used {
		worth := min((all-logarithm(w>>symbolBits))>>(logarithmBits-4), most)
		p.worth[i] = worth
		gain := room(1) << (limit - 1 - worth>>4&15)
		left -= gain
		if worth < 1<<4 {
			gain = 0 // no code has less than one bit
		}
		gains[turns[worth&255]] += gain
	}
	return left, gains
}

// turns says in which turn a symbol of this worth is rounded down. Those with the
// smallest fractions lose most, so they come first. Then, frequent ones come before
// others, as later there is seldom room for them, and of the others the rarer ones,
// which makes for fewer different lengths in the header of the block.
var turns = makeTurns()

func makeTurns() (turns [16 << 4]uint8) {
	for worth := range turns {
		n, fraction := worth>>4, worth&15
		turns[worth] = uint8(max(0, min(fraction+min(3*n-9, 6-n), 15)))
	}
	return turns
}

// fit makes codes longer, or shorter, until no room is left and none is missing: the
// long ones longer, and those shorter first that were rounded up most.
func (p *prefixCode) fit(used []uint32, limit uint32, left room, lengths *[symbolMask + 1]uint8, counts *lengthCounts) {
	longest := limit - 1
	for left < 0 {
		for _, w := range used {
			if n := uint32(lengths[w&symbolMask]); n == longest && left < 0 {
				left += 1 << (limit - n - 1)
				lengths[w&symbolMask]++
				counts[n&15]--
				counts[(n+1)&15]++
			}
		}
		if longest--; longest == 0 {
			longest = limit - 1
		}
	}
	// The longest codes always find room to be shorter by a bit.
	for wins := int32(8); left > 0; wins -= 8 {
		for i, w := range used {
			n := uint32(lengths[w&symbolMask])
			if 1<<(limit-n&15) <= left && n > 1 && int32(n<<4-p.worth[i]) >= wins {
				left -= 1 << (limit - n)
				lengths[w&symbolMask]--
				counts[n&15]--
				counts[(n-1)&15]++
			}
		}
	}
}

// logarithm is about the binary logarithm of n, with logarithmBits behind the point,
// and some constant.
func logarithm(n uint32) uint32 { return math.Float32bits(float32(n)) }

const logarithmBits = 23

// assign gives codes to the symbols in used, which stand in rising order: codes
// of one length follow each other, and shorter ones come first (RFC 1951,
// section 3.2.2).
func assign(used []uint32, counts *lengthCounts, lengths *[symbolMask + 1]uint8, codes *[symbolMask + 1]codeword) {
	var next lengthCounts
	code := uint16(0)
	for length := 1; length < maxCodeBits; length++ {
		code = (code + counts[length]) << 1
		next[length+1] = code
	}
	for _, w := range used {
		symbol := w & symbolMask
		length := lengths[symbol] & maxCodeBits
		code := next[length]
		next[length]++
		// Huffman codes are packed with the most significant bit first
		// (RFC 1951, section 3.1.1).
		codes[symbol] = makeCodeword(uint32(bits.Reverse16(code)>>(16-length)), length, extraBits[symbol])
	}
}

// fixedCodes are the codes of blocks without a code of their own (RFC 1951,
// section 3.2.6).
var fixedCodes = makeFixedCodes()

func makeFixedCodes() (codes [symbolMask + 1]codeword) {
	var lengths [symbolMask + 1]uint8
	var literals, distances []uint32
	counts := lengthCounts{7: 24, 8: 152, 9: 112}
	for symbol := uint32(0); symbol < distSymbol; symbol++ {
		switch {
		case symbol < 144:
			lengths[symbol] = 8
		case symbol < 256:
			lengths[symbol] = 9
		case symbol < 280:
			lengths[symbol] = 7
		default:
			lengths[symbol] = 8
		}
		literals = append(literals, symbol)
	}
	for symbol := uint32(distSymbol); symbol < distSymbol+32; symbol++ {
		lengths[symbol] = 5
		distances = append(distances, symbol)
	}
	assign(literals, &counts, &lengths, &codes)
	assign(distances, &lengthCounts{5: 32}, &lengths, &codes)
	return codes
}
