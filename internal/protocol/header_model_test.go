package protocol

import (
	"testing"

	"github.com/tidewire/websocket/frame"
)

// The model: what RFC 6455 says of the first byte of a frame, drawn as charts. A
// row is the high half of the byte, FIN RSV1 RSV2 RSV3; a column is the opcode:
//
//	0 continuation, 1 text, 2 binary, 8 close, 9 ping, A pong; the others reserved
//
// A cell is a dot where the frame is legal, or the last digit of the section that
// it breaks: 2 for reserved bits and opcodes (5.2), 4 for the order of fragments
// (5.4), 5 for control frames that are not final (5.5).
type chart [16]string

var (
	betweenMessages = chart{
		//   0123456789ABCDEF
		0x0: "4..2222255522222",
		0x1: "2222222255522222",
		0x2: "2222222255522222",
		0x3: "2222222255522222",
		0x4: "2222222255522222",
		0x5: "2222222255522222",
		0x6: "2222222255522222",
		0x7: "2222222255522222",
		0x8: "4..22222...22222",
		0x9: "2222222222222222",
		0xA: "2222222222222222",
		0xB: "2222222222222222",
		0xC: "2222222222222222",
		0xD: "2222222222222222",
		0xE: "2222222222222222",
		0xF: "2222222222222222",
	}
	insideMessage = chart{
		//   0123456789ABCDEF
		0x0: ".442222255522222",
		0x1: "2222222255522222",
		0x2: "2222222255522222",
		0x3: "2222222255522222",
		0x4: "2222222255522222",
		0x5: "2222222255522222",
		0x6: "2222222255522222",
		0x7: "2222222255522222",
		0x8: ".4422222...22222",
		0x9: "2222222222222222",
		0xA: "2222222222222222",
		0xB: "2222222222222222",
		0xC: "2222222222222222",
		0xD: "2222222222222222",
		0xE: "2222222222222222",
		0xF: "2222222222222222",
	}
	// With an extension that uses RSV1, these rows and no others are different
	// (RFC 7692, section 6).
	betweenMessagesRSV1 = map[int]string{
		//   0123456789ABCDEF
		0x4: "2..2222255522222",
		0xC: "2..2222222222222",
	}
	insideMessageRSV1 = map[int]string{
		//   0123456789ABCDEF
		0x4: "2442222255522222",
		0xC: "2442222222222222",
	}
)

// The second byte, by its mask bit (RFC 6455, section 5.1)...
var maskChart = [2]map[Role]byte{
	0: {Server: '1', Client: '.'},
	1: {Server: '.', Client: '1'},
}

// ...and by its length form, which only control frames are judged by (RFC 6455,
// section 5.5). The columns are opcodes again.
var formChart = map[byte]string{
	//    0123456789ABCDEF
	125: "................",
	126: "........555.....",
	127: "........555.....",
}

func (c chart) cell(extension bool, rsv1 map[int]string, b0 byte) byte {
	row := c[b0>>4]
	if other, ok := rsv1[int(b0>>4)]; ok && extension {
		row = other
	}
	return row[b0&0xF]
}

// Every pair of first two bytes, with the shortest length that each form may
// carry: parser and machine together say what the charts say. A frame that breaks
// several rules names one of them.
// Checklist: F2, F4, F5, F6, G2, G3, N1
func TestHeaderAgainstModel(t *testing.T) {
	for _, role := range roles {
		for _, extension := range []bool{false, true} {
			between := NewInbound(role, extension, 0)
			inside := midMessage(t, role, extension, frame.Binary)
			for b0 := range 256 {
				b0 := byte(b0)
				idle := betweenMessages.cell(extension, betweenMessagesRSV1, b0)
				open := insideMessage.cell(extension, insideMessageRSV1, b0)
				for b1 := range 256 {
					compareWithModel(t, between, idle, b0, byte(b1))
					compareWithModel(t, inside, open, b0, byte(b1))
				}
			}
		}
	}
}

// compareWithModel holds the verdict on a header with these two bytes against
// three cells of the model.
func compareWithModel(t *testing.T, in Inbound, cell, b0, b1 byte) {
	t.Helper()
	mask, form := maskChart[b1>>7][in.role], formChart[max(b1&0x7F, 125)][b0&0xF]
	want, length := [3]byte{cell, mask, form}, int64(b1&0x7F)
	b := []byte{b0, b1}
	switch length {
	case 126:
		b, length = append(b, 0, 126), 126
	case 127:
		b, length = append(b, 0, 0, 0, 0, 0, 1, 0, 0), 65536
	}
	if b1 >= 0x80 {
		b = append(b, testKey[:]...)
	}
	before := in
	h, err := frame.ParseHeader(b)
	if err == nil {
		err = in.Header(h)
	}
	if want == [3]byte{'.', '.', '.'} {
		if err != nil || !opened(in, before, b0, length) {
			t.Errorf("%v: % x: got %v, %+v; want it accepted, was %+v", in.role, b, err, in, before)
		}
		return
	}
	e, ok := err.(*frame.Error)
	if !ok || e.Code != frame.CloseProtocolError || len(e.Section) != 3 || e.Section[:2] != "5." ||
		e.Section[2] != want[0] && e.Section[2] != want[1] && e.Section[2] != want[2] {
		t.Errorf("%v: % x: got %v, want code 1002 and a section 5.x of %q", in.role, b, err, want)
	}
	if in != before {
		t.Errorf("%v: % x: refused, and the machine is %+v, was %+v", in.role, b, in, before)
	}
}

// opened reports whether in is what an accepted header with first byte b0 and
// that length makes of before.
func opened(in, before Inbound, b0 byte, length int64) bool {
	op := frame.Opcode(b0 & 0xF)
	if !in.InFrame() || in.Opcode() != op || in.Left() != length || in.Final() != (b0&0x80 != 0) {
		return false
	}
	switch op {
	case frame.Text, frame.Binary:
		return !in.InControl() && in.InMessage() && in.Message() == op && in.Compressed() == (b0&0x40 != 0)
	case frame.Continuation:
		return !in.InControl() && in.InMessage() && in.Message() == before.Message() && !in.Compressed()
	default:
		return in.InControl() && in.Message() == before.Message() && !in.Compressed()
	}
}
