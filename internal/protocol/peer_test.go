package protocol

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// testKey is the key of the examples in RFC 6455, section 5.7.
var testKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// fromPeer returns h as the peer of role would send it: masked to a server, bare
// to a client (RFC 6455, section 5.1).
func fromPeer(role Role, h frame.Header) frame.Header {
	if role == Server {
		h.Masked, h.Key = true, testKey
	}
	return h
}

// wire returns p as it stands in a frame to role, masked byte by byte from the
// place pos of the payload on (RFC 6455, section 5.3).
func wire(role Role, p string, pos int) []byte {
	b := []byte(p)
	if role == Server {
		for i := range b {
			b[i] ^= testKey[(pos+i)%4]
		}
	}
	return b
}

func first(op frame.Opcode, n int64) frame.Header { return frame.Header{Opcode: op, Length: n} }
func middle(n int64) frame.Header                 { return frame.Header{Length: n} }
func last(n int64) frame.Header                   { return frame.Header{Fin: true, Length: n} }
func whole(op frame.Opcode, n int64) frame.Header {
	return frame.Header{Fin: true, Opcode: op, Length: n}
}

// pass gives in a frame with the payload p and fails the test if it is refused.
// It returns the unmasked payload and whether a message ended.
func pass(t *testing.T, in *Inbound, h frame.Header, p string) (string, bool) {
	t.Helper()
	h.Length = int64(len(p))
	if err := in.Header(fromPeer(in.role, h)); err != nil {
		t.Fatalf("%v: header %+v: got %v, want it accepted", in.role, h, err)
	}
	b := wire(in.role, p, 0)
	if err := in.Payload(b); err != nil {
		t.Fatalf("%v: payload %q: got %v, want it accepted", in.role, p, err)
	}
	message, err := in.End()
	if err != nil {
		t.Fatalf("%v: end after %q: got %v, want it accepted", in.role, p, err)
	}
	return string(b), message
}

// refuse wants the step to fail with that code and section, and in to be what it
// was before.
func refuse(t *testing.T, in *Inbound, code frame.CloseCode, section string, step func() error) {
	t.Helper()
	before := *in
	err := step()
	var e *frame.Error
	if !errors.As(err, &e) || e.Code != code || e.Section != section {
		t.Fatalf("%v: got %v, want code %d, section %s; machine %+v", in.role, err, uint16(code), section, before)
	}
	if text := err.Error(); !strings.HasPrefix(text, "websocket: ") || !strings.HasSuffix(text, "(RFC 6455, section "+section+")") {
		t.Errorf("error text is %q", text)
	}
	if *in != before {
		t.Fatalf("%v: a refused step changed the machine: %+v, was %+v", in.role, *in, before)
	}
}

// refuseHeader wants the header to be refused as a protocol error.
func refuseHeader(t *testing.T, in *Inbound, section string, h frame.Header) {
	t.Helper()
	refuse(t, in, frame.CloseProtocolError, section, func() error { return in.Header(h) })
}

// midMessage returns a machine inside a message of type op.
func midMessage(t *testing.T, role Role, rsv1 bool, op frame.Opcode) Inbound {
	t.Helper()
	in := NewInbound(role, rsv1, 0)
	pass(t, &in, first(op, 0), "")
	return in
}

func wantPanic(t *testing.T, name string, f func()) {
	t.Helper()
	defer func() {
		text, _ := recover().(string)
		if !strings.HasPrefix(text, "websocket: internal error: ") {
			t.Errorf("%s: got panic %q, want an internal error", name, text)
		}
	}()
	f()
}
