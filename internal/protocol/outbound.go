package protocol

import (
	"errors"
	"fmt"

	"github.com/tidewire/websocket/frame"
)

// ErrCloseSent refuses every frame behind our Close (RFC 6455, section 5.5.1).
var ErrCloseSent = errors.New("websocket: our Close is sent, nothing may follow it (RFC 6455, section 5.5.1)")

// Outbound judges the frames that we are about to send and makes their headers.
// The zero value is a server's. What it refuses is a mistake of ours and not of
// the peer, so its errors are no *frame.Error.
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
	switch {
	case out.inside:
		op = frame.Continuation
	case op != frame.Text && op != frame.Binary:
		return frame.Header{}, fmt.Errorf("websocket: a message is text or binary, not %v (RFC 6455, section 5.6)", op)
	}
	out.inside = !final
	return frame.Header{Fin: final, Opcode: op, Masked: out.Role == Client, Length: int64(length)}, nil
}

// Whole asks to send a message of type op, Text or Binary, in one frame. It reports
// false if Data would refuse it or make another frame of it, and for a client, whose
// frames are masked.
func (out *Outbound) Whole(op frame.Opcode) bool {
	return !out.closed && !out.inside && out.Role == Server && (op == frame.Text || op == frame.Binary)
}

// Packed is Data for a message that is compressed: RSV1 marks its first frame and no
// other (RFC 7692, section 6).
func (out *Outbound) Packed(op frame.Opcode, final bool, length int) (frame.Header, error) {
	first := !out.inside
	h, err := out.Data(op, final, length)
	h.RSV1 = first && err == nil
	return h, err
}

// Control asks to send a control frame, which may pass between the frames of a
// message (RFC 6455, section 5.4). A Close is the last frame of all.
func (out *Outbound) Control(op frame.Opcode, length int) (frame.Header, error) {
	if out.closed {
		return frame.Header{}, ErrCloseSent
	}
	if err := judgeControl(op, length); err != nil {
		return frame.Header{}, err
	}
	out.closed = op == frame.Close
	return frame.Header{Fin: true, Opcode: op, Masked: out.Role == Client, Length: int64(length)}, nil
}

func judgeControl(op frame.Opcode, length int) error {
	switch {
	case !op.IsControl() || !op.Known():
		return fmt.Errorf("websocket: %v is not a control frame (RFC 6455, section 5.5)", op)
	case length > frame.MaxControlPayload:
		// The payload of a control frame is at most 125 bytes (RFC 6455, section 5.5).
		return fmt.Errorf("websocket: %v payload is %d bytes, limit %d (RFC 6455, section 5.5)", op, length, frame.MaxControlPayload)
	case op == frame.Close && length == 1:
		// A Close has no body, or a code of two bytes first (RFC 6455, section 5.5.1).
		return errors.New("websocket: close payload is 1 byte (RFC 6455, section 5.5.1)")
	}
	return nil
}
