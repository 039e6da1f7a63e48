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
// algorithm: the plain twin of prefixCode.
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

// limitCost says by what part of the best size a code may be larger.
var limitCost = map[int]int{maxPrecodeBits: 7, maxCodeBits: 12}

// Codes are complete, no longer than they may be, and not far from the best ones even
// where few symbols of very different frequency leave little choice.
func TestPrefixCodeLengths(t *testing.T) {
	var p prefixCode
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
				counts := p.lengths(used, uint32(limit), &lengths)
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
				if best := optimal(frequencies, limit); size > best+best/limitCost[limit] {
					t.Errorf("%s, %d symbols, limit %d: %d bits, the best code has %d", name, n, limit, size, best)
				}
			}
		}
	}
}

// On messages the codes are as good as the best: each within 3 %, all of them within 0.25 %.
func TestPrefixCodeOfMessages(t *testing.T) {
	r := newRand(3)
	var b blockWriter
	all, allBest := 0, 0
	for _, k := range kinds {
		for i := range 40 {
			tokens := messageTokens(k.make(r, i, 1<<(8+i%8)))
			literals, distances := b.count(tokens)
			for _, used := range [][]uint32{literals, distances} {
				if len(used) < 2 {
					continue
				}
				b.prefixes.lengths(used, maxCodeBits, &b.lengths)
				size := 0
				var frequencies []uint32
				for _, w := range used {
					frequencies = append(frequencies, w>>symbolBits)
					size += int(w>>symbolBits) * int(b.lengths[w&symbolMask])
				}
				best := optimal(frequencies, maxCodeBits)
				if size > best+best*3/100+8 {
					t.Errorf("%s %d, %d symbols: %d bits, the best code has %d", k.name, i, len(used), size, best)
				}
				all += size
				allBest += best
			}
		}
	}
	if all > allBest+allBest/400 {
		t.Errorf("all messages: %d bits, the best codes have %d", all, allBest)
	}
	t.Logf("%.3f %% more than the best", 100*(float64(all)/float64(allBest)-1))
}

// messageTokens are the tokens of a message, up to maxTokens bytes of it.
func messageTokens(msg []byte) []uint32 {
	e := getEncoder()
	defer putEncoder(e)
	e.freshTables(Fast, len(msg), maxWindowBits)
	s := span{buf: append(msg, make([]byte, padding)...), to: min(len(msg), maxTokens), window: 1 << maxWindowBits}
	_, n, _ := e.find(s, 0)
	e.tokens[n] = endSymbol
	return append([]uint32(nil), e.tokens[:n+1]...)
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
