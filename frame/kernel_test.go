//go:build (amd64 || arm64) && !purego

package frame

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// paths runs a test with the kernels, if this machine has them, and without.
func paths(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	was := vector
	defer func() { vector = was }()
	if was {
		t.Run("kernels", test)
	}
	vector = false
	t.Run("portable", test)
}

// maskVector leaves at most 31 bytes, and says so.
func TestMaskVectorLeavesLessThanAVector(t *testing.T) {
	if !vector {
		t.Skip("this machine has no AVX2")
	}
	for length := range 301 {
		got, want := randomBytes(length), randomBytes(length)
		n := maskVector(got, 0x3d21fa373d21fa37)
		plainMask(want[:length&^31], testKey, 0)
		if n != length&^31 || string(got) != string(want) {
			t.Fatalf("%d bytes: got % x, %d, want % x, %d", length, got, n, want, length&^31)
		}
	}
}

// goodVector keeps its contract: what it counts is good, but for a head at the
// end; and what is left has something bad near.
func TestGoodVectorStopsJustBeforeWhatIsBad(t *testing.T) {
	if !vector {
		t.Skip("this machine has no AVX2")
	}
	for _, tt := range utf8Texts {
		text := []byte(strings.Repeat(tt.text, 400/len(tt.text)+1))
		for length := goodMin; length <= 300; length++ {
			if n := goodVector(text[:length], &pairs); n != length {
				t.Fatalf("%d bytes of %s: %d are good", length, tt.name, n)
			}
			for at := trusted; at < length; at++ {
				was := text[at]
				text[at] = 0xFF
				n := goodVector(text[:length], &pairs)
				text[at] = was
				// The byte itself is bad only together with the next.
				if bad := at; n > bad+1 || n+64 <= bad || n == length && bad != length-1 {
					t.Fatalf("%d bytes of %s, FF at %d: %d are good", length, tt.name, at, n)
				}
			}
		}
	}
}

// Every code point passes, behind every kind of neighbour: the kernel calls nothing
// bad that is good. (The automaton would put that right, slowly.)
func TestGoodVectorTakesEveryCodePoint(t *testing.T) {
	if !vector {
		t.Skip("this machine has no AVX2")
	}
	for _, between := range []string{"", "a", "é", "世", "🙂"} {
		text := []byte("abc")
		for r := rune(0); r <= utf8.MaxRune; r++ {
			if utf8.ValidRune(r) {
				text = append(utf8.AppendRune(text, r), between...)
			}
		}
		if n := goodVector(text, &pairs); n != len(text) {
			t.Errorf("%q between: stopped at % x", between, text[n-trusted:n+64])
		}
	}
}
