package deflate

import (
	"fmt"
	"slices"
	"testing"
)

// frequencyTables are those that strain a Huffman code.
func frequencyTables(n int) map[string][]uint32 {
	tables := map[string][]uint32{"equal": nil, "fibonacci": nil, "powers": nil, "one of many": nil, "rising": nil, "zero and one": nil}
	a, b := uint32(1), uint32(1)
	for i := range uint32(n) {
		tables["equal"] = append(tables["equal"], 1)
		tables["fibonacci"] = append(tables["fibonacci"], a)
		if a+b < 1<<15 {
			a, b = b, a+b
		}
		tables["powers"] = append(tables["powers"], 1<<(i%15))
		tables["one of many"] = append(tables["one of many"], 1+i/uint32(n-1)*30000)
		tables["rising"] = append(tables["rising"], 1+i)
		tables["zero and one"] = append(tables["zero and one"], i&1)
	}
	r := newRand(uint64(n))
	for i := range 20 {
		var t []uint32
		for range n {
			t = append(t, 1+r.Uint32N(1<<r.IntN(13)))
		}
		tables[fmt.Sprint("random ", i)] = t
	}
	return tables
}

// optimal is the size of the best code of at most limit bits, by the package-merge
// algorithm: the plain twin of count, and better where the limit counts.
func optimal(frequencies []uint32, limit int) (size int) {
	var list []uint32
	for range limit {
		packages := slices.Clone(frequencies)
		for i := 0; i+1 < len(list); i += 2 {
			packages = append(packages, list[i]+list[i+1])
		}
		slices.Sort(packages)
		list = packages
	}
	for _, w := range list[:2*len(frequencies)-2] {
		size += int(w)
	}
	return size
}

// limitCost says by what part of the best size a limited code may be larger.
var limitCost = map[int]int{maxPrecodeBits: 7, maxCodeBits: 64}

func TestHuffmanLengths(t *testing.T) {
	var h huffman
	for _, limit := range []int{maxPrecodeBits, maxCodeBits} {
		for _, n := range []int{2, 3, 4, 7, 18, 19, 30, 100, 127, 128, 285, 286} {
			if n > 1<<limit {
				continue
			}
			for name, frequencies := range frequencyTables(n) {
				var used []uint32
				for symbol, f := range frequencies {
					used = append(used, f<<symbolBits|uint32(symbol))
				}
				var lengths [symbolMask + 1]uint8
				counts := h.lengths(used, limit, &lengths)
				kraft, size, longest := 0, 0, 0
				var want lengthCounts
				for symbol, f := range frequencies {
					l := int(lengths[symbol])
					if l < 1 || l > limit {
						t.Fatalf("%s, %d symbols, limit %d: a code of %d bits", name, n, limit, l)
					}
					kraft += 1 << (limit - l)
					size += int(f) * l
					longest = max(longest, l)
					want[l]++
				}
				if kraft != 1<<limit {
					t.Errorf("%s, %d symbols, limit %d: the code is not complete", name, n, limit)
				}
				if counts != want {
					t.Errorf("%s, %d symbols, limit %d: counts %v, want %v", name, n, limit, counts, want)
				}
				best := optimal(frequencies, limit)
				if longest < limit && size != best || size > best+best/limitCost[limit] {
					t.Errorf("%s, %d symbols, limit %d: %d bits, the best code has %d", name, n, limit, size, best)
				}
			}
		}
	}
}

// Codes of equal length are in the order of symbols, and shorter ones first (RFC
// 1951, section 3.2.2, has this example).
func TestAssignFollowsTheExampleOfTheRFC(t *testing.T) {
	lengths := [symbolMask + 1]uint8{3, 3, 3, 3, 3, 2, 4, 4}
	var codes [symbolMask + 1]codeword
	assign([]uint32{0, 1, 2, 3, 4, 5, 6, 7}, &lengthCounts{2: 1, 3: 5, 4: 2}, &lengths, &codes)
	want := []string{"010", "011", "100", "101", "110", "00", "1110", "1111"}
	for symbol, s := range want {
		got := ""
		for i := range codes[symbol] >> 16 & 31 {
			got += fmt.Sprint(codes[symbol] >> i & 1) // first bit lowest
		}
		if got != s {
			t.Errorf("symbol %d: code %s, want %s", symbol, got, s)
		}
	}
}
