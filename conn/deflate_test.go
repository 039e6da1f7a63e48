package conn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
)

// records is JSON of n bytes that shrinks well, the same for the same seed.
func records(seed uint64, n int) []byte {
	return jsonOf(newRand(seed), n)
}

// judgedBy returns a receiver that has agreed on p with the side in that role.
func judgedBy(role Role, p deflate.Params) strict { return newStrict(direction(role, p)) }

// wants fails unless m is that message for a receiver with s.
func (s strict) wants(t testing.TB, m sentMessage, packed bool, p []byte) {
	t.Helper()
	if m.packed != packed {
		t.Errorf("message of %d bytes, compressed %v, want %v", len(p), m.packed, packed)
	}
	if got, err := s.read(m); err != nil || !bytes.Equal(got, p) {
		t.Fatalf("message of %d bytes inflates to %d others, %v", len(p), len(got), err)
	}
}

// RSV1 is on the first frame of a message only; what is stripped, is stripped once,
// at the end of the message; an empty last frame holds a byte at least.
//
// Checklist: D1, D4
func TestCompressedWriterHasOneTail(t *testing.T) {
	for _, role := range both {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v/takeover=%v", role, takeover), func(t *testing.T) {
				p := oneWay(role, 15, takeover)
				c, out := sender(t, role, p, packing(Compression{Takeover: takeover, WindowBits: 15}))
				in := judgedBy(role, p)
				for i, size := range []int{40 * fragmentSize, 40*fragmentSize + 77, fragmentSize, fragmentSize - 1, fragmentSize + 1, 5, 3 * fragmentSize} {
					msg := records(uint64(i), size)
					w, err := c.Writer(t.Context(), Text)
					if err != nil {
						t.Fatal(err)
					}
					for rest := msg; len(rest) > 0; {
						n := min(1+i*1777, len(rest))
						if _, err := w.Write(rest[:n]); err != nil {
							t.Fatal(err)
						}
						rest = rest[n:]
					}
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
					m := out.message()
					if want := size/fragmentSize + 1; m.frames != want {
						t.Errorf("%d bytes were %d frames, want %d", size, m.frames, want)
					}
					// As one DEFLATE stream: an inner 00 00 ff ff that was stripped, or a last
					// one that was not, is neither (RFC 7692, section 7.2.1).
					if !m.packed {
						if size > 5 {
							t.Fatalf("%d bytes of JSON went out plain", size)
						}
						continue
					}
					if bytes.HasSuffix(m.p, []byte{0, 0, 0xff, 0xff}) {
						t.Errorf("the tail is still there: %x", m.p[len(m.p)-8:])
					}
					in.wants(t, m, true, msg)
				}
			})
		}
	}
}

// A ping in the middle of a compressed message has no RSV1, nor have the frames
// behind it.
//
// Checklist: D1, D2
func TestControlFramesPassInCompressedMessages(t *testing.T) {
	for _, role := range both {
		p := deflate.Params{}
		c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
		w, err := c.Writer(t.Context(), Text)
		if err != nil {
			t.Fatal(err)
		}
		msg := records(1, 4*fragmentSize)
		for i := range 4 {
			if _, err := w.Write(msg[i*fragmentSize:][:fragmentSize]); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.sendPing(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		m := out.message()
		judgedBy(role, p).wants(t, m, true, msg)
		if n := c.Stats().FramesOut; n != 4+5 || m.frames != 5 {
			t.Errorf("%d frames, %d of the message; want 9 and 5", n, m.frames)
		}
	}
}

// An empty message goes out plain: compressed it is a byte, and not smaller. It is
// in no window.
//
// Checklist: D6
func TestEmptyMessagesGoOutPlain(t *testing.T) {
	for _, role := range both {
		p := deflate.Params{}
		c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
		in := judgedBy(role, p)
		for i, send := range waysToSend(t, c) {
			for _, msg := range [][]byte{records(2, 900), nil, records(2, 900)} {
				if err := send.do(Text, msg); err != nil {
					t.Fatal(err)
				}
				m := out.message()
				if len(msg) == 0 && (len(m.p) > 0 || m.frames != 1) {
					t.Errorf("%v, %s (%d): an empty message is %d bytes in %d frames", role, send.name, i, len(m.p), m.frames)
				}
				in.wants(t, m, len(msg) > 0, msg)
			}
		}
	}
}

// wayToSend is a call that sends one message.
type wayToSend struct {
	name string
	do   func(typ MessageType, p []byte) error
}

// waysToSend are all there are for a message of any bytes.
func waysToSend(t testing.TB, c *Conn) []wayToSend {
	ctx := t.Context()
	prepared := func(send func(m *Prepared) error) func(typ MessageType, p []byte) error {
		return func(typ MessageType, p []byte) error {
			m, err := Prepare(typ, p)
			if err != nil {
				return err
			}
			return send(m)
		}
	}
	return []wayToSend{
		{"Write", func(typ MessageType, p []byte) error { return c.Write(ctx, typ, p) }},
		{"Writer", func(typ MessageType, p []byte) error {
			w, err := c.Writer(ctx, typ)
			if err == nil {
				_, err = w.Write(p)
			}
			if err == nil {
				err = w.Close()
			}
			return err
		}},
		{"Post", c.Post},
		{"Post behind a Writer", func(typ MessageType, p []byte) error {
			w, err := c.Writer(ctx, Text) // is given up: nothing of it is sent
			if err != nil {
				return err
			}
			if err := c.Post(typ, p); err != nil {
				return err
			}
			return w.(*messageWriter).giveUp(nil)
		}},
		{"WritePrepared", prepared(func(m *Prepared) error { return c.WritePrepared(ctx, m) })},
		{"PostPrepared", prepared(func(m *Prepared) error { return c.PostPrepared(m) })},
	}
}

// The threshold is exact, in each way to send.
func TestThreshold(t *testing.T) {
	for _, test := range []struct {
		option, first int // what is compressed first
	}{
		{0, defaultThreshold},
		{100, 100},
		{5000, 5000},
		{-1, 20}, // JSON of fewer bytes does not become smaller
		{-1000, 20},
	} {
		for _, role := range both {
			p := deflate.Params{}
			o := packing(Compression{Takeover: true, WindowBits: 15})
			o.Compression.Threshold = test.option
			c, out := sender(t, role, p, o)
			in := judgedBy(role, p)
			for _, send := range waysToSend(t, c) {
				for _, size := range []int{test.first - 1, test.first} {
					msg := bytes.Repeat([]byte("ab"), size)[:size]
					if err := send.do(Binary, msg); err != nil {
						t.Fatal(err)
					}
					packed := size >= test.first || test.option < 0
					in.wants(t, out.message(), packed, msg)
				}
			}
		}
	}
	if defaultThreshold != 512 {
		t.Errorf("the default threshold is %d bytes, want 512", defaultThreshold)
	}
}

// A type that is marked is not compressed, whatever sends it, and is in no window.
//
// Checklist: D3, D15
func TestUncompressedStaysPlain(t *testing.T) {
	for _, role := range both {
		p := deflate.Params{}
		c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
		in := judgedBy(role, p)
		secret := records(9, 3000)
		for _, send := range waysToSend(t, c) {
			for _, typ := range []MessageType{Text, Binary} {
				if err := send.do(typ.Uncompressed(), secret); err != nil {
					t.Fatal(err)
				}
				m := out.message()
				in.wants(t, m, false, secret)
				if m.op != frame.Opcode(typ) {
					t.Errorf("%s of %v has opcode %v", send.name, typ.Uncompressed(), m.op)
				}
				// Large enough for a reference to the secret, if that were in a window.
				if err := send.do(typ, secret); err != nil {
					t.Fatal(err)
				}
				m = out.message()
				if m.op != frame.Opcode(typ) {
					t.Errorf("%s of %v has opcode %v", send.name, typ, m.op)
				}
				if !m.packed {
					t.Errorf("%s: the next message is plain", send.name)
				}
				if _, err := in.read(m); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// Nothing of a plain message is in a message that is compressed behind it.
//
// Checklist: D3, D15
func TestUncompressedIsInNoWindow(t *testing.T) {
	for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
		c, out := sender(t, Server, deflate.Params{}, packing(Compression{Takeover: true, WindowBits: 15, Level: level}))
		secret := hexOf(newRand(4), 2000)
		lengths := map[int]string{}
		for _, send := range waysToSend(t, c) {
			c.wr.terms.deflate.z.Reset()
			if err := send.do(Text.Uncompressed(), secret); err != nil {
				t.Fatal(err)
			}
			out.message()
			if err := c.Write(t.Context(), Text, secret); err != nil {
				t.Fatal(err)
			}
			m := out.message()
			lengths[len(m.p)] += send.name + " "
			judgedBy(Server, oneWay(Server, 15, false)).wants(t, m, true, secret)
		}
		if len(lengths) != 1 {
			t.Errorf("%v: what follows a plain message depends on it: %v", level, lengths)
		}
	}
}

// Stream and WriteJSON compress as Write does; a marked Stream does not.
func TestStreamAndJSONAreCompressed(t *testing.T) {
	for _, role := range both {
		p := deflate.Params{}
		c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
		in := judgedBy(role, p)
		msg := records(5, 2*copyMax+100)
		for _, typ := range []MessageType{Text, Binary, Text.Uncompressed(), Binary.Uncompressed()} {
			if n, err := Stream(c, typ).Write(msg); n != len(msg) || err != nil {
				t.Fatalf("Stream wrote %d bytes, %v", n, err)
			}
			for i, m := range out.messages(3) {
				from := i * copyMax
				in.wants(t, m, !typ.isPlain(), msg[from:min(from+copyMax, len(msg))])
			}
		}
		v := strings.Repeat("to and fro ", 200)
		if err := WriteJSON(t.Context(), c, v); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(v)
		in.wants(t, out.message(), true, want)
	}
}

// What does not become smaller goes out as it is, and the next message does not
// refer to it.
//
// Checklist: D3, D8
func TestMessageThatDoesNotShrinkIsPlain(t *testing.T) {
	for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
		for _, role := range both {
			for _, bits := range []int{8, 12, 15} {
				p := oneWay(role, bits, true)
				c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: bits, Level: level}))
				in := judgedBy(role, p)
				r := newRand(uint64(bits))
				for _, send := range waysToSend(t, c) {
					for _, size := range []int{1, 20, 200, 2000} {
						noise := make([]byte, size)
						for i := range noise {
							noise[i] = byte(r.Uint32())
						}
						in.wantsSent(t, out, send, true, records(6, 700))
						c.wr.terms.deflate.misses = firstSeeds // it is none of the seeds
						in.wantsSent(t, out, send, false, noise)
						// Half of it is what was not sent compressed.
						in.wantsSent(t, out, send, true, append(records(6, 700), noise[:min(size, 200)]...))
					}
				}
			}
		}
	}
}

func (s strict) wantsSent(t *testing.T, out *outbox, send wayToSend, packed bool, p []byte) {
	t.Helper()
	if err := send.do(Binary, p); err != nil {
		t.Fatal(err)
	}
	s.wants(t, out.message(), packed, p)
}

// A handshake that agreed on it although Options say nothing binds all the same:
// with the defaults, which have no takeover.
func TestAgreedWithoutOptions(t *testing.T) {
	for _, role := range both {
		o := quiet()
		o.QueueBytes = -1
		p := deflate.Params{}
		c, out := sender(t, role, p, o)
		in := newStrict(deflate.Direction{WindowBits: 15})
		for _, send := range waysToSend(t, c) {
			in.wantsSent(t, out, send, true, records(7, defaultThreshold))
			in.wantsSent(t, out, send, true, records(7, defaultThreshold))
			in.wantsSent(t, out, send, false, records(7, defaultThreshold-1))
		}
		if got := c.Extensions(); got != "permessage-deflate" {
			t.Errorf("Extensions = %q", got)
		}
	}
}

// Without an agreement nothing is compressed, whatever Options say.
//
// Checklist: P10, X7, D15
func TestNothingIsCompressedUnlessAgreed(t *testing.T) {
	for _, o := range []*Options{nil, packing(Compression{Takeover: true})} {
		for _, role := range both {
			c, p := narrow(t, role, 1<<20, o)
			for _, send := range waysToSend(t, c) {
				if err := send.do(Text, records(1, 5000)); err != nil {
					t.Fatal(err)
				}
				if h, got, err := p.next(); h.RSV1 || got != string(records(1, 5000)) || err != nil {
					t.Fatalf("%v, %s: peer got %+v, %v", role, send.name, h, err)
				}
			}
			if got := c.Extensions(); got != "" {
				t.Errorf("Extensions = %q", got)
			}
		}
	}
}

// What is compressed is checked before: text is UTF-8, unless it is trusted.
func TestCompressedTextIsChecked(t *testing.T) {
	bad := append(records(1, 1000), 0xff)
	for _, trust := range []bool{false, true} {
		o := packing(Compression{Takeover: true, WindowBits: 15})
		o.TrustText = trust
		p := deflate.Params{}
		c, out := sender(t, Server, p, o)
		in := judgedBy(Server, p)
		for _, send := range waysToSend(t, c) {
			err := send.do(Text, bad)
			trusted := trust && !strings.HasSuffix(send.name, "Prepared") // a Prepared is for any connection
			if (err == nil) != trusted {
				t.Errorf("trusted %v: %s of bad text = %v", trust, send.name, err)
			}
			if err == nil {
				in.wants(t, out.message(), true, bad)
			}
			unlock(c)
			in.wantsSent(t, out, send, true, records(2, 1000))
		}
	}
}

// unlock gives the turn of a Writer back that a failed test call has left open.
func unlock(c *Conn) {
	c.mu.Lock()
	if c.wr.message.held() {
		c.endMessage()
	}
	c.mu.Unlock()
}

// BytesOut counts the message, WireOut what it became.
func TestStatsCountBothSizes(t *testing.T) {
	for _, role := range both {
		p := deflate.Params{}
		c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
		in := judgedBy(role, p)
		bytesOut, frames := 0, 0
		for _, send := range waysToSend(t, c) {
			for _, size := range []int{600, 100_000, 0, 300_000} {
				in.wantsSent(t, out, send, size > 0, records(uint64(size), size))
				bytesOut += size
				frames++
				if send.name == "Writer" {
					frames += size / fragmentSize
				}
			}
		}
		s := c.Stats()
		if s.BytesOut != int64(bytesOut) || s.WireOut != int64(out.all) || s.FramesOut != int64(frames) {
			t.Errorf("%v: %+v; want %d bytes in %d frames, %d on the wire", role, s, bytesOut, frames, out.all)
		}
		if s.WireOut > s.BytesOut/2 {
			t.Errorf("%v: %d bytes became %d", role, s.BytesOut, s.WireOut)
		}
	}
}

// The mark is no part of a type that is printed or received.
func TestMarkedTypes(t *testing.T) {
	for _, typ := range []MessageType{Text, Binary} {
		marked := typ.Uncompressed()
		if !marked.isPlain() || typ.isPlain() || marked.Uncompressed() != marked || marked.String() != typ.String() {
			t.Errorf("%v: marked %v, twice %v", uint8(typ), uint8(marked), uint8(marked.Uncompressed()))
		}
		client, server := packedPair(t, packing(Compression{}))
		for _, sent := range []MessageType{marked, typ} {
			if err := client.Post(sent, records(1, 1000)); err != nil {
				t.Fatal(err)
			}
			if got, _, err := server.Read(t.Context()); got != typ || err != nil {
				t.Errorf("%v came as %v, %v", uint8(sent), uint8(got), err)
			}
		}
	}
}
