package deflate

import "testing"

// Every length and distance has the code and the extra bits of RFC 1951, section
// 3.2.5, whose tables are written down here.
func TestTokensOfEveryLengthAndDistance(t *testing.T) {
	lengths := []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	distances := []int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	for length := minMatch; length <= maxMatch; length++ {
		wantToken(t, lengthToken(length), 257, lengths, length)
	}
	for distance := 1; distance <= 1<<maxWindowBits; distance++ {
		wantToken(t, distanceToken(distance), distSymbol, distances, distance)
	}
}

func wantToken(t *testing.T, token uint32, first int, bases []int, v int) {
	t.Helper()
	code := len(bases) - 1
	for bases[code] > v {
		code--
	}
	symbol, extra := int(token&symbolMask), int(token>>symbolBits)
	if symbol != first+code || extra != v-bases[code] || extra>>extraBits[symbol] != 0 {
		t.Errorf("%d: symbol %d with extra %d of %d bits, want %d with %d", v, symbol, extra, extraBits[symbol], first+code, v-bases[code])
	}
}
