package deflate

import (
	"bytes"
	"testing"
)

// matchEndPlain is the plain twin of matchEnd.
func matchEndPlain(buf []byte, j, distance, end int) int {
	for j < end && buf[j-distance] == buf[j] {
		j++
	}
	return min(j, end)
}

// A property: matchEnd is its plain twin.
func FuzzMatchEnd(f *testing.F) {
	f.Add([]byte("abcabcabcabcabcabcabcabcx"), uint(3), uint(3), uint(25))
	f.Add(make([]byte, 100), uint(1), uint(1), uint(90))
	f.Add(make([]byte, 100), uint(9), uint(8), uint(100))
	f.Fuzz(func(t *testing.T, buf []byte, j, distance, end uint) {
		if len(buf) < 2 {
			return
		}
		at := 1 + int(j%uint(len(buf)-1))
		d := 1 + int(distance%uint(at))
		to := int(end % uint(len(buf)+1))
		if got, want := matchEnd(buf, at, d, to), matchEndPlain(buf, at, d, to); got != want {
			t.Errorf("match of %q at %d, distance %d, end %d: got %d, want %d", buf, at, d, to, got, want)
		}
	})
}

// What is not used of a match over 258 bytes is never one or two bytes long.
func TestAppendLongMatch(t *testing.T) {
	tokens := make([]uint32, 1000)
	for length := minMatch; length < 2000; length++ {
		n, sum := appendLongMatch(tokens, 0, length, 77), 0
		for i := 0; i < n; i += 2 {
			for l := minMatch; l <= maxMatch; l++ {
				if lengthToken(l) == tokens[i] {
					sum += l
				}
			}
			if tokens[i+1] != distanceToken(77) {
				t.Fatal("another distance")
			}
		}
		if sum != length || n > 2*(length/maxMatch+1) {
			t.Errorf("length %d became %d in %d matches", length, sum, n/2)
		}
	}
}

func TestLooksRandom(t *testing.T) {
	r := newRand(1)
	for _, k := range kinds {
		for range 200 {
			p := k.make(r, 1, noMatchFor)[:noMatchFor]
			if got, want := looksRandom(p), k.name == "random"; got != want {
				t.Errorf("%s: looksRandom is %t, want %t: %q", k.name, got, want, p)
			}
		}
	}
}

// Matches begin and end in the last bytes of a message, too.
func TestMatchAtTheEnd(t *testing.T) {
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		for n := 6; n < 40; n++ {
			half := randomMessage(newRand(uint64(n)), n)
			msg := bytes.Repeat(half, 2)
			if got := len(NewCompressor(bits, takeover, level).Append(nil, msg)); got > n*9/8+6 {
				t.Errorf("twice %d random bytes take %d", n, got)
			}
		}
	})
}
