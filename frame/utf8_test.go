package frame

import (
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// plainUTF8 is the plain twin of UTF8.Next at the start of a text.
func plainUTF8(p []byte) (bad int, complete bool) {
	for i := 0; i < len(p); {
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 {
			for ; i+n <= len(p); n++ {
				if utf8.FullRune(p[i : i+n]) { // it could not go on
					return i + n - 1, false
				}
			}
			return -1, false
		}
		i += n
	}
	return -1, true
}

// What a sequence of one to three bytes is, by listing the encoding of every
// code point there is: the whole of one, the beginning of one, or neither.
const (
	nothing = iota
	beginning
	whole
)

type encodings struct {
	one   [1 << 8]uint8
	two   [1 << 16]uint8
	three [1 << 24]uint8
	four  map[uint32]bool
}

var listEncodings = sync.OnceValue(func() *encodings {
	e := &encodings{four: make(map[uint32]bool, 0x100000)}
	for r := rune(0); r <= 0x10FFFF; r++ {
		if 0xD800 <= r && r <= 0xDFFF {
			continue // surrogates are no code points of UTF-8 (RFC 3629, section 3)
		}
		var b [4]byte
		n := utf8.EncodeRune(b[:], r)
		e.one[b[0]] = kind(n == 1)
		if n >= 2 {
			e.two[uint16(b[0])<<8|uint16(b[1])] = kind(n == 2)
		}
		if n >= 3 {
			e.three[uint32(b[0])<<16|uint32(b[1])<<8|uint32(b[2])] = kind(n == 3)
		}
		if n == 4 {
			e.four[uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3])] = true
		}
	}
	return e
})

func kind(isWhole bool) uint8 {
	if isWhole {
		return whole
	}
	return beginning
}

// judge is the model: the index of the first impossible byte of b or -1, and
// whether b is complete. It only looks sequences up.
func (e *encodings) judge(b ...byte) (bad int, complete bool) {
	var open uint32 // the bytes of the open sequence
	n := 0          // how many
	for i, c := range b {
		open, n = open<<8|uint32(c), n+1
		k := uint8(nothing)
		switch n {
		case 1:
			k = e.one[open]
		case 2:
			k = e.two[open]
		case 3:
			k = e.three[open]
		case 4:
			if e.four[open] {
				k = whole
			}
		}
		switch k {
		case nothing:
			return i, false
		case whole:
			open, n = 0, 0
		}
	}
	return -1, n == 0
}

// All 2^24 strings of three bytes, and every fourth byte behind those that are
// the beginning of a code point: against the list of all code points, and
// against unicode/utf8.
//
// Checklist: T1, T3
func TestUTF8ThreeByteStringsAll(t *testing.T) {
	e := listEncodings()
	for i := range 1 << 16 {
		// What is impossible within two bytes stays so, whatever comes third; the
		// third is tried all the same.
		p := []byte{byte(i >> 8), byte(i), 0, 0}
		firstBad, _ := e.judge(p[:2]...)
		for c := range 256 {
			p[2] = byte(c)
			bad, complete := firstBad, false
			if bad < 0 {
				bad, complete = e.judge(p[:3]...)
			}
			u, got := UTF8{}.Next(p[:3])
			if got != bad || bad < 0 && u.Complete() != complete {
				t.Fatalf("% x: got %d, complete %v, want %d, %v", p[:3], got, u.Complete(), bad, complete)
			}
			if valid := utf8.Valid(p[:3]); valid != (got < 0 && u.Complete()) {
				t.Fatalf("% x: got %d, complete %v, unicode/utf8 says %v", p[:3], got, u.Complete(), valid)
			}
			if got < 0 && e.three[i<<8|c] == beginning {
				checkFourth(t, e, p, u)
			}
		}
	}
}

// checkFourth tries every byte behind the three of p, after which the state is u.
func checkFourth(t *testing.T, e *encodings, p []byte, u UTF8) {
	for c := range 256 {
		p[3] = byte(c)
		bad, complete := e.judge(p...)
		v, got := u.Next(p[3:])
		if got >= 0 {
			got += 3
		}
		if got != bad || bad < 0 && v.Complete() != complete || utf8.Valid(p) != (bad < 0 && complete) {
			t.Fatalf("% x: got %d, complete %v, want %d, %v", p, got, v.Complete(), bad, complete)
		}
	}
}

// edges has a byte on either side of every limit in the grammar of RFC 3629,
// section 4.
var edges = []byte{
	0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
	0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
}

// All strings of four edges.
//
// Checklist: T3
func TestUTF8FourByteStringsOfEdges(t *testing.T) {
	e := listEncodings()
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				for _, d := range edges {
					bad, complete := e.judge(a, b, c, d)
					u, got := UTF8{}.Next([]byte{a, b, c, d})
					if got != bad || bad < 0 && u.Complete() != complete {
						t.Fatalf("% x: got %d, complete %v, want %d, %v", []byte{a, b, c, d}, got, u.Complete(), bad, complete)
					}
				}
			}
		}
	}
}

// utf8Vectors: the index of the first impossible byte, -1 for none, and
// whether the text may end there.
var utf8Vectors = []struct {
	text     string
	bad      int
	complete bool
}{
	{"", -1, true},
	{"Hello-µ@ßöäüàá-UTF-8!!", -1, true},
	{"κόσμε", -1, true},
	{"\x00", -1, true},             // NUL
	{"\ufeff", -1, true},           // byte order mark
	{"\ufffe\uffff", -1, true},     // noncharacters
	{"\U0001fffe", -1, true},       // another
	{"\U0010ffff", -1, true},       // the last code point
	{"\ufffd", -1, true},           // the replacement character, sent as itself
	{"\u0080", -1, true},           // the first of two bytes
	{"\u07ff", -1, true},           // the last
	{"\u0800", -1, true},           // the first of three
	{"\ud7ff\ue000", -1, true},     // around the surrogates
	{"\U00010000", -1, true},       // the first of four
	{"\xce", -1, false},            // open: one more
	{"\xe4\xbd", -1, false},        // open: one more of three
	{"\xf0", -1, false},            // open: three more
	{"\xf4\x8f\xbf", -1, false},    // open, just below the end
	{"\x80", 0, false},             // a tail without a head
	{"\xbf", 0, false},             //
	{"a\x80", 1, false},            //
	{"\xc0\x80", 0, false},         // overlong NUL
	{"\xc1\xbf", 0, false},         // overlong DEL
	{"\xe0\x80\x80", 1, false},     // overlong
	{"\xe0\x9f\xbf", 1, false},     //
	{"\xf0\x80\x80\x80", 1, false}, //
	{"\xf0\x8f\xbf\xbf", 1, false}, //
	{"\xed\xa0\x80", 1, false},     // surrogate D800
	{"\xed\xbf\xbf", 1, false},     // surrogate DFFF
	{"\xf4\x90\x80\x80", 1, false}, // U+110000
	{"\xf5\x80\x80\x80", 0, false}, // above
	{"\xfe", 0, false},             // never in UTF-8
	{"\xff", 0, false},             //
	{"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", 12, false},
	{"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited", 12, false},
	{"\xc3(", 1, false},            // a head without its tail
	{"\xe2\x82(", 2, false},        //
	{"\xf0\x90\x8d(", 3, false},    //
	{"\xf0\x90\x8d\xc3", 3, false}, // another head instead
}

// Every vector, alone and behind texts that bring it to every place of a word
// and a block, split at every byte into two, and into single bytes.
//
// Checklist: T1, T2, T3, T4
func TestUTF8Vectors(t *testing.T) {
	paths(t, testUTF8Vectors)
}

func testUTF8Vectors(t *testing.T) {
	for _, before := range []string{"", strings.Repeat("a", 2*block), strings.Repeat("世", block)} {
		for _, tt := range utf8Vectors {
			step := max(1, len("世")*strings.Count(before, "世")/block)
			for from := 0; from <= len(before); from += step {
				text := before[from:] + tt.text
				bad := tt.bad
				if bad >= 0 {
					bad += len(before) - from
				}
				if gotBad, complete := plainUTF8([]byte(text)); gotBad != bad || complete != tt.complete {
					t.Fatalf("%q: the plain twin says %d, %v, want %d, %v", text, gotBad, complete, bad, tt.complete)
				}
				checkSplits(t, []byte(text), bad, tt.complete)
			}
		}
	}
}

// All strings of two bytes, with a tail, two or a head behind, and all strings of
// four edges, across the boundary of two vectors, inside of text.
//
// Checklist: T1, T3
func TestUTF8StringsInsideText(t *testing.T) {
	e := listEncodings()
	paths(t, func(t *testing.T) {
		for i := range 1 << 16 {
			for _, c := range []byte{0x80, 0xBF, 0xC2} {
				checkInside(t, e, trusted+63, byte(i>>8), byte(i), c)
			}
			// Behind two tails, only the first byte or the second is wrong.
			checkInside(t, e, trusted+62, byte(i>>8), byte(i), 0x80, 0xBF)
		}
		for i := range len(edges) * len(edges) * len(edges) * len(edges) {
			n := len(edges)
			for _, at := range []int{trusted + 61, trusted + 63} {
				checkInside(t, e, at, edges[i%n], edges[i/n%n], edges[i/n/n%n], edges[i/n/n/n])
			}
		}
	})
}

var inside = []byte(strings.Repeat("a", asciiMax+100))

// checkInside puts b at a place in ASCII, too much of it for the scan for ASCII.
func checkInside(t *testing.T, e *encodings, at int, b ...byte) {
	bad, complete := e.judge(b...)
	if bad < 0 && !complete {
		bad = len(b) // the "a" behind
	}
	if bad >= 0 {
		bad += at
	}
	copy(inside[at:], b)
	u, got := UTF8{}.Next(inside[:asciiMax])
	copy(inside[at:], "aaaa")
	if got != bad || !u.Complete() {
		t.Fatalf("% x at %d: got %d, complete %v, want %d", b, at, got, u.Complete(), bad)
	}
}

// Every vector at every place of texts up to 300 bytes, in text of every width
// before it and behind it.
//
// Checklist: T1, T3
func TestUTF8VectorsAtEveryPlace(t *testing.T) {
	paths(t, func(t *testing.T) {
		for _, unit := range []string{"a", "é", "世", "🙂", "aé世🙂"} {
			for at := range 301 {
				before := "aaaaaaaaaa"[:at%len(unit)] + strings.Repeat(unit, at/len(unit))
				behind := strings.Repeat(unit, (300-at)/len(unit)+1)
				for _, tt := range utf8Vectors {
					checkPlace(t, before, tt.text, "", tt.bad, tt.complete)
					if tt.bad < 0 && !tt.complete { // what is behind is impossible
						checkPlace(t, before, tt.text, behind, len(tt.text), false)
					} else {
						checkPlace(t, before, tt.text, behind, tt.bad, tt.complete)
					}
				}
			}
		}
	})
}

// checkPlace checks before+b+behind; bad and complete are those of b.
func checkPlace(t *testing.T, before, b, behind string, bad int, complete bool) {
	text := append(append([]byte(before), b...), behind...)
	if bad >= 0 {
		bad += len(before)
	}
	u, got := UTF8{}.Next(text)
	if got != bad || bad < 0 && u.Complete() != complete {
		t.Fatalf("%q + %q + %q: got %d, complete %v, want %d, %v", before, b, behind, got, u.Complete(), bad, complete)
	}
}

func checkSplits(t *testing.T, text []byte, bad int, complete bool) {
	t.Helper()
	for cut := range len(text) + 1 {
		u, got := readPieces(text[:cut], text[cut:])
		if got != bad || bad < 0 && u.Complete() != complete {
			t.Fatalf("%q cut at %d: got %d, complete %v, want %d, %v", text, cut, got, u.Complete(), bad, complete)
		}
	}
	single := make([][]byte, len(text))
	for i := range text {
		single[i] = text[i : i+1]
	}
	if u, got := readPieces(single...); got != bad || bad < 0 && u.Complete() != complete {
		t.Fatalf("%q byte by byte: got %d, complete %v, want %d, %v", text, got, u.Complete(), bad, complete)
	}
}

// readPieces returns the last state and the index in the whole text.
func readPieces(pieces ...[]byte) (u UTF8, bad int) {
	read := 0
	for _, p := range pieces {
		next, bad := u.Next(p)
		if bad >= 0 {
			if next != u {
				panic("the state changed with an error")
			}
			return u, read + bad
		}
		u, read = next, read+len(p)
	}
	return u, -1
}

func TestUTF8StateIsUnchangedByAnError(t *testing.T) {
	open, bad := UTF8{}.Next([]byte("\xe4\xbd"))
	if bad >= 0 {
		t.Fatal(bad)
	}
	if got, bad := open.Next([]byte("\xa0\xff")); got != open || bad != 1 {
		t.Errorf("got %v, %d, want %v, 1", got, bad, open)
	}
	if got, bad := open.Next(nil); got != open || bad != -1 || got.Complete() {
		t.Errorf("nothing read: got %v, %d, want %v, -1", got, bad, open)
	}
	if got, bad := open.Next([]byte("\xa0")); bad != -1 || !got.Complete() {
		t.Errorf("the last byte: got %v, %d", got, bad)
	}
}

func TestUTF8AllocatesNothing(t *testing.T) {
	p := []byte(strings.Repeat("κόσμε and the rest of it ", 40))
	if n := testing.AllocsPerRun(100, func() {
		if u, bad := (UTF8{}).Next(p); bad >= 0 || !u.Complete() {
			t.Fatal(bad)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// Text in any two cuts gets the verdict of unicode/utf8, at the same byte.
func FuzzUTF8(f *testing.F) {
	for _, tt := range utf8Vectors {
		f.Add([]byte(tt.text), uint16(1), uint16(2))
	}
	for _, tt := range utf8Texts {
		f.Add([]byte(strings.Repeat(tt.text, 3)), uint16(70), uint16(130))
	}
	f.Fuzz(func(t *testing.T, p []byte, a, b uint16) {
		bad, complete := plainUTF8(p)
		if (bad < 0 && complete) != utf8.Valid(p) {
			t.Fatalf("the plain twin says %d, %v", bad, complete)
		}
		first := min(int(a), len(p))
		second := min(first+int(b), len(p))
		u, got := readPieces(p[:first], p[first:second], p[second:])
		if got != bad || bad < 0 && u.Complete() != complete {
			t.Fatalf("got %d, complete %v, want %d, %v; cut at %d, %d", got, u.Complete(), bad, complete, first, second)
		}
	})
}

// A few bytes inside of text get the verdict of unicode/utf8, at the same byte:
// wherever they are, and however long the text is.
func FuzzUTF8Inside(f *testing.F) {
	for i, tt := range utf8Vectors {
		f.Add([]byte(tt.text), uint8(i), uint16(7*i), uint16(i*i))
	}
	f.Fuzz(func(t *testing.T, b []byte, kind uint8, before, behind uint16) {
		unit := utf8Texts[int(kind)%len(utf8Texts)].text
		text := strings.Repeat(unit, 700/len(unit)+1)
		p := []byte(text[:before%700] + string(b) + text[:behind%300])
		bad, complete := plainUTF8(p)
		if (bad < 0 && complete) != utf8.Valid(p) {
			t.Fatalf("the plain twin says %d, %v", bad, complete)
		}
		if u, got := (UTF8{}).Next(p); got != bad || bad < 0 && u.Complete() != complete {
			t.Fatalf("%q: got %d, complete %v, want %d, %v", p, got, u.Complete(), bad, complete)
		}
	})
}

var utf8Texts = []struct{ name, text string }{
	{"ascii", "A frame may end inside of a code point, a text not. "},
	{"latin", "Où est le café près de l'hôtel ? Là-bas, à côté du théâtre. "},
	{"cyrillic", "Сообщение может прийти по частям, в любом порядке сетевых пакетов. "},
	{"cjk", "信息可以分成几段发送。メッセージは分割して送ることができます。"},
	{"emoji", "🙂🚀🌊🔌🎉🧵✅🐟"},
}

// unicode/utf8 stands beside it for comparison.
func BenchmarkUTF8(b *testing.B) {
	for _, tt := range utf8Texts {
		for _, size := range []struct {
			name  string
			bytes int
		}{{"64B", 64}, {"1KiB", 1 << 10}, {"16KiB", 16 << 10}, {"64KiB", 64 << 10}} {
			p := []byte(strings.Repeat(tt.text, size.bytes/len(tt.text)+1))[:size.bytes]
			for !utf8.Valid(p) {
				p = p[:len(p)-1]
			}
			b.Run(tt.name+"/"+size.name+"/ours", func(b *testing.B) {
				b.SetBytes(int64(len(p)))
				for b.Loop() {
					if _, bad := (UTF8{}).Next(p); bad >= 0 {
						b.Fatal(bad)
					}
				}
			})
			b.Run(tt.name+"/"+size.name+"/std", func(b *testing.B) {
				b.SetBytes(int64(len(p)))
				for b.Loop() {
					if !utf8.Valid(p) {
						b.Fatal("not valid")
					}
				}
			})
		}
	}
}
