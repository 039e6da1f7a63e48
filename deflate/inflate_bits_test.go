package deflate

import (
	"strconv"
	"strings"
)

// bitString is DEFLATE data written by hand: "0" and "1" in the order of the stream,
// "n:v" for a number v of n bits, lowest first; what is neither is a comment.
type bitString string

func (s bitString) bytes() []byte {
	var out []byte
	n := 0
	put := func(bit byte) {
		if n%8 == 0 {
			out = append(out, 0)
		}
		out[n/8] |= bit << (n % 8)
		n++
	}
	for _, w := range strings.Fields(string(s)) {
		if size, value, ok := strings.Cut(w, ":"); ok {
			bits, err1 := strconv.Atoi(size)
			v, err2 := strconv.Atoi(value)
			if err1 != nil || err2 != nil {
				panic("bad bits " + w)
			}
			for i := range bits {
				put(byte(v >> i & 1))
			}
		} else if strings.Trim(w, "01") == "" {
			for _, c := range w {
				put(byte(c - '0'))
			}
		}
	}
	return out
}

// The code lengths of a dynamic block, written with a precode in which 0, 1, 18 and
// others of the test have short codes, behind "0 01": not final, dynamic.
const (
	// HCLEN 18 codes; in the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1:
	// 18 and 0 have 2 bits, 1 and 2 have 2 bits: 0 = 00, 1 = 01, 2 = 10, 18 = 11
	precode0_1_2_18 = " 4:14 3:0 3:0 3:2 3:2 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:2 3:0 3:2 "
	run138          = " 11 7:127 " // 138 zeros
	run118          = " 11 7:107 " // 118 zeros: 138 + 118 = 256
)

var headers = []struct {
	name string
	bits bitString
	want string
	ok   bool
}{
	// Sets of codes that encoders make, and zlib and compress/flate read.
	{"a lone end of block, no distance", "0 01 5:0 5:0" + precode0_1_2_18 + run138 + run118 + " 01 00" + " 0 " + " 000", "", true},
	{"its other half", "0 01 5:0 5:0" + precode0_1_2_18 + run138 + run118 + " 01 00" + " 1 " + " 000", "", false},
	// 'a' is 97: 97 zeros, a length, 158 zeros; then end and length 3: 256 and 257.
	{"one distance code of one bit", "0 01 5:1 5:0" + precode0_1_2_18 + " 11 7:86 01 " + run138 + " 11 7:9 10 10 01" + " 0 11 0 0 10 000", "aaaaa", true},
	{"its other half", "0 01 5:1 5:0" + precode0_1_2_18 + " 11 7:86 01 " + run138 + " 11 7:9 10 10 01" + " 0 11 1 10 000", "", false},
	{"no distance code, and a length", "0 01 5:1 5:0" + precode0_1_2_18 + " 11 7:86 01 " + run138 + " 11 7:9 10 10 00" + " 0 11 0 10 000", "", false},
	{"no distance code, and no length", "0 01 5:1 5:0" + precode0_1_2_18 + " 11 7:86 01 " + run138 + " 11 7:9 10 10 00" + " 0 0 10 000", "aa", true},
	// Sets that nobody reads.
	{"no end of block", "0 01 5:1 5:0" + precode0_1_2_18 + " 11 7:86 01 " + run138 + " 11 7:9 00 01 00" + " 0 000", "", false},
	{"a lone end of block of two bits", "0 01 5:0 5:0" + precode0_1_2_18 + run138 + run118 + " 10 00" + " 00 000", "", false},
	{"a lone distance of two bits", "0 01 5:0 5:0" + precode0_1_2_18 + run138 + run118 + " 01 10" + " 0 000", "", false},
	{"too many literals", "0 01 5:0 5:0" + precode0_1_2_18 + "01 01 01" + " 11 7:127 11 7:104 01 00" + " 0 000", "", false},
	{"HLIT 287", "0 01 5:30 5:0" + precode0_1_2_18 + run138 + run118 + " 01 11 7:20" + " 0 000", "", false},
	{"HLIT 286", "0 01 5:29 5:0" + precode0_1_2_18 + run138 + run118 + " 01 11 7:19" + " 0 000", "", true},
	{"HDIST 31", "0 01 5:0 5:30" + precode0_1_2_18 + run138 + run118 + " 01 11 7:20" + " 0 000", "", false},
	{"HDIST 30", "0 01 5:0 5:29" + precode0_1_2_18 + run138 + run118 + " 01 11 7:19" + " 0 000", "", true},
	{"zeros beyond the last length", "0 01 5:0 5:0" + precode0_1_2_18 + run138 + run118 + " 01 11 7:0" + " 0 000", "", false},
	{"a precode of one code", "0 01 5:0 5:0 4:0 3:0 3:0 3:1 3:0 0 7:127 0 7:107 0 000", "", false},
	{"a precode without codes", "0 01 5:0 5:0 4:0 3:0 3:0 3:0 3:0 00 000", "", false},
	{"a repetition of nothing", "0 01 5:0 5:0 4:14 3:1 3:0 3:2 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:0 3:2 0 2:0", "", false},
	// Block type 3, LEN and NLEN that disagree, symbols that stand for nothing.
	{"block type 3", "0 11 000", "", false},
	{"NLEN", "0 00 00000 16:1 16:65535 8:65 0 00", "", false},
	{"fixed symbol 286", "0 10 11000110 0000000 0 00", "", false},
	{"fixed distance 30", "0 10 10010001 0000001 11110 0000000 0 00", "", false},
	{"a distance beyond the beginning", "0 10 10010001 0000001 00001 0000000 0 00", "", false},
	{"code 284 with 31 is 258", "0 10 10010001 11000100 11111 00000 0000000 0 00", string(make258()), true},
	{"code 285 is 258", "0 10 10010001 11000101 00000 0000000 0 00", string(make258()), true},
}

// make258 is 'a' and 258 more of it.
func make258() []byte {
	b := make([]byte, 259)
	for i := range b {
		b[i] = 'a'
	}
	return b
}
