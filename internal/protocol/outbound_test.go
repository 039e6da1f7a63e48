package protocol

import (
	"errors"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// other is the side that receives what role sends.
func other(role Role) Role { return Client - role }

// The first frame of a message names its type, the others continue it, the last
// has FIN, control frames pass between them (RFC 6455, sections 5.4 and 6.1). A
// client masks every frame, a server none (RFC 6455, section 5.1).
// Checklist: G8, F1, F3, G4
func TestOutboundHeaders(t *testing.T) {
	const more, final = false, true
	for _, role := range roles {
		masked := role == Client
		out := Outbound{Role: role}
		data := func(op frame.Opcode, final bool, n int, want frame.Header) {
			t.Helper()
			got, err := out.Data(op, final, n)
			if want.Masked = masked; got != want || err != nil || out.InMessage() == final {
				t.Errorf("%v: %v frame: got %+v, %v, inside %v, want %+v", role, op, got, err, out.InMessage(), want)
			}
		}
		control := func(op frame.Opcode, n int) {
			t.Helper()
			inside := out.InMessage()
			got, err := out.Control(op, n)
			want := frame.Header{Fin: true, Opcode: op, Masked: masked, Length: int64(n)}
			if got != want || err != nil || out.InMessage() != inside || out.Closed() != (op == frame.Close) {
				t.Errorf("%v: %v frame: got %+v, %v, %+v, want %+v", role, op, got, err, out, want)
			}
		}
		data(frame.Text, final, 5, frame.Header{Fin: true, Opcode: frame.Text, Length: 5})
		data(frame.Binary, final, 0, frame.Header{Fin: true, Opcode: frame.Binary})
		data(frame.Text, more, 3, frame.Header{Opcode: frame.Text, Length: 3})
		control(frame.Ping, 0)
		data(frame.Text, more, 0, frame.Header{Opcode: frame.Continuation})
		control(frame.Pong, 125)
		data(frame.Text, final, 2, frame.Header{Fin: true, Opcode: frame.Continuation, Length: 2})
		data(frame.Binary, more, 1<<30, frame.Header{Opcode: frame.Binary, Length: 1 << 30})
		data(frame.Binary, final, 0, frame.Header{Fin: true, Opcode: frame.Continuation})
		data(frame.Binary, more, 1, frame.Header{Opcode: frame.Binary, Length: 1})
		control(frame.Close, 125) // may cut a message
	}
}

// What may not be sent is our mistake, named as such, and changes nothing.
// Checklist: N2
func TestOutboundRefusesBadFrames(t *testing.T) {
	for _, role := range roles {
		for _, inside := range []bool{false, true} {
			out := Outbound{Role: role, inside: inside}
			for _, op := range []frame.Opcode{frame.Close, frame.Ping, frame.Pong} {
				for _, n := range []int{126, 127, 65536} {
					refuseOurs(t, &out, func() error { _, err := out.Control(op, n); return err })
				}
			}
			refuseOurs(t, &out, func() error { _, err := out.Control(frame.Close, 1); return err })
			for _, op := range []frame.Opcode{frame.Continuation, frame.Text, frame.Binary, 0x3, 0x7, 0xB, 0xF, 0x10} {
				refuseOurs(t, &out, func() error { _, err := out.Control(op, 0); return err })
			}
			if inside {
				continue // every frame of an open message is a continuation
			}
			for op := range frame.Opcode(0x11) {
				if op != frame.Text && op != frame.Binary {
					refuseOurs(t, &out, func() error { _, err := out.Data(op, true, 0); return err })
				}
			}
		}
	}
	_, err := new(Outbound).Control(frame.Ping, 126)
	if want := "websocket: ping payload is 126 bytes, limit 125 (RFC 6455, section 5.5)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// refuseOurs wants the step to fail without the word for a mistake of the peer,
// and out to be what it was before.
func refuseOurs(t *testing.T, out *Outbound, step func() error) {
	t.Helper()
	before := *out
	err := step()
	var e *frame.Error
	if err == nil || errors.As(err, &e) {
		t.Errorf("%+v: got %v, want an error that is no *frame.Error", before, err)
	}
	if *out != before {
		t.Errorf("a refused step changed the machine: %+v, was %+v", *out, before)
	}
}

// A Close is the last frame of all (RFC 6455, section 5.5.1).
// Checklist: L6, G7
func TestOutboundSendsNothingAfterClose(t *testing.T) {
	for _, role := range roles {
		for _, inside := range []bool{false, true} {
			for _, size := range []int{0, 2, 125} {
				out := Outbound{Role: role, inside: inside}
				if _, err := out.Control(frame.Close, size); err != nil || !out.Closed() {
					t.Fatalf("%v: close of %d bytes: %v", role, size, err)
				}
				before := out
				for op := range frame.Opcode(16) {
					for _, final := range []bool{false, true} {
						if h, err := out.Data(op, final, 0); !errors.Is(err, ErrCloseSent) || h != (frame.Header{}) {
							t.Errorf("%v: %v after a close: got %+v, %v", role, op, h, err)
						}
					}
					if h, err := out.Control(op, 0); !errors.Is(err, ErrCloseSent) || h != (frame.Header{}) {
						t.Errorf("%v: %v after a close: got %+v, %v", role, op, h, err)
					}
				}
				if out != before {
					t.Errorf("%v: refused frames changed the machine: %+v, was %+v", role, out, before)
				}
			}
		}
	}
}

// sends are things that a connection may ask for, in any order.
var sends = []func(*Outbound) (frame.Header, error){
	func(o *Outbound) (frame.Header, error) { return o.Data(frame.Text, false, 1) },
	func(o *Outbound) (frame.Header, error) { return o.Data(frame.Text, true, 1) },
	func(o *Outbound) (frame.Header, error) { return o.Data(frame.Binary, false, 1) },
	func(o *Outbound) (frame.Header, error) { return o.Data(frame.Binary, true, 1) },
	func(o *Outbound) (frame.Header, error) { return o.Data(frame.Continuation, true, 1) },
	func(o *Outbound) (frame.Header, error) { return o.Data(frame.Close, true, 1) },
	func(o *Outbound) (frame.Header, error) { return o.Control(frame.Ping, 1) },
	func(o *Outbound) (frame.Header, error) { return o.Control(frame.Pong, 126) },
	func(o *Outbound) (frame.Header, error) { return o.Control(frame.Text, 1) },
	func(o *Outbound) (frame.Header, error) { return o.Control(frame.Close, 2) },
}

// In whatever order a connection asks, what it may send is what the other side
// takes, through the wire format too; and both sides agree on whether a message
// is open, so two are never mixed.
// Checklist: G5, G8, F1, F3
func TestOutboundPleasesInbound(t *testing.T) {
	for _, role := range roles {
		walkSends(t, Outbound{Role: role}, NewInbound(other(role), false, 0), 5)
	}
}

func walkSends(t *testing.T, out Outbound, in Inbound, steps int) {
	if steps == 0 {
		return
	}
	for _, send := range sends {
		out, in := out, in
		h, err := send(&out)
		if err != nil {
			continue
		}
		if h.Masked {
			h.Key = testKey
		}
		parsed, err := frame.ParseHeader(h.Append(nil))
		if err == nil {
			err = in.Header(parsed)
		}
		if err != nil || parsed != h {
			t.Fatalf("%v sent %+v, the peer says %v; sender now %+v, receiver %+v", out.Role, h, err, out, in)
		}
		in.left = 0 // as if the payload had passed
		if _, err := in.End(); err != nil || in.InMessage() != out.InMessage() {
			t.Fatalf("%v sent %+v: sender %+v, receiver %+v, %v", out.Role, h, out, in, err)
		}
		walkSends(t, out, in, steps-1)
	}
}
