package conn

import (
	"bytes"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// The plain twin: a copy, then each byte XOR its byte of the key.
//
// Checklist: K2, K4
func TestAppendMaskedIsACopyMaskedByteByByte(t *testing.T) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 63, 125, 126, maskStep - 1, maskStep, maskStep + 1, 3*maskStep + 5} {
		for pos := range 4 {
			for _, before := range []int{0, 1, 3, 14} {
				p := text(n)
				b := make([]byte, before, before+n/2) // has to grow on the way
				got, next := appendMasked(b, p, key, pos)
				want := append(make([]byte, before), text(n)...)
				for i := range n {
					want[before+i] ^= key[(pos+i)%4]
				}
				if !bytes.Equal(got, want) || next != (pos+n)%4 {
					t.Errorf("%d bytes from %d behind %d: next %d, or other bytes", n, pos, before, next)
				}
				if !bytes.Equal(p, text(n)) {
					t.Errorf("%d bytes: the source has changed", n)
				}
			}
		}
	}
}

// A client's large message is masked in chunks; the key goes on from one to the
// next, whatever stands before the payload.
//
// Checklist: K2
func TestMaskGoesOnBetweenChunks(t *testing.T) {
	for before := range 5 {
		near, far := pipes(1 << 20)
		c := New(near, Setup{Role: Client}, quiet())
		small, _ := Prepare(Text, text(before))
		large, _ := Prepare(Binary, text(3*bigBuffer+1))
		if err := c.WritePrepared(t.Context(), small, large); err != nil {
			t.Fatal(err)
		}
		in := framesOf(far)
		for _, want := range []string{string(text(before)), string(text(3*bigBuffer + 1))} {
			if h, p, err := in.next(); string(p) != want || h.Opcode == frame.Continuation || err != nil {
				t.Errorf("behind %d bytes: frame %+v, %v; the payload differs: %v", before, h, err, string(p) != want)
			}
		}
		c.CloseNow()
	}
}
