package deflate

import "encoding/binary"

// The three block types (RFC 1951, section 3.2.3), behind a BFINAL bit of 0:
// no block is the last of a connection (RFC 7692, section 7.2.1 allows either).
const (
	storedBlock  = 0 << 1
	fixedBlock   = 1 << 1
	dynamicBlock = 2 << 1

	blockHeaderBits = 3
)

const (
	// maxStored is the longest stored block (RFC 1951, section 3.2.4).
	maxStored = 65535

	// fewTokens is the number of tokens under which a block is written in fixed
	// codes without trying others: it costs at most 0.2 % of the bytes of JSON
	// and saves most of the time of a small message.
	fewTokens = 110
)

// A blockWriter writes blocks: the smallest of the three types for each. Bytes
// to be stored wait in raw, because pieces that follow each other need one
// header.
type blockWriter struct {
	writer
	raw []byte

	frequencies [symbolMask + 1]uint32
	lengths     [symbolMask + 1]uint8
	codes       [symbolMask + 1]codeword
	literals    [symbolCount + 8]uint32 // used literals and lengths: frequency<<symbolBits | symbol
	distances   [30 + 8]uint32          // used distances
	prefixes    prefixCode
	header      dynamicHeader
}

// block writes tokens, whose last is the end of the block and which stand for
// plain. plain follows what waits in raw.
func (b *blockWriter) block(tokens []uint32, plain []byte) {
	stored := b.storedSize(len(plain))
	if len(tokens) < fewTokens {
		fixed := blockHeaderBits
		for _, t := range tokens {
			fixed += int(fixedCodes[t&symbolMask] >> 24)
		}
		if stored <= fixed {
			b.keep(plain)
			return
		}
		b.flushRaw()
		b.put(fixedBlock, blockHeaderBits)
		b.writer.tokens(tokens, &fixedCodes, fixed-blockHeaderBits, 0)
		return
	}
	literals, distances := b.count(tokens)
	literals, distances = b.makeCodes(literals, distances)
	body, fixed := b.bodySizes(literals)
	body2, fixed2 := b.bodySizes(distances)
	body, fixed = body+body2, fixed+fixed2+blockHeaderBits
	dynamic := blockHeaderBits + b.header.size + body
	switch {
	case stored <= min(fixed, dynamic):
		b.keep(plain)
	case fixed <= dynamic:
		b.flushRaw()
		b.put(fixedBlock, blockHeaderBits)
		b.writer.tokens(tokens, &fixedCodes, fixed-blockHeaderBits, 0)
	default:
		b.flushRaw()
		b.put(dynamicBlock, blockHeaderBits)
		b.header.write(&b.writer, &b.lengths, &b.codes, body)
		b.writer.tokens(tokens, &b.codes, body, 0)
	}
}

// count lists the used symbols with their frequencies, in rising order.
func (b *blockWriter) count(tokens []uint32) (literals, distances []uint32) {
	clear(b.frequencies[:lengthSymbol])
	for _, t := range tokens {
		b.frequencies[t&symbolMask]++
	}
	n := listUsed(b.literals[:], b.frequencies[:distSymbol], 0)
	m := listUsed(b.distances[:], b.frequencies[distSymbol:lengthSymbol], distSymbol)
	return b.literals[:n], b.distances[:m]
}

// listUsed lists those symbols from first on that have a frequency. It passes
// over eight unused ones at once, and else has no branch on frequencies. list
// has room for all; their number is a multiple of 8, or the last ones are not
// used.
func listUsed(list, frequencies []uint32, first uint32) int {
	n := 0
	for ; len(frequencies) >= 8; frequencies = frequencies[8:] {
		f := (*[8]uint32)(frequencies)
		if f[0]|f[1]|f[2]|f[3]|f[4]|f[5]|f[6]|f[7] != 0 {
			t := (*[8]uint32)(list[n : n+8])
			k := uint32(0)
			for i, f := range f {
				t[k&7] = f<<symbolBits | (first + uint32(i))
				k += (f | -f) >> 31
			}
			n += int(k)
		}
		first += 8
	}
	return n
}

// makeCodes makes the codes of a dynamic block and its header. It may add a
// symbol that is not used, with frequency 0.
func (b *blockWriter) makeCodes(literals, distances []uint32) (_, _ []uint32) {
	if len(literals) == 1 { // the end of the block alone
		literals = append(literals[:0], 0, literals[0])
	}
	counts := b.prefixes.lengths(literals, maxCodeBits, &b.lengths)
	assign(literals, &counts, &b.lengths, &b.codes)
	// No distance code at all is allowed, and so is a single one of one bit (RFC
	// 1951, section 3.2.7). The second is the only incomplete code there is:
	// avoid it by a code that nobody uses.
	if len(distances) == 1 {
		other := uint32(distSymbol)
		if distances[0]&symbolMask == other {
			distances = append(distances, other+1)
		} else {
			distances = append(distances[:0], other, distances[0])
		}
	}
	if len(distances) > 0 {
		counts = b.prefixes.lengths(distances, maxCodeBits, &b.lengths)
		assign(distances, &counts, &b.lengths, &b.codes)
	}
	b.header.make(literals, distances, &b.lengths)
	b.header.makePrecode(&b.prefixes, &b.lengths, &b.codes)
	return literals, distances
}

// bodySizes are the numbers of bits that symbols take in the codes of this block
// and in the fixed ones.
func (b *blockWriter) bodySizes(used []uint32) (dynamic, fixed int) {
	for _, w := range used {
		frequency, symbol := int(w>>symbolBits), w&symbolMask
		dynamic += frequency * int(b.codes[symbol]>>24)
		fixed += frequency * int(fixedCodes[symbol]>>24)
	}
	return dynamic, fixed
}

// bodySize is the number of bits that symbols take in these codes.
func bodySize(used []uint32, codes *[symbolMask + 1]codeword) int {
	size := 0
	for _, w := range used {
		size += int(w>>symbolBits) * int(codes[w&symbolMask]>>24)
	}
	return size
}

// storedSize is the number of bits that n more bytes take if they are stored.
func (b *blockWriter) storedSize(n int) int {
	if len(b.raw) > 0 {
		pieces := (len(b.raw)+n+maxStored-1)/maxStored - (len(b.raw)+maxStored-1)/maxStored
		return pieces*5*8 + n*8
	}
	pieces := (n + maxStored - 1) / maxStored
	padding := -(int(b.n) + blockHeaderBits) & 7
	return blockHeaderBits + padding + 4*8 + (pieces-1)*5*8 + n*8
}

// keep puts plain off to be stored. It lies behind raw in the same array.
func (b *blockWriter) keep(plain []byte) {
	if len(b.raw) == 0 {
		b.raw = plain
		return
	}
	b.raw = b.raw[:len(b.raw)+len(plain)]
}

// flushRaw writes raw as stored blocks.
func (b *blockWriter) flushRaw() {
	for len(b.raw) > 0 {
		piece := b.raw[:min(len(b.raw), maxStored)]
		b.storedHeader(len(piece))
		b.out = append(b.out, piece...)
		b.raw = b.raw[len(piece):]
	}
	b.raw = nil
}

// storedHeader writes the header of a stored block (RFC 1951, section 3.2.4).
func (b *blockWriter) storedHeader(n int) {
	b.put(storedBlock, blockHeaderBits)
	b.align()
	b.out = binary.LittleEndian.AppendUint16(b.out, uint16(n))
	b.out = binary.LittleEndian.AppendUint16(b.out, ^uint16(n))
}

// end writes the empty stored block that brings the output to a byte's border,
// without its last four bytes, 00 00 ff ff (RFC 7692, section 7.2.1).
func (b *blockWriter) end() {
	b.put(storedBlock, blockHeaderBits)
	b.align()
}
