package conntest

import (
	"bytes"
	"testing"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
)

func TestFramesAreThoseOfTheRFC(t *testing.T) {
	for _, tt := range []struct {
		role conn.Role
		f    Frame
		want []byte
	}{
		// The examples of RFC 6455, section 5.7.
		{conn.Server, TextFrame("Hello"), []byte{0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}},
		{conn.Client, TextFrame("Hello"), []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}},
		{conn.Server, TextFrame("Hel").More(), []byte{0x01, 0x03, 'H', 'e', 'l'}},
		{conn.Server, LastFrame([]byte("lo")), []byte{0x80, 0x02, 'l', 'o'}},
		{conn.Server, PingFrame([]byte("Hello")), []byte{0x89, 0x05, 'H', 'e', 'l', 'l', 'o'}},
		{conn.Client, PongFrame([]byte("Hello")), []byte{0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}},
		{conn.Server, BinaryFrame(make([]byte, 256)), append([]byte{0x82, 0x7E, 0x01, 0x00}, make([]byte, 256)...)},
		{conn.Server, BinaryFrame(make([]byte, 65536)), append([]byte{0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, 65536)...)},

		{conn.Server, CloseFrame(1000, "bye"), []byte{0x88, 0x05, 0x03, 0xe8, 'b', 'y', 'e'}},
		{conn.Server, CloseFrame(1005, ""), []byte{0x88, 0x00}},
		{conn.Server, CloseFrame(1005, "x"), []byte{0x88, 0x03, 0x03, 0xed, 'x'}}, // not allowed, and sent
		{conn.Server, Frame{Header: frame.Header{RSV1: true, RSV3: true, Opcode: 11}, Payload: []byte("?")}, []byte{0x5b, 0x01, '?'}},
	} {
		if got := tt.f.Append([]byte("before"), tt.role); !bytes.Equal(got, append([]byte("before"), tt.want...)) {
			t.Errorf("%v from a %v: got % x, want % x", tt.f, tt.role, got[len("before"):], tt.want)
		}
	}
}

func TestFrameString(t *testing.T) {
	all := frame.Header{RSV1: true, RSV2: true, RSV3: true, Opcode: frame.Continuation}
	for _, tt := range []struct {
		f    Frame
		want string
	}{
		{TextFrame("Hello"), `text "Hello"`},
		{TextFrame("\xff"), `text "\xff"`},
		{TextFrame("Hel").More(), `text without FIN "Hel"`},
		{CloseFrame(1000, "bye"), `close 1000 (normal closure) "bye"`},
		{CloseFrame(1005, ""), `close ""`},
		{Frame{Header: all}, `continuation without FIN with RSV1 with RSV2 with RSV3 ""`},
		{BinaryFrame(bytes.Repeat([]byte("ab"), 40)), `binary "` + string(bytes.Repeat([]byte("ab"), 32)) + `"... (80 bytes)`},
	} {
		if got := tt.f.String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
