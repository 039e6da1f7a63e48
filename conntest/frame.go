package conntest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
)

// Frame is one frame as a [Peer] sends and sees it. Length, Masked and Key of the
// header are filled in when it is sent, and Key is zero when it was received.
type Frame struct {
	Header  frame.Header
	Payload []byte // unmasked
}

func final(op frame.Opcode, p []byte) Frame {
	return Frame{Header: frame.Header{Fin: true, Opcode: op}, Payload: p}
}

// TextFrame is a text message in one frame; s need not be UTF-8.
func TextFrame(s string) Frame { return final(frame.Text, []byte(s)) }

// BinaryFrame is a binary message in one frame.
func BinaryFrame(p []byte) Frame { return final(frame.Binary, p) }

// LastFrame is the last fragment of a message (RFC 6455, section 5.4).
func LastFrame(p []byte) Frame { return final(frame.Continuation, p) }

// PingFrame is a Ping; more than 125 bytes of payload break the rules.
func PingFrame(p []byte) Frame { return final(frame.Ping, p) }

// PongFrame is a Pong; more than 125 bytes of payload break the rules.
func PongFrame(p []byte) Frame { return final(frame.Pong, p) }

// CloseFrame is a Close with any code and reason, allowed or not; 1005 without a
// reason is the empty one.
func CloseFrame(code conn.CloseCode, reason string) Frame {
	if code == conn.CloseNoStatus && reason == "" {
		return final(frame.Close, nil)
	}
	return final(frame.Close, append([]byte{byte(code >> 8), byte(code)}, reason...))
}

// More returns f without FIN: fragments of its message follow.
func (f Frame) More() Frame {
	f.Header.Fin = false
	return f
}

// Append appends f as a peer of the given role sends it: with its true length, and
// masked if the role is the client's (RFC 6455, section 5.3).
func (f Frame) Append(b []byte, role conn.Role) []byte {
	h := f.Header
	h.Length, h.Masked, h.Key = int64(len(f.Payload)), role == conn.Client, [4]byte{}
	if h.Masked {
		h.Key = [4]byte{0x37, 0xfa, 0x21, 0x3d} // that of RFC 6455, section 5.7
	}
	b = append(h.Append(b), f.Payload...)
	frame.Mask(b[len(b)-len(f.Payload):], h.Key, 0)
	return b
}

// equal compares what a program can tell apart.
func (f Frame) equal(g Frame) bool {
	h, k := f.Header, g.Header
	return h.Fin == k.Fin && h.RSV1 == k.RSV1 && h.RSV2 == k.RSV2 && h.RSV3 == k.RSV3 &&
		h.Opcode == k.Opcode && bytes.Equal(f.Payload, g.Payload)
}

// shown is how much of a payload a failure shows.
const shown = 64

// String is like: text "Hello", text without FIN "Hel", close 1000 (normal
// closure) "bye". Of a long payload it shows the first 64 bytes.
func (f Frame) String() string {
	var b strings.Builder
	h, p := f.Header, f.Payload
	b.WriteString(h.Opcode.String())
	for _, bit := range []struct {
		set  bool
		text string
	}{{!h.Fin, " without FIN"}, {h.RSV1, " with RSV1"}, {h.RSV2, " with RSV2"}, {h.RSV3, " with RSV3"}} {
		if bit.set {
			b.WriteString(bit.text)
		}
	}
	if h.Opcode == frame.Close && len(p) >= 2 {
		fmt.Fprintf(&b, " %v", frame.CloseCode(p[0])<<8|frame.CloseCode(p[1]))
		p = p[2:]
	}
	fmt.Fprintf(&b, " %q", p[:min(len(p), shown)])
	if len(p) > shown {
		fmt.Fprintf(&b, "... (%d bytes)", len(p))
	}
	return b.String()
}
