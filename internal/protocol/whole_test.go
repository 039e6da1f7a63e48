package protocol

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// inSteps is what Header, Payload and End make of a message by itself, and what they
// leave of its payload.
func inSteps(in Inbound, h frame.Header, p []byte) (whole bool, left []byte, end Inbound) {
	if in.InFrame() || in.Message() != 0 {
		return false, nil, in
	}
	if in.Header(h) != nil || in.Payload(p) != nil {
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

// Whole says yes exactly to what the three steps take, and leaves the same bytes and
// the same state for the next frame.
func TestWholeIsTheThreeSteps(t *testing.T) {
	payloads := []string{"", "a", "Hällo", "\xe4\xb8", "\xff", strings.Repeat("水", 50)}
	for _, role := range []Role{Server, Client} {
		for _, rsv1 := range []bool{false, true} {
			for _, in := range middles(role, rsv1) {
				for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
					for _, masked := range []bool{false, true} {
						for _, p := range payloads {
							h := frame.Header{Fin: true, Opcode: op, Masked: masked, Length: int64(len(p))}
							if masked {
								h.Key = [4]byte{1, 2, 3, 4}
							}
							judgeWhole(t, in, h, []byte(p))
						}
					}
				}
			}
		}
	}
}

func judgeWhole(t *testing.T, in Inbound, h frame.Header, p []byte) {
	t.Helper()
	frame.Mask(p, h.Key, 0)
	want, left, end := inSteps(in, h, bytes.Clone(p))
	before, got := in, bytes.Clone(p)
	if whole := in.Whole(h.Opcode, h.Masked, h.Key, got); whole != want {
		t.Fatalf("%v, %+v, %q: Whole says %v, the steps %v", before, h, p, whole, want)
	}
	if in != before {
		t.Fatalf("%+v: Whole has changed the state", h)
	}
	if !want && !bytes.Equal(got, p) {
		t.Fatalf("%+v: Whole refuses %q and leaves %q", h, p, got)
	}
	if want && !bytes.Equal(got, left) {
		t.Fatalf("%+v: Whole leaves %q, the steps %q", h, got, left)
	}
	if want && (end.InFrame() || end.Message() != 0 || end.InControl() || end.Left() != 0) {
		t.Fatalf("%+v: the steps leave %+v", h, end)
	}
}

// A server sends whole messages where Data would make the same frame of them.
func TestOutboundWholeIsData(t *testing.T) {
	for _, role := range []Role{Server, Client} {
		for op := range frame.Opcode(16) {
			for _, before := range []func(out *Outbound){
				func(*Outbound) {},
				func(out *Outbound) { out.Data(frame.Text, false, 1) },
				func(out *Outbound) { out.Data(frame.Text, true, 1) },
				func(out *Outbound) { out.Control(frame.Close, 0) },
			} {
				out := Outbound{Role: role}
				before(&out)
				data := out
				const final = true
				h, err := data.Data(op, final, 5)
				want := err == nil && h.Opcode == op && op != frame.Continuation && !h.Masked
				if got := out.Whole(op); got != want {
					t.Errorf("%v, %v, %+v: Whole says %v, Data %+v, %v", role, op, out, got, h, err)
				}
			}
		}
	}
}
