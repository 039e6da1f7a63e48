package frame

import (
	"encoding/binary"
	"math"
)

// The usual frame is a text or binary message by itself, without RSV bits. For it
// there is a way without a Header, which takes a processor longer to put together and
// to copy than all the rest.

// Whole says where the payload of the message lies that b begins with: it is
// b[start:end], still masked if the frame is. It knows the usual frame that is in b to
// its end. For all others end is 0: for those of other kinds, for broken and for
// incomplete ones, which ParseHeader tells apart.
func Whole(b []byte) (start, end int) {
	if len(b) < 2 {
		return 0, 0
	}
	b0, b1 := b[0], b[1]
	if b0 != bitFin|byte(Text) && b0 != bitFin|byte(Binary) {
		return 0, 0
	}
	start, n := 2, uint64(b1&formMask)
	switch {
	case n <= MaxControlPayload:
	case len(b) < 10:
		return 0, 0 // a payload of 126 bytes is not there either
	case n == form16:
		if n = uint64(binary.BigEndian.Uint16(b[2:])); n < form16 {
			return 0, 0
		}
		start = 4
	default:
		if n = binary.BigEndian.Uint64(b[2:]); n <= math.MaxUint16 {
			return 0, 0
		}
		start = 10
	}
	if b1&bitMask != 0 {
		start += 4
	}
	if start > len(b) || n > uint64(len(b)-start) {
		return 0, 0
	}
	return start, start + int(n)
}

// WholeKey is the masking key of a frame whose payload starts at b[start], and whether
// it is masked. b is what Whole has looked at.
func WholeKey(b []byte, start int) (key [4]byte, masked bool) {
	if b[1]&bitMask == 0 {
		return key, false
	}
	return [4]byte(b[start-4:]), true
}

// AppendWhole appends the header of the usual frame without a mask.
func AppendWhole(b []byte, op Opcode, length int) []byte {
	return appendStart(b, bitFin|byte(op), 0, int64(length))
}
