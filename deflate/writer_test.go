package deflate

import (
	"bytes"
	"testing"
)

// tokens is its plain twin, a put for each token, whatever bits wait already.
func TestWriterTokensIsPut(t *testing.T) {
	r := newRand(1)
	for round := range 500 {
		var tokens []uint32
		for range r.IntN(60) {
			switch r.IntN(3) {
			case 0:
				tokens = append(tokens, uint32(r.IntN(256)))
			case 1:
				tokens = append(tokens, lengthToken(minMatch+r.IntN(256)))
			default:
				tokens = append(tokens, distanceToken(1+r.IntN(1<<15)))
			}
		}
		var fast, slow writer
		for range round % 8 {
			fast.put(1, 1)
			slow.put(1, 1)
		}
		fast.tokens(tokens, &fixedCodes, bodyBits(tokens, &fixedCodes), round%3*64)
		for _, token := range tokens {
			c := fixedCodes[token&symbolMask]
			slow.put(codeBits(token, c), uint(c>>24))
		}
		if !bytes.Equal(fast.out, slow.out) || fast.pending != slow.pending || fast.n != slow.n {
			t.Fatalf("%d tokens behind %d bits: got %x and %d bits, want %x and %d bits", len(tokens), round%8, fast.out, fast.n, slow.out, slow.n)
		}
	}
}

// Each of the three block types is chosen where it is the smallest.
func TestBlockTypes(t *testing.T) {
	r := newRand(2)
	for _, test := range []struct {
		name string
		msg  []byte
		want byte
	}{
		{"a few random bytes", randomMessage(r, 105), storedBlock},
		{"some random bytes", randomMessage(r, 150), storedBlock},
		{"many random bytes", randomMessage(r, 5000), storedBlock},
		{"a short text", []byte("Hello, Hello, Hello"), fixedBlock},
		{"a long text", textMessage(r, 5000), dynamicBlock},
		{"text without a match", []byte("the quick brown fox jumps over"), fixedBlock},
	} {
		if out := NewCompressor(15, false, Fast).Append(nil, test.msg); out[0]&7 != test.want {
			t.Errorf("%s: first bits %03b, want %03b", test.name, out[0]&7, test.want)
		}
	}
}

// Blocks whose codes are as small as they can be: of one literal, of one
// distance, of no distance, of one code length.
func TestSmallestCodes(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, tokens := range map[string][]uint32{
		"one literal":        repeatTokens(200, 'a'),
		"one distance":       append(repeatTokens(120, 'a', 'b'), lengthToken(3), distanceToken(1)),
		"another distance":   append(repeatTokens(120, 'a', 'b'), lengthToken(3), distanceToken(7)),
		"two distances":      append(repeatTokens(120, 'a', 'b'), lengthToken(3), distanceToken(7), lengthToken(258), distanceToken(1)),
		"all literals alike": appendLiteralTokens(nil, every),
	} {
		var b blockWriter
		tokens = append(tokens, endSymbol)
		literals, distances := b.makeCodes(b.count(tokens))
		b.put(dynamicBlock, blockHeaderBits)
		size := bodySize(literals, &b.codes) + bodySize(distances, &b.codes)
		before := len(b.out)*8 + int(b.n)
		b.header.write(&b.writer, &b.lengths, &b.codes, size)
		if n := len(b.out)*8 + int(b.n) - before; n != b.header.size {
			t.Errorf("%s: the header has %d bits, counted were %d", name, n, b.header.size)
		}
		b.tokens(tokens, &b.codes, size, 0)
		b.end()
		if _, err := newReceiver(15, false).receive(b.out); err != nil {
			t.Errorf("%s: compress/flate says %v", name, err)
		}
		if _, err := inflatePlain(b.out, nil, 1<<15); err != nil {
			t.Errorf("%s: the plain inflater says %v", name, err)
		}
	}
}

func repeatTokens(n int, symbols ...uint32) (tokens []uint32) {
	for range n {
		tokens = append(tokens, symbols...)
	}
	return tokens
}

func appendLiteralTokens(tokens []uint32, p []byte) []uint32 {
	for _, c := range p {
		tokens = append(tokens, uint32(c))
	}
	return tokens
}
