package fuzz

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
)

// compressedSeeds are payloads of compressed messages: the examples of RFC 7692,
// section 7.2.3, and some that are wrong, too large or no text.
func compressedSeeds() []string {
	z := deflate.NewCompressor(8, true, deflate.Fast)
	pack := func(p string) string { return string(z.Append(nil, []byte(p))) }
	return []string{
		"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
		"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "\x00", "", "Hello",
		pack(strings.Repeat("aé€😀 ende, ", 20)), pack(strings.Repeat("x", readLimit+1)), pack("\xff"), pack(strings.Repeat("y", readLimit)),
	}
}

// compressedStream is a payload as a peer of the role sends it, in two frames.
func compressedStream(role conn.Role, payload string) []byte {
	half := len(payload) / 2
	b := frameOf(role, frame.Header{RSV1: true, Opcode: frame.Text}, payload[:half])
	b = append(b, frameOf(role, frame.Header{Fin: true, Opcode: frame.Ping}, "")...)
	return append(b, frameOf(role, frame.Header{Fin: true}, payload[half:])...)
}

func frameOf(role conn.Role, h frame.Header, payload string) []byte {
	h.Length, h.Masked = int64(len(payload)), role == conn.Client
	b := h.Append(nil)
	return append(b, payload...) // masked with zeros
}

// Property: where compression was agreed on, any bytes end in messages within the
// limit and a documented error, the same however the stream is cut and whichever
// method collects it; a Reader gives the same messages, though it may see sooner what
// is wrong. What goes back is legal.
// Checklist: D7, D11, D12
func FuzzCompressedStream(f *testing.F) {
	for _, client := range []bool{false, true} {
		from := conn.Client
		if client {
			from = conn.Server
		}
		var all []byte
		for i, payload := range compressedSeeds() {
			b := compressedStream(from, payload)
			all = append(all, b...)
			for _, mode := range []byte{7, 8, 15} {
				f.Add(client, byte(i), mode, append(b, b...), []byte{byte(i % 5), 0})
			}
		}
		f.Add(client, byte(0), byte(15), all, []byte{0})
	}
	f.Fuzz(func(t *testing.T, client bool, by, mode byte, stream, cuts []byte) {
		role := conn.Server
		if client {
			role = conn.Client
		}
		bits, takeover := 8+int(mode%8), mode&8 != 0
		d := &deflate.Params{
			ServerNoContextTakeover: !takeover, ClientNoContextTakeover: !takeover,
			ServerMaxWindowBits: bits, ClientMaxWindowBits: bits,
		}
		setup := conn.Setup{Role: role, Deflate: d}
		stream = stream[:min(len(stream), 8<<10)] // below the size at which pieces are inflated
		synctest.Test(t, func(t *testing.T) {
			want, _ := playSetup(t, setup, byRead, stream, nil)
			by := way(by) % ways
			got, sent := playSetup(t, setup, by, stream, cuts)
			if by == byReader {
				n := min(len(got.messages), len(want.messages))
				if !slices.Equal(got.messages[:n], want.messages[:n]) || len(got.messages) > len(want.messages) {
					t.Fatalf("a Reader:\ngot  %+v\nwant %+v\nstream % x", got, want, stream)
				}
			} else if !got.equal(&want) {
				t.Fatalf("%v, way %d, cut by %v:\ngot  %+v\nwant %+v\nstream % x", role, by, cuts, got, want, stream)
			}
			for _, m := range got.messages {
				if len(m.p) > readLimit {
					t.Errorf("a message of %d bytes", len(m.p))
				}
			}
			const whole = true
			legal(t, role, sent, whole)
		})
	})
}
