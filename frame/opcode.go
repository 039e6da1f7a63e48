package frame

import "strconv"

// Opcode says what a frame carries: four bits of its first byte (RFC 6455, section 5.2).
type Opcode uint8

// The opcodes of RFC 6455, section 11.8. 3 to 7 are kept for further data
// frames and 11 to 15 for further control frames; nobody may send them yet.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// IsControl reports whether op is a control opcode, known or reserved.
func (op Opcode) IsControl() bool {
	// Control frames have the most significant bit of the opcode set (RFC 6455, section 5.5).
	return op&0x8 != 0
}

// IsData reports whether op is one of Text, Binary and Continuation.
func (op Opcode) IsData() bool { return op <= Binary }

// Known reports whether RFC 6455 defines op.
func (op Opcode) Known() bool { return op <= Binary || Close <= op && op <= Pong }

// String returns the name of op in lower case, or its number if it has none.
func (op Opcode) String() string {
	switch op {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	default:
		return "opcode 0x" + strconv.FormatUint(uint64(op), 16)
	}
}
