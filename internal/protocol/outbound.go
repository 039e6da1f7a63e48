package protocol

import (
	"errors"

	"github.com/tidewire/websocket/frame"
)

// ErrCloseSent refuses every frame behind our Close (RFC 6455, section 5.5.1).
var ErrCloseSent = errors.New("websocket: our Close is sent, nothing may follow it (RFC 6455, section 5.5.1)")

// Outbound judges the frames that we are about to send and makes their headers.
// The zero value is a server's.
type Outbound struct {
	Role   Role
	inside bool // a message has begun and its final frame has not been asked for
	closed bool // our Close is sent
}

// InMessage reports whether a message of ours has begun and not ended.
func (out *Outbound) InMessage() bool { return out.inside }

// Closed reports whether our Close is sent.
func (out *Outbound) Closed() bool { return out.closed }

// Data asks to send the next frame of a message of type op, Text or Binary, and
// returns its header but for the masking key. The first frame carries the type,
// later ones are continuations, the last has FIN (RFC 6455, section 5.4).
func (out *Outbound) Data(op frame.Opcode, final bool, length int) (frame.Header, error) {
	if out.closed {
		return frame.Header{}, ErrCloseSent
	}
	if out.inside {
		op = frame.Continuation
	}
	out.inside = !final
	return frame.Header{Fin: final, Opcode: op, Masked: out.Role == Client, Length: int64(length)}, nil
}

// Control asks to send a control frame, which may pass between the frames of a
// message (RFC 6455, section 5.4). A Close is the last frame of all.
func (out *Outbound) Control(op frame.Opcode, length int) (frame.Header, error) {
	if out.closed {
		return frame.Header{}, ErrCloseSent
	}
	// The payload of a control frame is at most 125 bytes (RFC 6455, section 5.5).
	if length > frame.MaxControlPayload {
		return frame.Header{}, broken("5.5", "%v payload is %d bytes, limit %d", op, length, frame.MaxControlPayload)
	}
	out.closed = op == frame.Close
	return frame.Header{Fin: true, Opcode: op, Masked: out.Role == Client, Length: int64(length)}, nil
}
