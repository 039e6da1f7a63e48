package protocol

import (
	"errors"
	"slices"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// trace is what one segmentation of a stream came to.
type trace struct {
	frames  []seenFrame
	verdict string // of the step that failed, or ""
	badFrom int    // the piece that Payload refused is stream[badFrom:badTo]
	badTo   int
	in      Inbound // at the end
}

type seenFrame struct {
	h       frame.Header
	payload string // unmasked
	ended   bool   // it ended a message
}

// segment is the receiving loop of a connection without the connection: it is
// given the stream in pieces of the lengths that cuts names in turn, and uses
// every byte as soon as it has it.
func segment(in Inbound, stream, cuts []byte) trace {
	r := receiver{trace: trace{in: in}}
	for turn := 0; len(stream) > 0 && r.verdict == ""; turn++ {
		n := 1
		if len(cuts) > 0 {
			n = min(1+int(cuts[turn%len(cuts)]), len(stream))
		}
		r.buf, stream = append(r.buf, stream[:n]...), stream[n:]
		for r.step() {
		}
	}
	return r.trace
}

type receiver struct {
	trace
	buf     []byte // came and is not used
	at      int    // place of buf in the stream
	h       frame.Header
	payload []byte // of the open frame so far, unmasked
}

// step uses what it can of buf. It reports whether there may be more to use.
func (r *receiver) step() bool {
	if r.in.InFrame() {
		return r.stepPayload()
	}
	h, err := frame.ParseHeader(r.buf)
	if errors.Is(err, frame.ErrShort) {
		return false
	}
	if err == nil {
		err = r.in.Header(h)
	}
	if err != nil {
		r.verdict = "header: " + err.Error()
		return false
	}
	r.h, r.payload = h, nil
	r.use(frame.HeaderLen(r.buf[1]))
	return true
}

func (r *receiver) stepPayload() bool {
	n := int(min(r.in.Left(), int64(len(r.buf))))
	piece := slices.Clone(r.buf[:n])
	if err := r.in.Payload(piece); err != nil {
		r.verdict, r.badFrom, r.badTo = "payload: "+err.Error(), r.at, r.at+n
		return false
	}
	r.payload = append(r.payload, piece...)
	r.use(n)
	if r.in.Left() > 0 {
		return false
	}
	ended, err := r.in.End()
	if err != nil {
		r.verdict = "end: " + err.Error()
		return false
	}
	r.frames = append(r.frames, seenFrame{h: r.h, payload: string(r.payload), ended: ended})
	return true
}

func (r *receiver) use(n int) {
	r.buf, r.at = r.buf[n:], r.at+n
}

// sameAs reports whether both segmentations came to the same. one is that of
// single bytes, so its refused piece is the impossible byte itself.
func (tr trace) sameAs(one trace) bool {
	if tr.verdict != one.verdict || !slices.Equal(tr.frames, one.frames) {
		return false
	}
	if tr.badTo > 0 || one.badTo > 0 {
		return tr.badFrom <= one.badFrom && one.badTo <= tr.badTo && one.badTo-one.badFrom == 1
	}
	return tr.in == one.in
}

// fuzzStreams are conversations that the fuzzer starts from, as opcode and flags,
// then payload; frames are masked if they go to a server.
var fuzzStreams = [][]struct {
	b0      byte
	payload string
}{
	{{0x81, "Hello"}, {0x82, "\xff"}, {0x89, "Hello"}, {0x8A, ""}},
	{{0x01, "Hel"}, {0x89, "\xff"}, {0x00, ""}, {0x80, "lo"}, {0x81, "next"}},
	{{0x01, "\xe2"}, {0x8A, "x"}, {0x00, "\x82"}, {0x80, "\xac"}, {0x88, "\x03\xe8bye"}, {0x82, ""}},
	{{0x01, "\xf0\x9f"}, {0x80, "\x8c"}},
	{{0x81, "ok"}, {0x01, "\xce\xba\xed"}, {0x80, "\xa0\x80"}},
	{{0xC1, "\xf2\x48\xcd\xc9\xc9\x07\x00"}, {0x41, "\xff"}, {0x80, "\xff"}},
	{{0x02, ""}, {0x00, ""}, {0x00, ""}, {0x00, ""}, {0x80, ""}, {0x00, ""}},
	{{0x82, string(make([]byte, 300))}, {0x80, ""}},
	{{0x02, "a"}, {0x81, "b"}},
	{{0x89, "12"}, {0x83, ""}},
	{{0x82, ""}, {0xA2, ""}},
}

// Property: however a stream of frames is cut on its way, the same frames come
// out with the same unmasked bytes, then the same verdict in the same state; and
// text fails in the piece that has the first impossible byte.
// Checklist: T2, T4, K2, G1
func FuzzSegmentation(f *testing.F) {
	for _, frames := range fuzzStreams {
		for _, role := range roles {
			var stream []byte
			for _, fr := range frames {
				h := frame.Header{Fin: fr.b0&0x80 != 0, RSV1: fr.b0&0x40 != 0, RSV2: fr.b0&0x20 != 0,
					RSV3: fr.b0&0x10 != 0, Opcode: frame.Opcode(fr.b0 & 0xF), Length: int64(len(fr.payload))}
				stream = append(fromPeer(role, h).Append(stream), wire(role, fr.payload, 0)...)
			}
			for _, extension := range []bool{false, true} {
				for _, cuts := range []string{"\xff", "\x01", "\x02\x00\x04", "\x05\x01"} {
					f.Add(role == Client, extension, byte(3), stream, []byte(cuts))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, client, extension bool, bound byte, stream, cuts []byte) {
		role := Server
		if client {
			role = Client
		}
		in := NewInbound(role, extension, int(bound))
		one := segment(in, stream, nil)
		if got := segment(in, stream, cuts); !got.sameAs(one) {
			t.Errorf("%v: cut by %v: got %+v, want %+v; stream % x", role, cuts, got, one, stream)
		}
	})
}
