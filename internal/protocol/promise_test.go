package protocol

import (
	"testing"
	"unsafe"

	"github.com/tidewire/websocket/frame"
)

// Each connection holds one of each, idle or not.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"Inbound", unsafe.Sizeof(Inbound{}), 32},
		{"Outbound", unsafe.Sizeof(Outbound{}), 3},
		{"Closing", unsafe.Sizeof(Open), 1},
		{"Step", unsafe.Sizeof(Step{}), 2},
	} {
		if c.got > c.want {
			t.Errorf("%s is %d bytes, bound %d", c.name, c.got, c.want)
		}
	}
}

func TestNoAllocationOnAcceptedInput(t *testing.T) {
	for _, role := range roles {
		in, out := NewInbound(role, true, 100), Outbound{Role: role}
		text := []byte(wire(role, "na\u00efve \u20ac \U0001F30A", 0))
		n := testing.AllocsPerRun(100, func() {
			take(t, &in, frame.Header{Opcode: frame.Text}, text)
			take(t, &in, whole(frame.Ping, 0), text)
			take(t, &in, last(0), text)
			take(t, &in, frame.Header{Fin: true, Opcode: frame.Text, RSV1: true}, text)
			_, err := out.Data(frame.Text, false, len(text))
			if err == nil {
				_, err = out.Control(frame.Pong, len(text))
			}
			if err == nil {
				_, err = out.Data(frame.Text, true, len(text))
			}
			if err != nil || Open.On(role, ReceiveClose).Next != Both {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%v: %v allocations, want 0", role, n)
		}
	}
}

// take gives in a frame with payload p, which is as it was afterwards.
func take(t testing.TB, in *Inbound, h frame.Header, p []byte) {
	h.Length = int64(len(p))
	h = fromPeer(in.role, h)
	if err := in.Header(h); err != nil {
		t.Fatal(err)
	}
	if err := in.Payload(p); err != nil {
		t.Fatal(err)
	}
	if _, err := in.End(); err != nil {
		t.Fatal(err)
	}
	frame.Mask(p, h.Key, 0)
}

// One fragment of one byte, however many came before.
func BenchmarkFragment(b *testing.B) {
	for _, role := range roles {
		b.Run(role.String(), func(b *testing.B) {
			in := NewInbound(role, false, 0)
			p := wire(role, "x", 0)
			take(b, &in, first(frame.Text, 0), p)
			b.SetBytes(1)
			b.ReportAllocs()
			for b.Loop() {
				take(b, &in, middle(0), p)
			}
		})
	}
}

// One message of text; for a server the time contains masking it again.
func BenchmarkText(b *testing.B) {
	for _, role := range roles {
		b.Run(role.String(), func(b *testing.B) {
			in := NewInbound(role, false, 0)
			p := make([]byte, 16<<10)
			for i := range p {
				p[i] = 'x'
			}
			frame.Mask(p, fromPeer(role, frame.Header{}).Key, 0)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				take(b, &in, whole(frame.Text, 0), p)
			}
		})
	}
}
