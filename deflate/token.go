package deflate

import "math/bits"

// A token is one symbol of a block with the value of its extra bits:
//
//	token = symbol | extra<<symbolBits
//
// Literals, lengths, distances and the end of the block lie in one flat list, a
// length before its distance, so that counting and writing them needs no
// decision that hangs on the data. Distance codes 0 to 29 are the symbols from
// distSymbol on.
const (
	symbolBits = 9
	symbolMask = 1<<symbolBits - 1

	endSymbol   = 256 // end of block
	distSymbol  = 288 // distance code 0; 286 and 287 are never sent (RFC 1951, section 3.2.6)
	symbolCount = distSymbol + 30

	// The code length alphabet, which only the header of a dynamic block uses.
	lengthSymbol = 320

	minMatch = 3   // RFC 1951, section 3.2.5
	maxMatch = 258 // RFC 1951, section 3.2.5
)

// lengthTokens has the token of each match length, from minMatch on.
var lengthTokens = makeLengthTokens()

// extraBits has the number of extra bits that follow each symbol's code.
var extraBits = makeExtraBits()

// makeExtraBits follows the two tables of RFC 1951, section 3.2.5.
func makeExtraBits() (extra [symbolMask + 1]uint8) {
	for code := 265; code < 285; code++ {
		extra[code] = uint8((code - 261) / 4)
	}
	for code := 4; code < 30; code++ {
		extra[distSymbol+code] = uint8(code/2 - 1)
	}
	extra[lengthSymbol+copyPrevious] = 2 // RFC 1951, section 3.2.7
	extra[lengthSymbol+shortZeros] = 3
	extra[lengthSymbol+longZeros] = 7
	return extra
}

func makeLengthTokens() (tokens [maxMatch - minMatch + 1]uint32) {
	extra := makeExtraBits()
	length := 0
	for code := uint32(257); code < 285; code++ {
		for i := uint32(0); i < 1<<extra[code]; i++ {
			tokens[length] = code | i<<symbolBits
			length++
			if length == len(tokens)-1 {
				break
			}
		}
	}
	// 258 has a code of its own, shorter than 284 with an extra value of 31.
	tokens[maxMatch-minMatch] = 285
	return tokens
}

// distanceToken gives the token of a distance, 1 to 32768. From code 2 on there
// are two codes for each power of two (RFC 1951, section 3.2.5).
func distanceToken(distance int) uint32 {
	d := uint32(distance - 1)
	if d < 2 {
		return distSymbol + d
	}
	n := uint32(bits.Len32(d)) - 2 // extra bits
	return distSymbol + 2*n + d>>(n&31) + (d&(1<<(n&31)-1))<<symbolBits
}
