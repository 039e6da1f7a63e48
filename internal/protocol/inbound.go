package protocol

import (
	"fmt"
	"math"

	"github.com/tidewire/websocket/frame"
)

// Inbound judges the frames of the peer, in the order in which they arrive:
//
//	Header  Payload*  End     Header  Payload*  End     ...
//
// Between Header and End a frame is open (InFrame). Between the Header of a
// message's first frame and the End of its final one a message is open
// (InMessage); control frames may pass between its frames (RFC 6455, section 5.4).
type Inbound struct {
	role         Role
	rsv1         bool  // an extension gave RSV1 a meaning on first data frames
	maxFragments int32 // of one message; 0: no limit

	fin       bool         // the open frame is final
	inFrame   bool         // Header passed, End has not
	control   bool         // the open frame is a control frame
	op        frame.Opcode // of the open frame
	message   frame.Opcode // Text or Binary while a message is open, else 0
	packed    bool         // the open message came with RSV1
	key       [4]byte      // masking key of the open frame
	keyPos    uint8        // position in key of the next payload byte
	text      frame.UTF8   // what the bytes of an open text message, inflated, ended with
	fragments int32        // frames of the open message so far
	left      int64        // payload bytes of the open frame still to pass
}

// NewInbound returns the machine for our role. rsv1 says that an agreed
// extension marks compressed messages by RSV1; text of such a message is judged
// after inflating, not here (RFC 7692, section 6). maxFragments bounds the frames
// of one message, empty ones too; 0 or less means no bound, and 2^31-1 is the
// greatest there is.
func NewInbound(role Role, rsv1 bool, maxFragments int) Inbound {
	bound := min(max(maxFragments, 0), math.MaxInt32)
	return Inbound{role: role, rsv1: rsv1, maxFragments: int32(bound)}
}

// InFrame reports whether a header has passed whose frame has not ended.
func (in *Inbound) InFrame() bool { return in.inFrame }

// InControl reports whether the open frame is a control frame.
func (in *Inbound) InControl() bool { return in.control }

// InMessage reports whether a message has begun and not ended.
func (in *Inbound) InMessage() bool { return in.message != 0 }

// Final reports whether the open frame has FIN: no frame of its message follows.
func (in *Inbound) Final() bool { return in.fin }

// Opcode is that of the open frame.
func (in *Inbound) Opcode() frame.Opcode { return in.op }

// Message is the opcode of the open message's first frame, 0 between messages.
func (in *Inbound) Message() frame.Opcode { return in.message }

// Compressed reports whether the open message came with RSV1: false between
// messages, so ask before End.
func (in *Inbound) Compressed() bool { return in.packed }

// Left is how many payload bytes of the open frame have not passed yet.
func (in *Inbound) Left() int64 { return in.left }

// Header judges the next frame by its header alone, so that a bad frame is
// known before its payload is waited for. h comes from [frame.ParseHeader], which
// has judged what needs no state. The *frame.Error names the rule.
func (in *Inbound) Header(h frame.Header) error {
	if in.inFrame {
		panic("websocket: internal error: a header inside a frame")
	}
	if err := in.judgeMask(h); err != nil {
		return err
	}
	if err := in.judgeReserved(h); err != nil {
		return err
	}
	if h.Opcode.IsControl() {
		in.open(h)
		return nil
	}
	return in.data(h)
}

// A server takes only masked frames, a client only bare ones
// (RFC 6455, section 5.1).
func (in *Inbound) judgeMask(h frame.Header) error {
	switch {
	case in.role == Server && !h.Masked:
		return broken("5.1", "%v frame from a client is not masked", h.Opcode)
	case in.role == Client && h.Masked:
		return broken("5.1", "%v frame from a server is masked", h.Opcode)
	}
	return nil
}

// RSV1 to RSV3 are zero unless an extension gave them a meaning
// (RFC 6455, section 5.2). Ours gives one to RSV1 on the first frame of a
// message and nowhere else (RFC 7692, section 6).
func (in *Inbound) judgeReserved(h frame.Header) error {
	first := h.Opcode == frame.Text || h.Opcode == frame.Binary
	switch {
	case h.RSV2 || h.RSV3:
		return broken("5.2", "%v frame has a reserved bit set", h.Opcode)
	case h.RSV1 && !in.rsv1:
		return broken("5.2", "%v frame has RSV1 set and no extension uses it", h.Opcode)
	case h.RSV1 && !first:
		return broken("5.2", "%v frame has RSV1 set, which only a message's first frame may", h.Opcode)
	}
	return nil
}

// data opens a frame of a message (RFC 6455, section 5.4).
func (in *Inbound) data(h frame.Header) error {
	begins := h.Opcode != frame.Continuation
	switch {
	case begins && in.message != 0:
		return broken("5.4", "%v frame inside an unfinished %v message", h.Opcode, in.message)
	case !begins && in.message == 0:
		return broken("5.4", "continuation frame without a message to continue")
	case !begins && in.maxFragments > 0 && in.fragments >= in.maxFragments:
		return &frame.Error{Code: frame.CloseTooBig, Section: "10.4",
			Msg: fmt.Sprintf("message has more than %d fragments", in.maxFragments)}
	}
	if begins {
		in.message, in.packed, in.fragments, in.text = h.Opcode, h.RSV1, 0, frame.UTF8{}
	}
	in.fragments++
	in.open(h)
	return nil
}

func (in *Inbound) open(h frame.Header) {
	in.inFrame, in.control = true, h.Opcode.IsControl()
	in.op, in.fin, in.left = h.Opcode, h.Fin, h.Length
	in.key, in.keyPos = h.Key, 0
}

// Payload passes the next bytes of the open frame, at most Left: it unmasks
// them in place (RFC 6455, section 5.3) and, in a text message, fails on the
// first byte that no valid UTF-8 can have there (RFC 6455, section 8.1). After
// an error the bytes are unmasked and the machine is where it was.
//
// These are two passes. In steps of 8 KiB, which lie in the first-level cache between
// them, they took as long at 64 KiB and at 1 MiB, so there is no kernel that does both.
func (in *Inbound) Payload(p []byte) error {
	if int64(len(p)) > in.left {
		panic("websocket: internal error: more payload than the frame has")
	}
	pos := int(in.keyPos)
	if in.role == Server {
		pos = frame.Mask(p, in.key, pos)
	}
	if in.message == frame.Text && !in.control && !in.packed {
		next, bad := in.text.Next(p)
		if bad >= 0 {
			return badText()
		}
		in.text = next
	}
	in.keyPos = uint8(pos)
	in.left -= int64(len(p))
	return nil
}

// Inflated passes the next bytes that the open message holds once its payload is
// inflated: in a text message it fails as Payload does. All of them come before the
// End of the final frame.
func (in *Inbound) Inflated(p []byte) error {
	if !in.packed {
		panic("websocket: internal error: inflated bytes of a plain message")
	}
	if in.message != frame.Text {
		return nil
	}
	next, bad := in.text.Next(p)
	if bad >= 0 {
		return badText()
	}
	in.text = next
	return nil
}

// Drop says that nobody gets the open message, so that its text is not judged any
// more where that takes inflating.
func (in *Inbound) Drop() {
	if in.packed {
		in.text = frame.UTF8{}
	}
}

// End closes the open frame, of which no byte may be left. It reports whether
// that ended a message. A text message must not end inside a code point.
func (in *Inbound) End() (message bool, err error) {
	if !in.inFrame || in.left != 0 {
		panic("websocket: internal error: end of a frame that is not at its end")
	}
	if in.control || !in.fin {
		in.inFrame, in.control = false, false
		return false, nil
	}
	// Whole messages are judged, not fragments: a frame may end inside a code
	// point, the message may not (RFC 6455, sections 5.6 and 8.1).
	if in.message == frame.Text && !in.text.Complete() {
		return false, badText()
	}
	in.inFrame, in.message, in.packed = false, 0, false
	return true, nil
}

// Whole is Header, Payload and End at once, for the usual frame, as frame.Whole finds
// it: a message by itself, not compressed; op says of which type, and p is its payload,
// masked with key or not. It reports false, and has changed nothing, if the frame breaks
// a rule: the three find out which.
func (in *Inbound) Whole(op frame.Opcode, masked bool, key [4]byte, p []byte) bool {
	if in.inFrame || in.message != 0 || masked != (in.role == Server) {
		return false
	}
	if masked {
		frame.Mask(p, key, 0)
	}
	if op != frame.Text {
		return true
	}
	end, bad := frame.UTF8{}.Next(p)
	if bad < 0 && end.Complete() {
		return true
	}
	if masked {
		frame.Mask(p, key, 0) // which undoes the first time
	}
	return false
}

func badText() error {
	return &frame.Error{Code: frame.CloseInvalidPayload, Section: "8.1", Msg: "text message is not valid UTF-8"}
}

func broken(section, format string, args ...any) error {
	return &frame.Error{Code: frame.CloseProtocolError, Section: section, Msg: fmt.Sprintf(format, args...)}
}
