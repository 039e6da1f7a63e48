package protocol

import (
	"fmt"
	"math"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// known are the six opcodes of RFC 6455, section 11.8.
var known = []frame.Opcode{frame.Continuation, frame.Text, frame.Binary, frame.Close, frame.Ping, frame.Pong}

// ready returns a machine in which a frame of that opcode may come.
func ready(t *testing.T, role Role, rsv1 bool, op frame.Opcode) Inbound {
	t.Helper()
	if op == frame.Continuation {
		return midMessage(t, role, rsv1, frame.Binary)
	}
	return NewInbound(role, rsv1, 0)
}

// A server takes only masked frames, a client only bare ones, whatever they
// carry and in whatever state (RFC 6455, section 5.1).
// Checklist: F2, F4
func TestInboundRefusesWrongMask(t *testing.T) {
	for _, role := range roles {
		for _, op := range known {
			for _, fin := range []bool{false, true} {
				if op.IsControl() && !fin {
					continue // no such header: frame.ParseHeader
				}
				in := ready(t, role, false, op)
				h := fromPeer(role, frame.Header{Fin: fin, Opcode: op, Length: 5})
				wrong := h
				wrong.Masked, wrong.Key = !h.Masked, [4]byte{}
				refuseHeader(t, &in, "5.1", wrong)
				if err := in.Header(h); err != nil {
					t.Errorf("%v: %v frame with the right mask: got %v", role, op, err)
				}
			}
		}
	}
	// An all-zero key is a key.
	in := NewInbound(Server, false, 0)
	if err := in.Header(frame.Header{Fin: true, Opcode: frame.Text, Masked: true}); err != nil {
		t.Errorf("key 00000000: got %v", err)
	}
}

// All reserved bits, all opcodes: only RSV1 alone, on the first frame of a
// message, with an extension that uses it, is legal (RFC 6455, section 5.2;
// RFC 7692, section 6.1).
// Checklist: F5, P10, D2
func TestInboundRefusesReservedBits(t *testing.T) {
	const onlyRSV1 = 4
	for _, role := range roles {
		for _, extension := range []bool{false, true} {
			for _, op := range known {
				for rsv := 1; rsv < 8; rsv++ {
					in := ready(t, role, extension, op)
					h := fromPeer(role, frame.Header{Fin: true, RSV1: rsv&4 != 0, RSV2: rsv&2 != 0, RSV3: rsv&1 != 0, Opcode: op})
					legal := extension && rsv == onlyRSV1 && (op == frame.Text || op == frame.Binary)
					if !legal {
						refuseHeader(t, &in, "5.2", h)
					} else if err := in.Header(h); err != nil || !in.Compressed() {
						t.Errorf("%v: compressed %v: got %v, compressed %v", role, op, err, in.Compressed())
					}
				}
			}
		}
	}
}

// An unknown opcode is known from two bytes, before the length, the key or the
// payload that they announce (RFC 6455, section 5.2).
// Checklist: F6
func TestReservedOpcodeFailsAtHeader(t *testing.T) {
	unknown := []byte{0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF}
	for _, op := range unknown {
		for _, b0 := range []byte{op, 0x80 | op} {
			for _, b1 := range []byte{0, 125, 126, 127, 0x80, 0x80 | 126, 0x80 | 127} { // 127: up to 2^63-1 bytes
				wantLayoutError(t, []byte{b0, b1}, "5.2")
			}
		}
	}
}

// Control frames are short and whole; two bytes tell (RFC 6455, section 5.5).
// Checklist: N1
func TestControlFrameFailsAtHeader(t *testing.T) {
	for _, role := range roles {
		mask := byte(0)
		if role == Server {
			mask = 0x80
		}
		for _, op := range []byte{0x8, 0x9, 0xA} {
			wantLayoutError(t, []byte{op, mask}, "5.5")              // FIN is 0
			wantLayoutError(t, []byte{op, mask | 125}, "5.5")        // FIN is 0
			wantLayoutError(t, []byte{0x80 | op, mask | 126}, "5.5") // 126 bytes or more
			wantLayoutError(t, []byte{0x80 | op, mask | 127}, "5.5")
			for _, n := range []byte{0, 1, 125} {
				h, err := frame.ParseHeader(append([]byte{0x80 | op, mask | n}, testKey[:]...))
				in := NewInbound(role, false, 0)
				if err == nil {
					err = in.Header(h)
				}
				if err != nil || in.Left() != int64(n) || !in.InControl() || in.InMessage() {
					t.Errorf("%v: opcode %x with %d bytes: got %v, %+v", role, op, n, err, in)
				}
			}
		}
	}
}

func wantLayoutError(t *testing.T, b []byte, section string) {
	t.Helper()
	_, err := frame.ParseHeader(b)
	if e, ok := err.(*frame.Error); !ok || e.Code != frame.CloseProtocolError || e.Section != section {
		t.Errorf("% x: got %v, want code 1002, section %s", b, err, section)
	}
}

// A message is one frame or many, of any size and also of none; its type is that
// of the first (RFC 6455, section 5.4).
// Checklist: G1, G6
func TestInboundTakesAnyFragmentation(t *testing.T) {
	cuts := [][]string{
		{""}, {"Hello"},
		{"", ""}, {"Hel", "lo"}, {"", "Hello"}, {"Hello", ""},
		{"", "", ""}, {"Hel", "", "lo"}, {"H", "e", "l", "l", "o"},
	}
	for _, role := range roles {
		for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
			in := NewInbound(role, false, 0)
			for _, cut := range cuts {
				want, got := "", ""
				for i, p := range cut {
					h := frame.Header{Fin: i == len(cut)-1}
					if i == 0 {
						h.Opcode = op
					}
					plain, ended := pass(t, &in, h, p)
					want, got = want+p, got+plain
					if ended != h.Fin || in.InMessage() == ended || !ended && in.Message() != op {
						t.Errorf("%v: %q: frame %d: ended %v, inside %v, message %v", role, cut, i, ended, in.InMessage(), in.Message())
					}
				}
				if got != want || in.Message() != 0 || in.InFrame() {
					t.Errorf("%v: %q: got %q, %+v", role, cut, got, in)
				}
			}
		}
	}
}

// Checklist: G2
func TestInboundRefusesContinuationOfNothing(t *testing.T) {
	for _, role := range roles {
		fresh := NewInbound(role, false, 0)
		ended := midMessage(t, role, false, frame.Text)
		pass(t, &ended, last(0), "")
		afterPing := NewInbound(role, false, 0)
		pass(t, &afterPing, whole(frame.Ping, 0), "")
		for _, in := range []Inbound{fresh, ended, afterPing} {
			refuseHeader(t, &in, "5.4", fromPeer(role, last(5)))
			refuseHeader(t, &in, "5.4", fromPeer(role, middle(5)))
		}
	}
}

// Checklist: G3
func TestInboundRefusesMessageInMessage(t *testing.T) {
	for _, role := range roles {
		for _, outer := range []frame.Opcode{frame.Text, frame.Binary} {
			for _, inner := range []frame.Opcode{frame.Text, frame.Binary} {
				in := midMessage(t, role, false, outer)
				refuseHeader(t, &in, "5.4", fromPeer(role, first(inner, 1)))
				refuseHeader(t, &in, "5.4", fromPeer(role, whole(inner, 0)))
				pass(t, &in, whole(frame.Pong, 0), "") // changes nothing
				refuseHeader(t, &in, "5.4", fromPeer(role, whole(inner, 0)))
				if _, ended := pass(t, &in, last(0), ""); !ended {
					t.Errorf("%v: the %v message does not end after a refusal", role, outer)
				}
			}
		}
	}
}

// Control frames between the fragments are seen whole and leave the message,
// its text and its key alone (RFC 6455, sections 5.4 and 5.5).
// Checklist: G4, K3
func TestInboundTakesControlInsideMessage(t *testing.T) {
	for _, role := range roles {
		for _, control := range []frame.Opcode{frame.Close, frame.Ping, frame.Pong} {
			in := NewInbound(role, false, 3)
			var text string
			for i, p := range []string{"na\xc3", "\xafve \xf0\x9f", "\x8c\x8a"} { // cut inside ï and U+1F30A
				h := frame.Header{Fin: i == 2}
				if i == 0 {
					h.Opcode = frame.Text
				}
				plain, _ := pass(t, &in, h, p)
				text += plain
				if h.Fin {
					continue
				}
				before := in
				payload := fmt.Sprintf("%v %d \xff", control, i)
				got, ended := pass(t, &in, whole(control, 0), payload)
				if got != payload || ended || !in.InMessage() || in.Message() != frame.Text || in.InControl() {
					t.Errorf("%v: %v: got %q, ended %v, %+v", role, control, got, ended, in)
				}
				if in.text != before.text || in.fragments != before.fragments {
					t.Errorf("%v: %v touched the message: %+v, was %+v", role, control, in, before)
				}
			}
			if text != "naïve 🌊" || in.InMessage() {
				t.Errorf("%v: got %q, inside %v", role, text, in.InMessage())
			}
		}
	}
}

// What a fragment bound counts: every frame of the message, empty or not, and
// no control frame.
// Checklist: G10
func TestInboundBoundsFragments(t *testing.T) {
	for _, role := range roles {
		for _, bound := range []int{1, 2, 5} {
			in := NewInbound(role, false, bound)
			for range 3 { // every message has the whole bound
				for i := range bound {
					h := frame.Header{Fin: i == bound-1}
					if i == 0 {
						h.Opcode = frame.Binary
					}
					pass(t, &in, h, "x"[:i%2])
					pass(t, &in, whole(frame.Ping, 0), "")
				}
			}
			pass(t, &in, first(frame.Text, 0), "")
			for range bound - 1 {
				pass(t, &in, middle(0), "")
			}
			for _, h := range []frame.Header{middle(0), last(0), middle(9), last(9)} {
				refuse(t, &in, frame.CloseTooBig, "10.4", func() error { return in.Header(fromPeer(role, h)) })
				pass(t, &in, whole(frame.Pong, 0), "")
			}
		}
	}
}

// Any int is a bound; none turns into another one on its way.
func TestNewInboundKeepsFragmentBound(t *testing.T) {
	const noBound = 0
	big := uint64(1) << 32
	for _, c := range []struct {
		given int
		want  int32
	}{
		{0, noBound}, {-1, noBound}, {math.MinInt, noBound}, {1, 1}, {131_072, 131_072},
		{math.MaxInt32, math.MaxInt32}, {math.MaxInt, math.MaxInt32},
		{int(big/2 - 1), math.MaxInt32}, // on 64 bits the next ones wrapped
		{max(int(big), math.MaxInt32), math.MaxInt32}, {max(int(big+1), math.MaxInt32), math.MaxInt32},
	} {
		if got := NewInbound(Server, false, c.given).maxFragments; got != c.want {
			t.Errorf("bound %d: got %d, want %d", c.given, got, c.want)
		}
	}
	in := NewInbound(Client, false, noBound)
	pass(t, &in, first(frame.Text, 0), "")
	in.fragments = math.MaxInt32 // as if so many had come
	for range 3 {
		pass(t, &in, middle(0), "")
	}
}

// Lengths are never added up, so the greatest one fits behind any other.
// Checklist: F11
func TestInboundTakesGreatestLength(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, false, 0)
		pass(t, &in, first(frame.Binary, 0), "1")
		if err := in.Header(fromPeer(role, last(math.MaxInt64))); err != nil {
			t.Fatalf("%v: got %v", role, err)
		}
		for passed := int64(0); passed < 10; passed += 5 {
			if in.Left() != math.MaxInt64-passed {
				t.Errorf("%v: %d bytes left after %d", role, in.Left(), passed)
			}
			b := wire(role, "Hello", int(passed))
			if err := in.Payload(b); err != nil || string(b) != "Hello" {
				t.Errorf("%v: got %q, %v", role, b, err)
			}
		}
	}
}

// A caller that breaks the order of calls is told so at once.
func TestInboundPanicsOnMisuse(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, false, 0)
		wantPanic(t, "payload without a frame", func() { _ = in.Payload([]byte{0}) })
		wantPanic(t, "end without a frame", func() { _, _ = in.End() })
		if err := in.Header(fromPeer(role, whole(frame.Ping, 2))); err != nil {
			t.Fatal(err)
		}
		before := in
		wantPanic(t, "header inside a frame", func() { _ = in.Header(fromPeer(role, whole(frame.Ping, 0))) })
		wantPanic(t, "end before the payload", func() { _, _ = in.End() })
		wantPanic(t, "too much payload", func() { _ = in.Payload(make([]byte, 3)) })
		if in != before {
			t.Errorf("%v: a panic changed the machine: %+v, was %+v", role, in, before)
		}
	}
}
