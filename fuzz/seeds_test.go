package fuzz

import (
	"strings"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/conntest"
	"github.com/tidewire/websocket/frame"
)

// conversations are what a peer says in the seeds, as legal and illegal frames.
var conversations = [][]conntest.Frame{
	// RFC 6455, section 5.7.
	{conntest.TextFrame("Hello"), conntest.CloseFrame(1000, "")},
	{conntest.TextFrame("Hel").More(), conntest.LastFrame([]byte("lo"))},
	{conntest.PingFrame([]byte("Hello")), conntest.PongFrame([]byte("Hello"))},
	{conntest.BinaryFrame(make([]byte, 256))},
	{conntest.BinaryFrame(make([]byte, 65536))},

	// Control frames between fragments, code points cut by frames, and the ends.
	{conntest.TextFrame("\xe2").More(), conntest.PingFrame([]byte("1")), conntest.LastFrame(nil).More(), conntest.LastFrame([]byte("\x82\xac")), conntest.CloseFrame(1005, "")},
	{conntest.TextFrame(""), conntest.BinaryFrame(nil).More(), conntest.LastFrame(nil), conntest.CloseFrame(4999, strings.Repeat("x", 123))},
	{conntest.TextFrame("\xf0\x9f").More(), conntest.LastFrame([]byte("\x8c"))},
	{conntest.TextFrame("good"), conntest.TextFrame("\xce\xba\xed\xa0\x80").More()},
	{conntest.PingFrame(nil), conntest.TextFrame("a").More(), conntest.TextFrame("b")},
	{conntest.LastFrame([]byte("of nothing"))},
	{conntest.CloseFrame(1006, "")},
	{conntest.CloseFrame(1000, "\xff")},
	{{Header: frame.Header{Fin: true, Opcode: frame.Close}, Payload: []byte{3}}},
	{conntest.CloseFrame(1001, "bye"), conntest.TextFrame("behind it")},
	{conntest.PingFrame(make([]byte, 126))},
	{conntest.PingFrame(nil).More()},
	{{Header: frame.Header{Fin: true, RSV1: true, Opcode: frame.Text}}}, // compressed, not negotiated
	{{Header: frame.Header{Fin: true, RSV2: true, Opcode: frame.Binary}}},
	{{Header: frame.Header{Fin: true, Opcode: 3}}},
	{{Header: frame.Header{Fin: true, Opcode: 11}}},
	repeat(conntest.LastFrame(nil).More(), 40, conntest.TextFrame("").More()),
	repeat(conntest.PingFrame([]byte("flood")), 40),
	append(repeat(conntest.PingFrame([]byte("flood")), 40), conntest.PingFrame([]byte("the last")), conntest.CloseFrame(1000, "bye")),
	repeat(conntest.PongFrame([]byte("unasked")), 40, conntest.BinaryFrame([]byte("x"))),
}

func repeat(f conntest.Frame, n int, before ...conntest.Frame) []conntest.Frame {
	for range n {
		before = append(before, f)
	}
	return before
}

// hostileHeaders claim lengths that broke others: beyond 63 bits, not in the
// shortest form, sums that wrap round, and what no machine has.
var hostileHeaders = [][]byte{
	{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0},
	{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	{0x02, 0x81, 0, 0, 0, 0, 'x', 0x80, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	{0x88, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	{0x89, 0xfe, 0, 5, 0, 0, 0, 0},
	{0x82, 0xfe, 0, 125, 0, 0, 0, 0},
	{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0},
	{0x82, 0xff, 0, 0, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0}, // 2^40 bytes
}

// streams returns the seeds as bytes that a peer of the role sends.
func streams(role conn.Role) (all [][]byte) {
	for _, frames := range conversations {
		var b []byte
		for _, f := range frames {
			b = f.Append(b, role)
		}
		all = append(all, b)
		if len(b) > 3 {
			all = append(all, b[:len(b)-1]) // the stream ends inside
		}
	}
	for _, h := range hostileHeaders {
		b := append([]byte(nil), h...)
		if role == conn.Server {
			b[1] &= 0x7f
		}
		all = append(all, b)
	}
	return all
}
