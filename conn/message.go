package conn

import (
	"fmt"

	"github.com/tidewire/websocket/frame"
)

// MessageType says what a message holds (RFC 6455, section 5.6).
type MessageType uint8

const (
	Text   = MessageType(frame.Text)   // UTF-8
	Binary = MessageType(frame.Binary) // any bytes
)

// plain is the bit that Uncompressed sets.
const plain MessageType = 0x80

// Uncompressed returns the type marked so that a message sent with it is not
// compressed although the connection could: for secrets, and for what is
// compressed already (RFC 7692, section 8). A received type never has the mark.
func (t MessageType) Uncompressed() MessageType { return t | plain }

func (t MessageType) isPlain() bool { return t&plain != 0 }

// String returns "text" or "binary".
func (t MessageType) String() string {
	switch t &^ plain {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return fmt.Sprintf("message type %d", uint8(t))
}

func (t MessageType) opcode() (frame.Opcode, error) {
	switch t &^ plain {
	case Text:
		return frame.Text, nil
	case Binary:
		return frame.Binary, nil
	}
	return 0, badType(t)
}

//go:noinline
func badType(t MessageType) error {
	return fmt.Errorf("websocket: %v is neither text nor binary (RFC 6455, section 5.6)", t)
}

// Message is one message as [Conn.Messages] lends it: Data is valid until the
// next step of the loop.
type Message struct {
	Type MessageType
	Data []byte
}
