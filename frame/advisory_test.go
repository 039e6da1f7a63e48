package frame

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// huge are the lengths that are negative, or small, when taken for signed.
var huge = []uint64{1 << 63, 1<<63 + 1, 1<<63 + 2, 1<<64 - 2, 1<<64 - 1}

func headerWithLength(op Opcode, masked bool, n uint64) []byte {
	b := []byte{0x80 | byte(op), 127}
	if masked {
		b[1] |= 0x80
	}
	b = binary.BigEndian.AppendUint64(b, n)
	if masked {
		b = append(b, testKey[:]...)
	}
	return b
}

// Known attacks on the arithmetic of frame headers, by the number of the public
// advisory, as far as one header shows them.
func TestAdvisory(t *testing.T) {
	// The range of a 64-bit length is checked, as a server...
	t.Run("CVE-2026-27889", func(t *testing.T) {
		for _, n := range huge {
			in := headerWithLength(Binary, true, n)
			_, err := ParseHeader(in)
			wantError(t, in, err, CloseProtocolError, "5.2")
		}
	})
	// ...and as a client.
	t.Run("CVE-2026-1528", func(t *testing.T) {
		for _, n := range huge {
			in := headerWithLength(Text, false, n)
			_, err := ParseHeader(in)
			wantError(t, in, err, CloseProtocolError, "5.2")
		}
	})
	// The same in control frames, which have no such lengths at all.
	t.Run("CVE-2017-2921", func(t *testing.T) {
		for _, op := range []Opcode{Close, Ping, Pong} {
			for _, n := range append(huge, 0, 125, math.MaxInt64) {
				in := headerWithLength(op, true, n)
				_, err := ParseHeader(in)
				wantError(t, in, err, CloseProtocolError, "5.5")
			}
		}
	})
	// A reader that takes byte after byte comes to an end at the tenth.
	t.Run("CVE-2020-13935", func(t *testing.T) {
		for _, n := range huge {
			in := headerWithLength(Binary, true, n)
			read := 0
			for {
				read++
				_, err := ParseHeader(in[:read])
				if errors.Is(err, ErrShort) {
					continue
				}
				wantError(t, in, err, CloseProtocolError, "5.2")
				break
			}
			if read != 10 {
				t.Errorf("refused after %d bytes, want 10; input % x", read, in)
			}
		}
	})
	// The greatest legal length stays a positive number, on 32 bits as well, so
	// that what is left of a message can be compared with it.
	t.Run("CVE-2020-27813", func(t *testing.T) {
		h, err := ParseHeader(headerWithLength(Continuation, true, math.MaxInt64))
		if err != nil || h.Length != math.MaxInt64 || uint64(h.Length) != 1<<63-1 {
			t.Errorf("got %d, %v, want 2^63-1", h.Length, err)
		}
	})
	// A length that was announced is not a reason to allocate.
	t.Run("CVE-2022-35922", func(t *testing.T) {
		in := headerWithLength(Binary, true, 1<<40)
		if n := testing.AllocsPerRun(100, func() {
			if h, err := ParseHeader(in); err != nil || h.Length != 1<<40 {
				t.Fatal(h, err)
			}
		}); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
	})
	// Nothing behind the bytes that came is read, though the memory is there.
	t.Run("CVE-2026-0716", func(t *testing.T) {
		in := headerWithLength(Binary, true, 1<<40)
		for n := range in {
			if h, err := ParseHeader(in[:n]); err != ErrShort {
				t.Errorf("first %d bytes: got %+v, %v, want ErrShort", n, h, err)
			}
		}
	})
}
