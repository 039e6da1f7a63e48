package protocol

import (
	"errors"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// packed returns h with RSV1, as the first frame of a compressed message has it.
func packed(h frame.Header) frame.Header {
	h.RSV1 = true
	return h
}

// noText are payload bytes that no UTF-8 can have.
const noText = "\xff\xc0\x80"

// inPacked returns a machine that has passed the whole payload of a compressed
// message in two frames, a Ping between them, up to the End of the last.
func inPacked(t *testing.T, role Role, op frame.Opcode) Inbound {
	t.Helper()
	in := NewInbound(role, true, 0)
	pass(t, &in, packed(first(op, 0)), noText)
	pass(t, &in, whole(frame.Ping, 0), noText)
	if !in.Compressed() {
		t.Fatalf("%v: between the frames of a compressed message: not compressed", role)
	}
	h := last(int64(len(noText)))
	if err := in.Header(fromPeer(role, h)); err != nil {
		t.Fatal(err)
	}
	if err := in.Payload(wire(role, noText, 0)); err != nil {
		t.Fatalf("%v: compressed bytes that are no UTF-8: %v", role, err)
	}
	return in
}

// UTF-8 is a rule about what is inflated, in whatever pieces that comes: it fails
// with the first impossible byte, or at the end of the message (RFC 7692, section 6).
// Checklist: D10, T1, T2, T4
func TestInflatedTextInEveryCut(t *testing.T) {
	for _, role := range roles {
		for _, c := range texts {
			for a := range len(c.text) + 1 {
				for b := a; b <= len(c.text); b++ {
					inflateText(t, role, c.want, []string{c.text[:a], c.text[a:b], c.text[b:]})
				}
			}
		}
	}
}

func inflateText(t *testing.T, role Role, want int, pieces []string) {
	t.Helper()
	in := inPacked(t, role, frame.Text)
	at := 0
	for _, p := range pieces {
		b := []byte(p)
		if at <= want && want < at+len(p) {
			refuse(t, &in, frame.CloseInvalidPayload, "8.1", func() error { return in.Inflated(b) })
			return
		}
		if err := in.Inflated(b); err != nil || string(b) != p {
			t.Fatalf("%v: %q at %d: %q, %v", role, pieces, at, b, err)
		}
		at += len(p)
	}
	if want == incomplete {
		refuse(t, &in, frame.CloseInvalidPayload, "8.1", func() error { _, err := in.End(); return err })
		return
	}
	if end, err := in.End(); !end || err != nil || in.Compressed() || in.InMessage() {
		t.Fatalf("%v: end of %q: %v, %v, %+v", role, pieces, end, err, in)
	}
}

// Binary has no such rule, compressed or not.
// Checklist: D10
func TestInflatedBinaryIsNotJudged(t *testing.T) {
	for _, role := range roles {
		in := inPacked(t, role, frame.Binary)
		for _, p := range []string{noText, "", "\xe2\x82"} {
			if err := in.Inflated([]byte(p)); err != nil {
				t.Errorf("%v: %q in a binary message: %v", role, p, err)
			}
		}
		if end, err := in.End(); !end || err != nil {
			t.Errorf("%v: end: %v, %v", role, end, err)
		}
	}
}

// A message that is dropped without being inflated may end anywhere; one that is
// not compressed is judged all the same, and the next one too.
// Checklist: D10
func TestDroppedTextMayEndInsideACodePoint(t *testing.T) {
	for _, role := range roles {
		in := inPacked(t, role, frame.Text)
		if err := in.Inflated([]byte("\xe2\x82")); err != nil {
			t.Fatal(err)
		}
		in.Drop()
		if end, err := in.End(); !end || err != nil {
			t.Errorf("%v: end of a dropped message: %v, %v", role, end, err)
		}
		for _, h := range []frame.Header{packed(whole(frame.Text, 0)), whole(frame.Text, 2)} {
			if err := in.Header(fromPeer(role, h)); err != nil {
				t.Fatal(err)
			}
			cut := []byte("\xe2\x82")
			if h.RSV1 {
				if err := in.Inflated(cut); err != nil {
					t.Fatal(err)
				}
			} else {
				if err := in.Payload(wire(role, "\xe2\x82", 0)); err != nil {
					t.Fatal(err)
				}
				in.Drop()
			}
			refuse(t, &in, frame.CloseInvalidPayload, "8.1", func() error { _, err := in.End(); return err })
			in.text = frame.UTF8{}
			in.End()
		}
	}
}

// Compressed and plain messages mix, and each is what its first frame says
// (RFC 7692, section 6).
// Checklist: D3, D10
func TestCompressedAndPlainMix(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, true, 0)
		for i, rsv1 := range []bool{true, false, false, true, true, false} {
			h := frame.Header{Opcode: frame.Text, RSV1: rsv1}
			pass(t, &in, h, "zz")
			if in.Compressed() != rsv1 {
				t.Errorf("%v: message %d with RSV1 %v: compressed %v", role, i, rsv1, in.Compressed())
			}
			pass(t, &in, whole(frame.Pong, 0), "")
			if in.Compressed() != rsv1 {
				t.Errorf("%v: message %d with RSV1 %v behind a Pong: compressed %v", role, i, rsv1, in.Compressed())
			}
			if _, end := pass(t, &in, last(0), "zz"); !end || in.Compressed() {
				t.Errorf("%v: message %d: end %v, compressed %v behind it", role, i, end, in.Compressed())
			}
		}
	}
}

func TestInflatedPanicsInPlainMessage(t *testing.T) {
	in := NewInbound(Client, true, 0)
	inflated := func() { in.Inflated([]byte("x")) }
	wantPanic(t, "Inflated between messages", inflated)
	pass(t, &in, first(frame.Text, 0), "plain")
	wantPanic(t, "Inflated in a plain message", inflated)
}

// RSV1 is on the first frame of a compressed message, on no other, and on no control
// frame between them (RFC 7692, section 6).
// Checklist: D1, D2
func TestOutboundMarksFirstFramesAlone(t *testing.T) {
	for _, role := range roles {
		for frames := 1; frames <= 4; frames++ {
			for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
				out, in := Outbound{Role: role}, NewInbound(other(role), true, 0)
				for range 2 {
					packFrames(t, &out, &in, op, frames)
					h, err := out.Data(op, true, 0)
					if h.RSV1 || err != nil {
						t.Errorf("%v: plain message: %+v, %v", role, h, err)
					}
				}
			}
		}
	}
}

func packFrames(t *testing.T, out *Outbound, in *Inbound, op frame.Opcode, frames int) {
	t.Helper()
	for i := range frames {
		final := i == frames-1
		h, err := out.Packed(op, final, 3)
		want := frame.Header{Fin: final, Opcode: frame.Continuation, Masked: out.Role == Client, Length: 3}
		if i == 0 {
			want.Opcode, want.RSV1 = op, true
		}
		if h != want || err != nil || out.InMessage() == final {
			t.Errorf("%v: frame %d of %d: %+v, %v; want %+v", out.Role, i, frames, h, err, want)
		}
		take(t, in, h, []byte("abc"))
		if ping, err := out.Control(frame.Ping, 0); ping.RSV1 || err != nil {
			t.Errorf("%v: Ping behind frame %d: %+v, %v", out.Role, i, ping, err)
		}
	}
}

// What is refused is marked by nothing and changes nothing.
// Checklist: D1, L6
func TestOutboundRefusesPackedFrames(t *testing.T) {
	for _, role := range roles {
		for op := range frame.Opcode(0x11) {
			out := Outbound{Role: role}
			if op == frame.Text || op == frame.Binary {
				continue
			}
			refuseOurs(t, &out, func() error {
				h, err := out.Packed(op, true, 0)
				if h != (frame.Header{}) {
					t.Errorf("%v: %v frame is refused with a header: %+v", role, op, h)
				}
				return err
			})
		}
		out := Outbound{Role: role}
		if _, err := out.Control(frame.Close, 2); err != nil {
			t.Fatal(err)
		}
		if h, err := out.Packed(frame.Text, true, 0); h != (frame.Header{}) || !errors.Is(err, ErrCloseSent) {
			t.Errorf("%v: behind our Close: %+v, %v", role, h, err)
		}
	}
}
