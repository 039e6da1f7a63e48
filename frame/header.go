package frame

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

// A header is 2 to 14 bytes long (RFC 6455, section 5.2):
//
//	byte 0      FIN RSV1 RSV2 RSV3 | opcode, 4 bits
//	byte 1      MASK | length form, 7 bits
//	then        nothing, 2 or 8 bytes of length, in network byte order
//	then        nothing, or the 4 bytes of the masking key

// MaxHeaderLen is the length of the longest header in bytes: two bytes, a
// 64-bit length and a key.
const MaxHeaderLen = 2 + 8 + 4

// MaxControlPayload is the most that a control frame carries, in bytes
// (RFC 6455, section 5.5).
const MaxControlPayload = 125

const (
	bitFin  = 0x80
	bitRSV1 = 0x40
	bitRSV2 = 0x20
	bitRSV3 = 0x10
	bitMask = 0x80

	formMask = 0x7f // of the second byte; up to 125 it is the length itself
	form16   = 126  // the length stands in the next 2 bytes
	form64   = 127  // the length stands in the next 8 bytes
)

// ErrShort says that the header is not complete yet: come back with more bytes.
var ErrShort = errors.New("websocket: frame header is not complete")

// Header is the part of a frame before its payload. The zero Header is a
// continuation frame without payload that is not the last of its message.
type Header struct {
	Fin, RSV1, RSV2, RSV3 bool
	Opcode                Opcode
	Masked                bool
	Key                   [4]byte // zero unless Masked
	Length                int64   // of the payload in bytes, never negative
}

// HeaderLen returns the length of a header in bytes, 2 to 14, given the second
// byte of it.
func HeaderLen(b1 byte) int {
	n := 2
	switch b1 & formMask {
	case form16:
		n += 2
	case form64:
		n += 8
	}
	if b1&bitMask != 0 {
		n += 4
	}
	return n
}

// ParseHeader reads the header that b begins with; what is behind it in b is
// not looked at. The header takes HeaderLen(b[1]) bytes.
//
// It judges the layout alone, each rule as soon as the bytes it needs are
// there, in this order:
//
//  1. with two bytes: the opcode is known; a control frame is final, and then
//     carries at most 125 bytes
//  2. with the length: it is below 2^63, and in its shortest form
//  3. with the key: nothing more
//
// If bytes are missing for the next step, the error is ErrShort. A broken rule
// is an *Error with code 1002. The Header is zero with any error. Whether the
// RSV bits, the mask and the opcode are allowed here and now is not a question
// of layout: the caller judges them.
func ParseHeader(b []byte) (h Header, err error) {
	if len(b) < 2 {
		return Header{}, ErrShort
	}
	b0, b1 := b[0], b[1]
	op, form := Opcode(b0&0x0f), b1&formMask
	// 1. What two bytes tell, whatever length they announce.
	if !op.IsData() {
		if err := judgeOpcode(op, b0&bitFin != 0, form); err != nil {
			return Header{}, err
		}
	}
	// 2. The length.
	h.Length, b = int64(form), b[2:]
	if form > MaxControlPayload {
		if h.Length, b, err = parseLength(form, b); err != nil {
			return Header{}, err
		}
	}
	// 3. The key.
	if b1&bitMask != 0 {
		if len(b) < len(h.Key) {
			return Header{}, ErrShort
		}
		h.Masked, h.Key = true, [4]byte(b)
	}
	h.Fin, h.Opcode = b0&bitFin != 0, op
	h.RSV1, h.RSV2, h.RSV3 = b0&bitRSV1 != 0, b0&bitRSV2 != 0, b0&bitRSV3 != 0
	return h, nil
}

// judgeOpcode judges a frame that is not a data frame by its first two bytes.
func judgeOpcode(op Opcode, fin bool, form byte) error {
	switch {
	case !op.Known():
		// An unknown opcode fails the connection (RFC 6455, section 5.2).
		return broken(CloseProtocolError, "5.2", "reserved "+op.String())
	case !fin:
		// Control frames must not be fragmented (RFC 6455, section 5.5).
		return broken(CloseProtocolError, "5.5", op.String()+" frame is fragmented")
	case form > MaxControlPayload:
		// Control frames carry 125 bytes or less (RFC 6455, section 5.5). The longer
		// forms can say nothing legal: a short length in them is not minimal.
		return broken(CloseProtocolError, "5.5", op.String()+" frame announces more than "+strconv.Itoa(MaxControlPayload)+" bytes")
	default:
		return nil
	}
}

// parseLength reads a length in one of the two longer forms and returns it with
// the bytes behind it.
func parseLength(form byte, b []byte) (int64, []byte, error) {
	if form == form16 {
		if len(b) < 2 {
			return 0, nil, ErrShort
		}
		n := binary.BigEndian.Uint16(b)
		// The minimal number of bytes must be used (RFC 6455, section 5.2).
		if n < form16 {
			return 0, nil, broken(CloseProtocolError, "5.2", "payload length "+strconv.Itoa(int(n))+" is written in 16 bits")
		}
		return int64(n), b[2:], nil
	}
	if len(b) < 8 {
		return 0, nil, ErrShort
	}
	n := binary.BigEndian.Uint64(b)
	// The most significant bit must be 0 (RFC 6455, section 5.2). Compared as it
	// came: converted first, the number would be negative and seem small.
	if n > math.MaxInt64 {
		return 0, nil, broken(CloseProtocolError, "5.2", "payload length "+strconv.FormatUint(n, 10)+" has its highest bit set")
	}
	if n <= math.MaxUint16 {
		return 0, nil, broken(CloseProtocolError, "5.2", "payload length "+strconv.FormatUint(n, 10)+" is written in 64 bits")
	}
	return int64(n), b[8:], nil
}

// Append appends the encoding of h to b, the length in its shortest form, and
// returns the longer slice. It writes what it is told: whether the frame may
// be sent is for the caller to know. Length must not be negative; the key of a
// header that is not Masked is not written.
func (h Header) Append(b []byte) []byte {
	b0 := byte(h.Opcode & 0x0f)
	if h.Fin {
		b0 |= bitFin
	}
	if h.RSV1 {
		b0 |= bitRSV1
	}
	if h.RSV2 {
		b0 |= bitRSV2
	}
	if h.RSV3 {
		b0 |= bitRSV3
	}
	var b1 byte
	if h.Masked {
		b1 = bitMask
	}
	b = appendStart(b, b0, b1, h.Length)
	if h.Masked {
		b = append(b, h.Key[:]...)
	}
	return b
}

// appendStart appends the first two bytes of a header and the length.
func appendStart(b []byte, b0, b1 byte, length int64) []byte {
	// The minimal number of bytes must be used (RFC 6455, section 5.2).
	switch {
	case length < 0:
		panic("websocket: internal error: negative payload length")
	case length < form16:
		return append(b, b0, b1|byte(length))
	case length <= math.MaxUint16:
		return append(b, b0, b1|form16, byte(length>>8), byte(length))
	default:
		return binary.BigEndian.AppendUint64(append(b, b0, b1|form64), uint64(length))
	}
}

// Len returns how many bytes Append adds.
func (h Header) Len() int {
	n := 2
	switch {
	case h.Length > math.MaxUint16:
		n += 8
	case h.Length >= form16:
		n += 2
	}
	if h.Masked {
		n += 4
	}
	return n
}
