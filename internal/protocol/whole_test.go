package protocol

import (
	"bytes"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// inSteps is what Header, Payload and End make of a message by itself, and what they leave of
// its payload.
func inSteps(in Inbound, h frame.Header, p []byte) (whole bool, left []byte, end Inbound) {
	if in.InFrame() || in.Message() != 0 || h.Length != int64(len(p)) {
		return false, nil, in
	}
	if in.Header(h) != nil || in.InControl() || in.Compressed() || in.Payload(p) != nil {
		return false, nil, in
	}
	message, err := in.End()
	return message && err == nil, p, in
}

// every message that a connection may be in the middle of.
func middles(role Role, rsv1 bool) []Inbound {
	fresh := NewInbound(role, rsv1, 3)
	var all []Inbound
	all = append(all, fresh)
	for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
		in := fresh
		in.Header(frame.Header{Opcode: op, Masked: role == Server})
		all = append(all, in) // inside a frame
		in.End()
		all = append(all, in) // between two frames
	}
	return all
}

// Whole says yes exactly to what the three steps take as a whole plain message, and
// leaves the same bytes and the same state for the next frame.
func TestWholeIsTheThreeSteps(t *testing.T) {
	payloads := []string{"", "a", "Hällo", "\xe4\xb8", "\xff", string(bytes.Repeat([]byte("水"), 50))}
	for _, role := range []Role{Server, Client} {
		for _, rsv1 := range []bool{false, true} {
			for _, in := range middles(role, rsv1) {
				for bits := range 1 << 9 {
					for _, p := range payloads {
						h := frame.Header{
							Opcode: frame.Opcode(bits & 15), Fin: bits&16 != 0, Masked: bits&32 != 0,
							RSV1: bits&64 != 0, RSV2: bits&128 != 0, RSV3: bits&256 != 0,
							Key: [4]byte{1, 2, 3, 4}, Length: int64(len(p)),
						}
						if _, err := frame.ParseHeader(h.Append(nil)); err != nil {
							continue
						}
						judgeWhole(t, in, h, []byte(p))
					}
				}
			}
		}
	}
}

func judgeWhole(t *testing.T, in Inbound, h frame.Header, p []byte) {
	t.Helper()
	if h.Masked {
		frame.Mask(p, h.Key, 0)
	}
	want, left, end := inSteps(in, h, bytes.Clone(p))
	before, got := in, bytes.Clone(p)
	if whole := in.Whole(h, got); whole != want {
		t.Fatalf("%v, %+v, %q: Whole says %v, the steps %v", before, h, p, whole, want)
	}
	if in != before {
		t.Fatalf("%+v: Whole has changed the state", h)
	}
	if !want {
		return
	}
	if !bytes.Equal(got, left) {
		t.Fatalf("%+v: Whole leaves %q, the steps %q", h, got, left)
	}
	if in.InFrame() != end.InFrame() || in.Message() != end.Message() || in.InControl() != end.InControl() || in.Left() != end.Left() {
		t.Fatalf("%+v: the steps leave %+v", h, end)
	}
}

// A payload of another length than the header says is not the payload.
func TestWholeWantsAllOfThePayload(t *testing.T) {
	in := NewInbound(Client, false, 0)
	h := frame.Header{Fin: true, Opcode: frame.Binary, Length: 3}
	for n := range 6 {
		if got := in.Whole(h, make([]byte, n)); got != (n == 3) {
			t.Errorf("%d of 3 bytes: %v", n, got)
		}
	}
}
