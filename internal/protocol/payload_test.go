package protocol

import (
	"strings"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// Byte i of a payload is masked with byte i mod 4 of its frame's key, however the
// payload is cut into pieces; each frame begins at 0 again (RFC 6455, section 5.3).
// Checklist: K2, K3
func TestInboundUnmasksAcrossPieces(t *testing.T) {
	const plain = "0123456789abcdefghijklmnopqrstuvwxyz\x00\x80\xff"
	for _, op := range []frame.Opcode{frame.Binary, frame.Ping, frame.Pong, frame.Close} {
		for size := range len(plain) {
			for a := range size + 1 {
				for b := a; b <= size; b++ {
					in := NewInbound(Server, false, 0)
					pass(t, &in, whole(frame.Pong, 0), "x") // leaves the position of its key
					p := wire(Server, plain[:size], 0)
					if err := in.Header(fromPeer(Server, whole(op, int64(size)))); err != nil {
						t.Fatal(err)
					}
					for _, piece := range [][]byte{p[:a], p[a:b], p[b:]} {
						if err := in.Payload(piece); err != nil {
							t.Fatalf("%v cut at %d, %d of %d: %v", op, a, b, size, err)
						}
					}
					if string(p) != plain[:size] || in.Left() != 0 {
						t.Fatalf("%v cut at %d, %d of %d: got %q, want %q", op, a, b, size, p, plain[:size])
					}
				}
			}
		}
	}
}

// What a server sends is bare and is left as it came.
// Checklist: K3
func TestClientLeavesPayloadAlone(t *testing.T) {
	for _, op := range known {
		in := ready(t, Client, false, op)
		if plain, _ := pass(t, &in, whole(op, 0), "Hello"); plain != "Hello" {
			t.Errorf("%v: got %q, want Hello", op, plain)
		}
	}
}

const (
	validText  = -1 // the whole is UTF-8
	incomplete = -2 // so far it is, but it ends inside a code point
)

// texts say where the first byte is that no valid UTF-8 can have there.
var texts = []struct {
	text string
	want int
}{
	{"", validText},
	{"Hello", validText},
	{"\x00\x7f", validText},
	{"\u00e9\u20ac", validText},
	{"\U0001F30A\ufeff", validText},
	{"\uffff\u0080", validText}, // noncharacters are characters (RFC 3629, section 4)
	{"\ud7ff\ue000", validText}, // around the surrogates
	{"\U00010000\U0010ffff", validText},
	{"\xc3", incomplete},
	{"ab\xe2\x82", incomplete},
	{"\xf0\x9f\x8c", incomplete},
	{"\xed\x9f", incomplete},
	{"\x80", 0},             // no start
	{"a\xc0\xaf", 1},        // overlong
	{"\xe0\x9f\xbf", 1},     // overlong
	{"\xf0\x8f\xbf\xbf", 1}, // overlong
	{"a\xed\xa0\x80b", 2},   // a surrogate (RFC 3629, section 3)
	{"\xf4\x90\x80\x80", 1}, // above U+10FFFF
	{"\xf5\x80", 0},
	{"ab\xff", 2},
	{"\xe2\x82A", 2},                // cut short by a letter
	{"\xce\xba\xf0\x9f\xce\xbb", 4}, // cut short by a letter of two bytes
}

// Text is judged over the message: in every way to cut it into frames and the
// frames into pieces, with control frames between them, the verdict falls with
// the first impossible byte, or at the end of the message and not before.
// Checklist: T1, T2, T4, G1, G4
func TestTextInEverySegmentation(t *testing.T) {
	for _, role := range roles {
		for _, c := range texts {
			ways := 1
			for range max(0, len(c.text)-1) {
				ways *= 3
			}
			for way := range ways {
				sendText(t, role, c.text, c.want, way)
			}
		}
	}
}

// sendText sends a text message. The digits of way, to the base of 3, say what
// comes before each byte but the first: nothing, a new piece, or a new frame.
func sendText(t *testing.T, role Role, text string, want, way int) {
	t.Helper()
	const piece, newFrame = 1, 2
	in := NewInbound(role, false, 0)
	frames := [][]string{{""}}
	for i := range len(text) {
		cut := 0
		if i > 0 {
			cut, way = way%3, way/3
		}
		f := &frames[len(frames)-1]
		switch cut {
		case piece:
			*f = append(*f, "")
		case newFrame:
			frames = append(frames, []string{""})
			f = &frames[len(frames)-1]
		}
		(*f)[len(*f)-1] += text[i : i+1]
	}
	at := 0 // in text
	for i, pieces := range frames {
		h := frame.Header{Fin: i == len(frames)-1, Length: int64(len(strings.Join(pieces, "")))}
		if i == 0 {
			h.Opcode = frame.Text
		} else {
			pass(t, &in, whole(frame.Ping, 0), "\xff\xc3") // is no text
		}
		if err := in.Header(fromPeer(role, h)); err != nil {
			t.Fatalf("%v: %q: %v", role, frames, err)
		}
		begin := at
		for _, p := range pieces {
			b := wire(role, p, at-begin)
			if at <= want && want < at+len(p) {
				refuse(t, &in, frame.CloseInvalidPayload, "8.1", func() error { return in.Payload(b) })
				if string(b) != p {
					t.Fatalf("%v: %q: refused %q, want %q unmasked", role, frames, b, p)
				}
				return
			}
			if err := in.Payload(b); err != nil || string(b) != p {
				t.Fatalf("%v: %q: %q: got %q, %v", role, frames, p, b, err)
			}
			at += len(p)
		}
		if h.Fin && want == incomplete {
			refuse(t, &in, frame.CloseInvalidPayload, "8.1", func() error { _, err := in.End(); return err })
			return
		}
		if ended, err := in.End(); err != nil || ended != h.Fin {
			t.Fatalf("%v: %q: end of frame %d: got %v, %v", role, frames, i, ended, err)
		}
	}
	if want != validText {
		t.Fatalf("%v: %q was accepted, want an error at byte %d", role, frames, want)
	}
}

// The first impossible byte fails though the frame goes on for ever.
// Checklist: T4
func TestTextFailsBeforeItsFrameEnds(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, false, 0)
		if err := in.Header(fromPeer(role, whole(frame.Text, 1<<40))); err != nil {
			t.Fatal(err)
		}
		if err := in.Payload(wire(role, "\xce\xba\xf4", 0)); err != nil {
			t.Fatal(err)
		}
		refuse(t, &in, frame.CloseInvalidPayload, "8.1", func() error { return in.Payload(wire(role, "\x90", 3)) })
	}
}

// The state of one text is not that of the next.
func TestTextBeginsAnew(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, true, 0)
		pass(t, &in, frame.Header{Opcode: frame.Binary}, "\xe2\x82")
		pass(t, &in, last(0), "\xe2")
		pass(t, &in, frame.Header{Fin: true, Opcode: frame.Text, RSV1: true}, "\xe2\x82")
		if _, ended := pass(t, &in, whole(frame.Text, 0), "\u20ac"); !ended {
			t.Errorf("%v: the text did not end", role)
		}
	}
}

// Only plain text is judged here: binary never, compressed text after inflating,
// which the continuations of that message know too (RFC 7692, section 6.2).
// Checklist: D10
func TestOnlyPlainTextIsJudged(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, true, 0)
		for _, h := range []frame.Header{{Opcode: frame.Binary}, {Opcode: frame.Text, RSV1: true}, {Opcode: frame.Binary, RSV1: true}} {
			pass(t, &in, h, "\xff\xfe")
			if in.Compressed() != h.RSV1 {
				t.Errorf("%v: %+v: compressed %v", role, h, in.Compressed())
			}
			pass(t, &in, middle(0), "\xc0")
			if _, ended := pass(t, &in, last(0), "\xe2\x82"); !ended || in.Compressed() {
				t.Errorf("%v: %+v: ended %v, compressed %v", role, h, ended, in.Compressed())
			}
		}
		pass(t, &in, first(frame.Text, 0), "\xe2\x82") // the next plain text is judged again
		refuseText(t, &in, last(1), "\xff")
	}
}

// refuseText wants the header to pass and its payload to be refused.
func refuseText(t *testing.T, in *Inbound, h frame.Header, p string) {
	t.Helper()
	h.Length = int64(len(p))
	if err := in.Header(fromPeer(in.role, h)); err != nil {
		t.Fatal(err)
	}
	refuse(t, in, frame.CloseInvalidPayload, "8.1", func() error { return in.Payload(wire(in.role, p, 0)) })
}
