package deflate

import (
	"math/rand/v2"
	"testing"
)

// bitWriter writes codes first bit first, as its string says.
type bitWriter struct {
	out []byte
	n   int
}

func (w *bitWriter) put(v, bits int) {
	for i := range bits {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
}

// code writes a Huffman code, highest bit first (RFC 1951, section 3.1.1).
func (w *bitWriter) code(c, bits int) {
	for i := bits - 1; i >= 0; i-- {
		w.put(c>>i, 1)
	}
}

// randomLengths makes a complete code for n of the symbols: a tree of which leaves
// are split until there are n.
func randomLengths(r *rand.Rand, symbols, n int, must ...int) []int {
	leaves := []int{1, 1}
	for skew := r.IntN(3); len(leaves) < n; {
		i := r.IntN(len(leaves))
		if skew > 0 {
			i = len(leaves) - 1 // as deep as can be
		}
		if leaves[i] == maxCodeBits {
			i, skew = r.IntN(len(leaves)), 0
		}
		if leaves[i] < maxCodeBits {
			leaves[i]++
			leaves = append(leaves, leaves[i])
		}
	}
	r.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
	lengths := make([]int, symbols)
	for _, s := range must {
		lengths[s] = leaves[0]
		leaves = leaves[1:]
	}
	for _, s := range r.Perm(symbols) {
		if lengths[s] == 0 && len(leaves) > 0 {
			lengths[s] = leaves[0]
			leaves = leaves[1:]
		}
	}
	return lengths
}

// canonical are the codes that follow from the lengths (RFC 1951, section 3.2.2).
func canonical(lengths []int) []int {
	codes := make([]int, len(lengths))
	code := 0
	for n := 1; n <= maxCodeBits; n++ {
		for s, l := range lengths {
			if l == n {
				codes[s] = code
				code++
			}
		}
		code <<= 1
	}
	return codes
}

// randomBlock writes a dynamic block with any complete codes, and symbols that are
// drawn without regard to their lengths. Distances may be too far.
func (w *bitWriter) randomBlock(r *rand.Rand, final bool, far int) {
	lits := randomLengths(r, 286, 2+r.IntN(285), 256)
	dists := randomLengths(r, 30, 2+r.IntN(29))
	w.put(map[bool]int{true: 1}[final], 1)
	w.put(2, 2)
	w.put(29, 5)
	w.put(29, 5)
	w.put(15, 4)
	for _, s := range precodeOrder { // 0 to 15 have 4 bits each
		w.put(map[bool]int{true: 4}[s < 16], 3)
	}
	for _, n := range append(append([]int(nil), lits...), dists...) {
		w.code(n, 4)
	}
	litCodes, distCodes := canonical(lits), canonical(dists)
	for range r.IntN(200) {
		s := r.IntN(286)
		if lits[s] == 0 || s == 256 {
			continue
		}
		w.code(litCodes[s], lits[s])
		if s < 256 {
			continue
		}
		if s < 285 {
			extra := max(0, (s-261)/4)
			w.put(r.IntN(1<<extra), extra)
		}
		d := r.IntN(far)
		for dists[d] == 0 {
			d = r.IntN(30)
		}
		extra := max(0, d/2-1)
		w.code(distCodes[d], dists[d])
		w.put(r.IntN(1<<extra), extra)
	}
	w.code(litCodes[256], lits[256])
	if final {
		w.align()
	}
}

func (w *bitWriter) align() { w.n = (w.n + 7) / 8 * 8 }

func (w *bitWriter) stored(p []byte) {
	w.put(0, 3)
	w.align()
	w.put(len(p), 16)
	w.put(^len(p), 16)
	for _, c := range p {
		w.put(int(c), 8)
	}
}

// Checklist: D7
func TestRandomBlocks(t *testing.T) {
	past := textMessage(newRand(3), 1<<15)
	good := 0
	for seed := range uint64(400) {
		r := newRand(seed)
		var w bitWriter
		windowBits := 8 + r.IntN(8)
		history := past[:min(r.IntN(1<<15+1), 1<<windowBits)]
		for range 1 + r.IntN(4) {
			switch r.IntN(5) {
			case 0:
				w.stored(randomMessage(r, r.IntN(300)))
			default:
				w.randomBlock(r, r.IntN(3) == 0, 1+min(29, 2*windowBits-4+r.IntN(6)))
			}
		}
		w.put(0, 3)
		w.align()
		checkAll(t, w.out, history, windowBits, 1+r.IntN(40))
		if _, err := inflatePlain(w.out, history, 1<<windowBits); err == nil {
			good++
		}
	}
	if good < 100 {
		t.Errorf("%d of 400 were readable: the test says little", good)
	}
}
