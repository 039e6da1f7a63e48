package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

var testKey = [4]byte{0x37, 0xfa, 0x21, 0x3d} // of the examples in RFC 6455, section 5.7

// headerVectors are headers that are accepted, with their only encoding.
var headerVectors = []struct {
	name string
	wire []byte
	h    Header
}{
	// RFC 6455, section 5.7
	{"unmasked text Hello",
		[]byte{0x81, 0x05},
		Header{Fin: true, Opcode: Text, Length: 5}},
	{"masked text Hello",
		[]byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d},
		Header{Fin: true, Opcode: Text, Masked: true, Key: testKey, Length: 5}},
	{"first fragment Hel",
		[]byte{0x01, 0x03},
		Header{Opcode: Text, Length: 3}},
	{"last fragment lo",
		[]byte{0x80, 0x02},
		Header{Fin: true, Opcode: Continuation, Length: 2}},
	{"ping Hello",
		[]byte{0x89, 0x05},
		Header{Fin: true, Opcode: Ping, Length: 5}},
	{"masked pong Hello",
		[]byte{0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d},
		Header{Fin: true, Opcode: Pong, Masked: true, Key: testKey, Length: 5}},
	{"256 bytes of binary",
		[]byte{0x82, 0x7E, 0x01, 0x00},
		Header{Fin: true, Opcode: Binary, Length: 256}},
	{"64 KiB of binary",
		[]byte{0x82, 0x7F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00},
		Header{Fin: true, Opcode: Binary, Length: 65536}},
	// the limits of the three forms, in network byte order
	{"empty close",
		[]byte{0x88, 0x00},
		Header{Fin: true, Opcode: Close}},
	{"longest masked close",
		[]byte{0x88, 0xFD, 0x37, 0xfa, 0x21, 0x3d},
		Header{Fin: true, Opcode: Close, Masked: true, Key: testKey, Length: 125}},
	{"125 in 7 bits",
		[]byte{0x82, 125},
		Header{Fin: true, Opcode: Binary, Length: 125}},
	{"126 in 16 bits",
		[]byte{0x82, 126, 0x00, 0x7E},
		Header{Fin: true, Opcode: Binary, Length: 126}},
	{"258 in 16 bits",
		[]byte{0x82, 126, 0x01, 0x02},
		Header{Fin: true, Opcode: Binary, Length: 258}},
	{"65535 in 16 bits, masked",
		[]byte{0x82, 0x80 | 126, 0xFF, 0xFF, 0x37, 0xfa, 0x21, 0x3d},
		Header{Fin: true, Opcode: Binary, Masked: true, Key: testKey, Length: 65535}},
	{"eight different bytes of length",
		[]byte{0x02, 127, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08},
		Header{Opcode: Binary, Length: 0x0102030405060708}},
	{"2^63-1, all bits set",
		[]byte{0xF0, 0x80 | 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x37, 0xfa, 0x21, 0x3d},
		Header{Fin: true, RSV1: true, RSV2: true, RSV3: true, Opcode: Continuation, Masked: true, Key: testKey, Length: math.MaxInt64}},
	{"RSV1", []byte{0x41, 0x00}, Header{RSV1: true, Opcode: Text}},
	{"RSV2", []byte{0x21, 0x00}, Header{RSV2: true, Opcode: Text}},
	{"RSV3", []byte{0x11, 0x00}, Header{RSV3: true, Opcode: Text}},
}

// Checklist: F10, F13, F14
func TestHeaderVectors(t *testing.T) {
	for _, tt := range headerVectors {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.h.Append(nil); !bytes.Equal(got, tt.wire) {
				t.Errorf("Append: got % x, want % x", got, tt.wire)
			}
			if got := tt.h.Len(); got != len(tt.wire) {
				t.Errorf("Len: got %d, want %d", got, len(tt.wire))
			}
			if got := HeaderLen(tt.wire[1]); got != len(tt.wire) {
				t.Errorf("HeaderLen(%#x): got %d, want %d", tt.wire[1], got, len(tt.wire))
			}
			for n := range tt.wire { // cut at every length, with garbage behind the cut
				full := append(bytes.Clone(tt.wire[:n]), 0xFF, 0xFF, 0xFF)
				if h, err := ParseHeader(full[:n]); err != ErrShort || h != (Header{}) {
					t.Errorf("first %d bytes: got %+v, %v, want ErrShort", n, h, err)
				}
			}
			for _, behind := range []string{"", "\x00", "Hello, and the next frame"} {
				in := append(bytes.Clone(tt.wire), behind...)
				if h, err := ParseHeader(in); err != nil || h != tt.h {
					t.Errorf("with %q behind: got %+v, %v, want %+v", behind, h, err, tt.h)
				}
			}
		})
	}
}

// layout is the independent model of the first two bytes: the section of the
// broken rule, or "", and how many bytes of length and key follow.
func layout(b0, b1 byte) (section string, lengthBytes, keyBytes int) {
	fin, opcode := b0 >= 128, b0%16
	masked, form := b1 >= 128, b1%128
	if masked {
		keyBytes = 4
	}
	switch form {
	case 126:
		lengthBytes = 2
	case 127:
		lengthBytes = 8
	}
	switch opcode {
	case 0, 1, 2:
	case 8, 9, 10:
		if !fin || lengthBytes != 0 {
			section = "5.5"
		}
	default:
		section = "5.2"
	}
	return section, lengthBytes, keyBytes
}

// Every pair of first bytes, alone and with every kind of length behind it.
//
// Checklist: F6, F8, N1
func TestHeaderFirstTwoBytes(t *testing.T) {
	lengths := []uint64{0, 125, 126, 127, 65535, 65536, 1 << 62, math.MaxInt64, 1 << 63, math.MaxUint64}
	for i := range 1 << 16 {
		b0, b1 := byte(i>>8), byte(i)
		section, lengthBytes, keyBytes := layout(b0, b1)
		if got := HeaderLen(b1); got != 2+lengthBytes+keyBytes {
			t.Fatalf("HeaderLen(%#x) = %d, want %d", b1, got, 2+lengthBytes+keyBytes)
		}
		if section != "" {
			// The verdict needs no third byte, whatever length is announced.
			_, err := ParseHeader([]byte{b0, b1})
			wantError(t, i, err, CloseProtocolError, section)
			_, err = ParseHeader([]byte{b0, b1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5})
			wantError(t, i, err, CloseProtocolError, section)
			continue
		}
		for _, n := range lengths {
			checkLength(t, b0, b1, n)
			if lengthBytes == 0 {
				break
			}
		}
	}
}

// checkLength parses two good bytes with the length n in the form they announce.
func checkLength(t *testing.T, b0, b1 byte, n uint64) {
	t.Helper()
	_, lengthBytes, keyBytes := layout(b0, b1)
	b, short, top := []byte{b0, b1}, false, false
	switch lengthBytes {
	case 0:
		n = uint64(b1 % 128)
	case 2:
		n %= 1 << 16
		b = append(b, byte(n>>8), byte(n))
		short = n < 126
	case 8:
		for shift := 56; shift >= 0; shift -= 8 {
			b = append(b, byte(n>>shift))
		}
		short, top = n < 65536, n >= 1<<63
	}
	lengthEnd := len(b)
	want := Header{
		Fin: b0&128 != 0, RSV1: b0&64 != 0, RSV2: b0&32 != 0, RSV3: b0&16 != 0,
		Opcode: Opcode(b0 % 16), Masked: keyBytes != 0, Length: int64(n),
	}
	if want.Masked {
		want.Key = testKey
		b = append(b, testKey[:]...)
	}
	for cut := range len(b) + 1 {
		got, err := ParseHeader(b[:cut])
		switch {
		case cut >= lengthEnd && (short || top):
			// Judged as soon as the length is there; the key changes nothing.
			wantError(t, b[:cut], err, CloseProtocolError, "5.2")
		case cut < len(b):
			if err != ErrShort {
				t.Fatalf("got %v, want ErrShort; input % x", err, b[:cut])
			}
		case err != nil || got != want:
			t.Fatalf("got %+v, %v, want %+v; input % x", got, err, want, b)
		}
		if err != nil && got != (Header{}) {
			t.Fatalf("got %+v with the error %v, want a zero Header; input % x", got, err, b[:cut])
		}
	}
}

// Checklist: F6
func TestHeaderRejectsUnknownOpcodeBeforeItsLength(t *testing.T) {
	for _, op := range []byte{3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF} {
		for _, fin := range []byte{0x00, 0x80} {
			// a payload of up to 2^63-1 bytes is announced: nothing waits for it
			in := []byte{fin | op, 0x80 | 127}
			_, err := ParseHeader(in)
			wantError(t, in, err, CloseProtocolError, "5.2")
		}
	}
}

// Checklist: F7, F14
func TestHeaderLengthHasNoHighestBit(t *testing.T) {
	for _, n := range []uint64{1 << 63, 1<<63 + 1, 1<<63 + 2, 1<<63 + 125, 1<<63 + 1<<32, 1<<64 - 2, 1<<64 - 1} {
		for _, op := range []Opcode{Continuation, Text, Binary} {
			for _, b1 := range []byte{127, 0x80 | 127} {
				in := append([]byte{0x80 | byte(op), b1}, binary.BigEndian.AppendUint64(nil, n)...)
				in = append(in, testKey[:]...)
				_, err := ParseHeader(in)
				wantError(t, in, err, CloseProtocolError, "5.2")
			}
		}
	}
	in := []byte{0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	if h, err := ParseHeader(in); err != nil || h.Length != math.MaxInt64 {
		t.Errorf("2^63-1: got %d, %v, want it accepted", h.Length, err)
	}
}

// Checklist: F8
func TestHeaderRejectsLongerFormsOfALength(t *testing.T) {
	for n := range 65536 {
		for _, op := range []Opcode{Text, Binary, Continuation, Close, Ping, Pong} {
			section := "5.2"
			if op.IsControl() {
				section = "5.5" // of these, the longer forms are refused at sight
			}
			b0 := 0x80 | byte(op)
			if n < 126 {
				in := []byte{b0, 126, 0, byte(n)}
				_, err := ParseHeader(in)
				wantError(t, in, err, CloseProtocolError, section)
			}
			in := []byte{b0, 127, 0, 0, 0, 0, 0, 0, byte(n >> 8), byte(n)}
			_, err := ParseHeader(in)
			wantError(t, in, err, CloseProtocolError, section)
		}
	}
}

// Checklist: N1
func TestHeaderRejectsBadControlFrames(t *testing.T) {
	for _, tt := range []struct {
		in   []byte
		want string
	}{
		{[]byte{0x08, 0x00}, "websocket: close frame is fragmented (RFC 6455, section 5.5)"},
		{[]byte{0x09, 0x80}, "websocket: ping frame is fragmented (RFC 6455, section 5.5)"},
		{[]byte{0x0A, 0x05}, "websocket: pong frame is fragmented (RFC 6455, section 5.5)"},
		{[]byte{0x88, 126}, "websocket: close frame announces more than 125 bytes (RFC 6455, section 5.5)"},
		{[]byte{0x89, 126}, "websocket: ping frame announces more than 125 bytes (RFC 6455, section 5.5)"},
		{[]byte{0x8A, 0x80 | 127}, "websocket: pong frame announces more than 125 bytes (RFC 6455, section 5.5)"},
	} {
		_, err := ParseHeader(tt.in)
		wantError(t, tt.in, err, CloseProtocolError, "5.5")
		if err.Error() != tt.want {
			t.Errorf("got %q, want %q; input % x", err, tt.want, tt.in)
		}
	}
}

func TestHeaderErrorsSayWhatWasWrong(t *testing.T) {
	for _, tt := range []struct {
		in   []byte
		want string
	}{
		{[]byte{0x83, 0x00}, "websocket: reserved opcode 0x3 (RFC 6455, section 5.2)"},
		{[]byte{0x82, 126, 0x00, 0x7D}, "websocket: payload length 125 is written in 16 bits (RFC 6455, section 5.2)"},
		{[]byte{0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, "websocket: payload length 65535 is written in 64 bits (RFC 6455, section 5.2)"},
		{[]byte{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, "websocket: payload length 9223372036854775808 has its highest bit set (RFC 6455, section 5.2)"},
	} {
		if _, err := ParseHeader(tt.in); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %q; input % x", err, tt.want, tt.in)
		}
	}
}

// Checklist: F9
func TestHeaderAppendUsesTheShortestForm(t *testing.T) {
	lengths := []int64{1 << 31, 1<<31 - 1, 1 << 32, 1<<32 - 1, 1 << 62, math.MaxInt64}
	for n := range int64(70001) {
		lengths = append(lengths, n)
	}
	buf := make([]byte, 0, 2*MaxHeaderLen)
	for _, n := range lengths {
		want := 2
		if n >= 126 {
			want = 4
		}
		if n >= 65536 {
			want = 10
		}
		for _, h := range []Header{
			{Fin: true, Opcode: Binary, Length: n},
			{Opcode: Text, RSV1: true, Masked: true, Key: testKey, Length: n},
		} {
			if h.Masked {
				want += 4
			}
			b := h.Append(append(buf, "in front"...))
			b, front := b[8:], b[:8]
			if string(front) != "in front" || len(b) != want || h.Len() != want {
				t.Fatalf("length %d: got % x behind %q, Len %d, want %d bytes", n, b, front, h.Len(), want)
			}
			if got, err := ParseHeader(b); err != nil || got != h {
				t.Fatalf("length %d: read back as %+v, %v, want %+v", n, got, err, h)
			}
		}
	}
}

func TestHeaderAppendWritesOnlyWhatItMay(t *testing.T) {
	// The key of an unmasked header and opcode bits above the fourth stay out.
	h := Header{Opcode: 0xF2, Key: testKey, Length: 1}
	if got := h.Append(nil); !bytes.Equal(got, []byte{0x02, 0x01}) {
		t.Errorf("got % x, want 02 01", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a negative length was written")
		}
	}()
	Header{Opcode: Text, Length: -1}.Append(nil)
}

func TestHeaderAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, MaxHeaderLen)
	for _, tt := range headerVectors {
		if n := testing.AllocsPerRun(100, func() {
			h, err := ParseHeader(tt.wire)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseHeader(tt.wire[:1]); err != ErrShort {
				t.Fatal(err)
			}
			b = h.Append(b[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", tt.name, n)
		}
	}
}

// What is accepted has one encoding, the one that Append writes; what is not
// is refused for good once it is refused, whatever else comes.
func FuzzHeader(f *testing.F) {
	for _, tt := range headerVectors {
		f.Add(tt.wire)
	}
	f.Add([]byte{0x82, 126, 0x00, 0x7D})
	f.Add([]byte{0x89, 126})
	f.Add([]byte{0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err == nil {
			n := HeaderLen(b[1])
			if got := h.Append(nil); !bytes.Equal(got, b[:n]) || h.Len() != n || h.Length < 0 {
				t.Fatalf("%+v is written as % x, want % x", h, got, b[:n])
			}
		}
		refused := false
		for cut := range len(b) + 1 {
			got, cutErr := ParseHeader(b[:cut])
			var e *Error
			switch {
			case errors.As(cutErr, &e):
				refused = true
			case refused:
				t.Fatalf("first %d bytes: got %v after an error; input % x", cut, cutErr, b)
			case cutErr == nil && got != h:
				t.Fatalf("first %d bytes: got %+v, want %+v", cut, got, h)
			}
		}
	})
}

func BenchmarkParseHeader(b *testing.B) {
	for _, tt := range headerVectors[:8] {
		b.Run(tt.name, func(b *testing.B) {
			b.SetBytes(int64(len(tt.wire)))
			for b.Loop() {
				if _, err := ParseHeader(tt.wire); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHeaderAppend(b *testing.B) {
	buf := make([]byte, 0, MaxHeaderLen)
	for _, tt := range headerVectors[:8] {
		b.Run(tt.name, func(b *testing.B) {
			b.SetBytes(int64(len(tt.wire)))
			for b.Loop() {
				buf = tt.h.Append(buf[:0])
			}
		})
	}
}
