package deflate

// A dynamicHeader is the description of the codes of a dynamic block (RFC 1951,
// section 3.2.7): the lengths of all codes, shortened by runs.
type dynamicHeader struct {
	size int // bits, without the three of the block header

	hlit, hdist, hclen int
	items              [symbolCount + 4]uint32 // tokens of the code length alphabet
	n                  int
	itemBits           int
	frequencies        [19]uint32
	used               [19]uint32
}

// The code length alphabet beyond the lengths 0 to 15.
const (
	copyPrevious = 16 // 3-6 times, 2 extra bits
	shortZeros   = 17 // 3-10 times, 3 extra bits
	longZeros    = 18 // 11-138 times, 7 extra bits
)

// precodeOrder is the order in which the lengths of the code length code come.
var precodeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// make fills the header in for the codes of these symbols.
func (d *dynamicHeader) make(literals, distances []uint32, lengths *[symbolMask + 1]uint8) {
	d.n = 0
	clear(d.frequencies[:])
	d.hlit = int(literals[len(literals)-1]&symbolMask) + 1
	d.list(literals, 0, lengths)
	d.hdist = 1
	if len(distances) == 0 {
		d.add(0, 0) // one distance code of zero bits: none is used
	} else {
		d.hdist = int(distances[len(distances)-1]&symbolMask) - distSymbol + 1
		d.list(distances, distSymbol, lengths)
	}
}

// list adds the lengths of the symbols from first to the last in used.
func (d *dynamicHeader) list(used []uint32, first uint32, lengths *[symbolMask + 1]uint8) {
	next := first // the symbol whose length comes next
	for i := 0; i < len(used); {
		symbol := used[i] & symbolMask
		d.zeros(symbol - next)
		length := lengths[symbol]
		run := uint32(1)
		for i++; i < len(used) && used[i]&symbolMask == symbol+run && lengths[symbol+run] == length; i++ {
			run++
		}
		next = symbol + run
		d.add(uint32(length), 0)
		d.repeat(uint32(length), run-1)
	}
}

func (d *dynamicHeader) add(symbol, extra uint32) {
	d.items[d.n] = lengthSymbol + symbol | extra<<symbolBits
	d.n++
	d.frequencies[symbol]++
}

// zeros adds a run of zeros, of length 0 too.
func (d *dynamicHeader) zeros(run uint32) {
	for ; run >= 11; run -= min(run, 138) {
		d.add(longZeros, min(run, 138)-11)
	}
	if run >= 3 {
		d.add(shortZeros, run-3)
		return
	}
	d.few(0, run)
}

// repeat adds a length that run more symbols have.
func (d *dynamicHeader) repeat(length, run uint32) {
	for ; run >= 3; run -= min(run, 6) {
		d.add(copyPrevious, min(run, 6)-3)
	}
	d.few(length, run)
}

// few adds a length run times, up to 2: both are written, needed or not.
func (d *dynamicHeader) few(length, run uint32) {
	t := (*[2]uint32)(d.items[d.n : d.n+2])
	t[0], t[1] = lengthSymbol+length, lengthSymbol+length
	d.n += int(run)
	d.frequencies[length] += run
}

// makePrecode makes the code of the code lengths, and the size of it all.
func (d *dynamicHeader) makePrecode(p *prefixCode, lengths *[symbolMask + 1]uint8, codes *[symbolMask + 1]codeword) {
	n := 0
	for symbol, f := range d.frequencies {
		if f != 0 {
			d.used[n] = f<<symbolBits | uint32(lengthSymbol+symbol)
			n++
		}
	}
	// A lone code length code would be incomplete, and is refused.
	if n == 1 {
		d.used[1] = lengthSymbol
		if d.used[0]&symbolMask == lengthSymbol {
			d.used[1]++
		} else {
			d.used[0], d.used[1] = d.used[1], d.used[0]
		}
		n = 2
	}
	used := d.used[:n]
	clear(lengths[lengthSymbol : lengthSymbol+19])
	counts := p.lengths(used, maxPrecodeBits, lengths)
	assign(used, &counts, lengths, codes)

	d.hclen = 19
	for d.hclen > 4 && lengths[lengthSymbol+int(precodeOrder[d.hclen-1])] == 0 {
		d.hclen--
	}
	d.itemBits = bodySize(used, codes)
	d.size = 5 + 5 + 4 + 3*d.hclen + d.itemBits
}

// write writes the header behind the three bits of the block header. At least
// more bits will follow.
func (d *dynamicHeader) write(w *writer, lengths *[symbolMask + 1]uint8, codes *[symbolMask + 1]codeword, more int) {
	w.put(uint64(d.hlit-257)|uint64(d.hdist-1)<<5|uint64(d.hclen-4)<<10, 5+5+4)
	v := uint64(0)
	for i, symbol := range precodeOrder[:d.hclen] {
		v |= uint64(lengths[lengthSymbol+int(symbol)]) << (3 * i & 63)
	}
	const half = 24
	w.put(v&(1<<half-1), uint(min(3*d.hclen, half)))
	w.put(v>>half, uint(max(3*d.hclen-half, 0)))
	w.tokens(d.items[:d.n], codes, d.itemBits, more)
}
