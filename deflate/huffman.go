package deflate

import "math/bits"

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

// huffman makes length-limited Huffman codes. Its arrays are working space.
type huffman struct {
	weights [symbolCount]uint32 // frequency<<symbolBits | symbol, sorted by frequency
	spare   [symbolCount]uint32
	tree    tree
}

// lengthCounts has the number of codes of each length.
type lengthCounts [maxCodeBits + 1]uint16

// lengths sets a code length of at most limit bits for each symbol in used.
// used holds frequency<<symbolBits | symbol for two symbols or more, and no more
// than 1<<limit. The code is always complete: a decoder may refuse any other
// (RFC 1951, section 3.2.7, is read so by all of them for the code lengths). It
// says how many codes there are of each length.
func (h *huffman) lengths(used []uint32, limit int, lengths *[symbolMask + 1]uint8) lengthCounts {
	sorted := h.sort(used)
	counts := h.count(sorted, limit)
	// The rarest symbols get the longest codes.
	i := 0
	for length := limit; length > 0; length-- {
		for range counts[length] {
			lengths[sorted[i]&symbolMask] = uint8(length)
			i++
		}
	}
	return counts
}

// sort orders weights by frequency: by counting, one pass for each byte of the
// largest frequency. It is stable, so equal ones stay in the order of symbols.
func (h *huffman) sort(used []uint32) []uint32 {
	all := uint32(0)
	for _, w := range used {
		all |= w
	}
	from, to := h.weights[:len(used)], h.spare[:len(used)]
	copy(from, used)
	for shift := symbolBits; all>>shift != 0; shift += 8 {
		var starts [256]uint16
		for _, w := range from {
			starts[w>>(shift&31)&0xff]++
		}
		last := 1<<min(bits.Len32(all>>shift), 8) - 1
		sum := uint16(0)
		for i, n := range starts[:last+1] {
			starts[i] = sum
			sum += n
		}
		for _, w := range from {
			b := w >> (shift & 31) & 0xff
			to[starts[b]] = w
			starts[b]++
		}
		from, to = to, from
	}
	return from
}

// count says how many symbols get a code of each length. sorted is by frequency.
func (h *huffman) count(sorted []uint32, limit int) (counts lengthCounts) {
	t := &h.tree
	t.build(sorted)
	// Walk down from the root, the last inner node, to count the inner nodes of
	// each depth. What is below them and is not an inner node is a leaf.
	var inner [deepest + 1]uint16
	root := len(sorted) - 2
	depths := &t.parents
	depths[root] = 0
	inner[0] = 1
	for i := root - 1; i >= 0; i-- {
		depth := depths[t.parents[i]&symbolMask] + 1
		depths[i] = depth
		inner[depth&deepest]++
	}
	if int(depths[0]) >= limit {
		return limited(depths[:root], uint32(limit))
	}
	for depth := range limit {
		counts[depth+1] = 2*inner[depth] - inner[depth+1]
	}
	return counts
}

// deepest is more than the depth of any tree: a tree of depth n has a weight of
// at least the n-th Fibonacci number, and a block has fewer than 1<<16 tokens.
const deepest = 31

// limited does the same for a tree that is too deep. Each inner node turns one
// leaf of its depth into two, one deeper. Where that would be too deep, the
// deepest leaf that may be split takes its place. So the code is complete after
// each step. depths are those of the inner nodes but the root, in falling order.
func limited(depths []uint32, limit uint32) (counts lengthCounts) {
	counts[1] = 2
	for i := len(depths) - 1; i >= 0; i-- {
		depth := min(depths[i], limit-1)
		for counts[depth] == 0 {
			depth--
		}
		counts[depth]--
		counts[depth+1] += 2
	}
	return counts
}

// A tree is a Huffman tree. Its inner nodes stand in rising order of weight, so a
// parent behind its children.
type tree struct {
	leaves  [symbolCount + 2]uint32 // weights in rising order, then heaviest
	inner   [symbolCount + 1]uint32 // weights; heaviest: not built yet
	parents [symbolMask + 1]uint32  // of inner nodes
}

// heaviest is more than the weight of any tree, with room in an int32.
const heaviest = 1<<31 - 1

// build joins the two lightest nodes that are left until one is, the root. It
// runs without branches on weights: these cannot be foreseen.
func (t *tree) build(sorted []uint32) {
	n := len(sorted)
	for i, w := range sorted {
		t.leaves[i] = w >> symbolBits
		t.inner[i] = heaviest
	}
	t.leaves[n], t.leaves[n+1] = heaviest, heaviest
	leaf, root := uint32(0), uint32(0) // the first leaf and inner node without a parent
	for next := range uint32(n - 1) {
		// The lightest of all, taken from one list or the other. A parent noted
		// for an inner node that is not taken will be noted anew.
		a, b := t.inner[root], t.leaves[leaf]
		weight := min(a, b)
		t.parents[root&symbolMask] = next
		taken := (a - b) >> 31 // 1 if a < b
		root += taken
		leaf += 1 - taken

		a, b = t.inner[root], t.leaves[leaf]
		weight += min(a, b)
		t.parents[root&symbolMask] = next
		taken = (a - b) >> 31
		root += taken
		leaf += 1 - taken

		t.inner[next] = weight
	}
}

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
