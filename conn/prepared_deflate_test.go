package conn

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

func mustPrepare(t testing.TB, typ MessageType, p []byte) *Prepared {
	t.Helper()
	m, err := Prepare(typ, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A thousand connections share one compressed form for each window, made when it is
// first needed, and one plain form.
func TestPreparedIsCompressedOncePerWindow(t *testing.T) {
	msg := records(1, 5000)
	m := mustPrepare(t, Text, msg)
	if m.packed.Load() != nil {
		t.Error("it is compressed before anybody needs it")
	}
	forms := map[int]*byte{}
	for i := range 1000 {
		role, bits := both[i/8%2], 8+i%8
		takeover, level := i/16%2 == 0, []CompressionLevel{FastCompression, BetterCompression}[i/32%2]
		p := oneWay(role, bits, takeover)
		c, out := sender(t, role, p, packing(Compression{Takeover: takeover, Level: level, WindowBits: 15}))
		if err := c.WritePrepared(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		judgedBy(role, p).wants(t, out.message(), true, msg)
		b := m.body(c.wr.deflater())
		if forms[bits] == nil {
			forms[bits] = &b.frame[0]
		}
		if forms[bits] != &b.frame[0] {
			t.Fatalf("connection %d made another form for %d bits", i, bits)
		}
		if want := min(i+1, 8); len(m.made()) != want {
			t.Fatalf("after %d connections there are forms for %v bits", i+1, m.made())
		}
		c.CloseNow()
	}
}

// made are the windows that m has a compressed form for.
func (m *Prepared) made() (bits []int) {
	for i := range m.packed.Load() {
		if m.packed.Load()[i].frame != nil {
			bits = append(bits, i)
		}
	}
	return bits
}

// A message that compression does not make smaller is tried once and goes out in
// its plain form, and so does a marked one, which is never tried.
func TestPreparedThatIsNotCompressed(t *testing.T) {
	noise := kindsOfData[3](newRand(1), 3000)
	for _, role := range both {
		p := deflate.Params{}
		o := packing(Compression{Takeover: true, WindowBits: 15})
		o.Compression.Threshold = 100
		c, out := sender(t, role, p, o)
		in := judgedBy(role, p)
		for _, test := range []struct {
			m     *Prepared
			p     []byte
			tried bool
		}{
			{mustPrepare(t, Binary, noise), noise, true},
			{mustPrepare(t, Binary.Uncompressed(), records(1, 3000)), records(1, 3000), false},
			{mustPrepare(t, Binary, records(1, 99)), records(1, 99), false},
		} {
			for range 3 {
				if err := c.WritePrepared(t.Context(), test.m); err != nil {
					t.Fatal(err)
				}
				in.wants(t, out.message(), false, test.p)
			}
			if tried := test.m.packed.Load() != nil; tried != test.tried {
				t.Errorf("%d bytes: tried %v, want %v", len(test.p), tried, test.tried)
			}
			// Nothing of it is in a window.
			in.wantsSent(t, out, waysToSend(t, c)[0], true, append(records(2, 1000), test.p[:50]...))
		}
	}
}

// With takeover a prepared message refers to nothing before it, and what is sent
// behind it refers to it.
//
// Checklist: D8
func TestPreparedIsInTheWindow(t *testing.T) {
	for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
		for _, role := range both {
			for _, bits := range []int{9, 12, 15} {
				t.Run(fmt.Sprintf("%v/%v/bits=%d", level, role, bits), func(t *testing.T) {
					p := oneWay(role, bits, true)
					c, out := sender(t, role, p, packing(Compression{Takeover: true, Level: level, WindowBits: 15}))
					in := judgedBy(role, p)
					msg := hexOf(newRand(uint64(bits)), 400)
					m := mustPrepare(t, Text, msg)
					write := waysToSend(t, c)[0]
					in.wantsSent(t, out, write, true, msg)
					for _, send := range waysToSend(t, c)[4:] { // the two for prepared messages
						in.wantsSent(t, out, send, true, msg)
					}
					alone := len(payloadOf(m.body(c.wr.deflater()).frame))
					if err := c.WritePrepared(t.Context(), m); err != nil {
						t.Fatal(err)
					}
					sent := out.message()
					in.wants(t, sent, true, msg)
					if len(sent.p) != alone {
						t.Errorf("a prepared message is %d bytes, and %d by itself", len(sent.p), alone)
					}
					// It is the only thing in the window that the next one is like.
					c.wr.terms.deflate.z.Reset()
					if err := c.WritePrepared(t.Context(), m); err != nil {
						t.Fatal(err)
					}
					in.wants(t, out.message(), true, msg)
					if err := c.Write(t.Context(), Text, msg); err != nil {
						t.Fatal(err)
					}
					sent = out.message()
					in.wants(t, sent, true, msg)
					if len(sent.p) > alone/4 {
						t.Errorf("behind a prepared message of %d bytes the same is %d bytes", alone, len(sent.p))
					}
				})
			}
		}
	}
}

// Large ones too, which go out from where they lie.
//
// Checklist: D8
func TestLargePreparedIsInTheWindow(t *testing.T) {
	for _, role := range both {
		for _, wrap := range []bool{false, true} { // a stream that can be tried, and one that cannot
			p := deflate.Params{}
			near, far := wiretest.Pipe(1 << 20)
			var c *Conn
			o := packing(Compression{Takeover: true, WindowBits: 15})
			if wrap {
				c = New(wiretest.Record(near), Setup{Role: role, Deflate: &p}, o)
			} else {
				c = New(near, Setup{Role: role, Deflate: &p}, o)
			}
			defer c.CloseNow()
			out, in := &outbox{t: t, far: far, role: role}, judgedBy(role, p)
			msg := hexOf(newRand(2), 100_000)
			m, before := mustPrepare(t, Text, msg), bytes.Clone(msg)
			for range 3 {
				if err := c.WritePrepared(t.Context(), m, m); err != nil {
					t.Fatal(err)
				}
				in.wants(t, out.message(), true, msg)
				in.wants(t, out.message(), true, msg)
				if err := c.Write(t.Context(), Text, msg[len(msg)-1000:]); err != nil {
					t.Fatal(err)
				}
				sent := out.message()
				in.wants(t, sent, true, msg[len(msg)-1000:])
				if len(sent.p) > 200 {
					t.Errorf("the end of it again takes %d bytes", len(sent.p))
				}
			}
			if !bytes.Equal(m.p, before) {
				t.Error("the message has changed")
			}
		}
	}
}

// Many goroutines send one Prepared on many connections at once, in both roles, on
// some of them beside compressing Writes. A client masks a copy: the shared frames
// stay as they are.
func TestPreparedIsShared(t *testing.T) {
	msgs := [][]byte{records(1, 300), records(2, 5000), hexOf(newRand(3), 60_000)}
	var ms []*Prepared
	for _, p := range msgs {
		ms = append(ms, mustPrepare(t, Text, p))
	}
	const conns, rounds = 16, 20
	var wg sync.WaitGroup
	frames := make(chan []byte, conns*len(ms))
	for i := range conns {
		role := both[i%2]
		p := oneWay(role, []int{8, 12, 15, 15}[i/2%4], i%3 > 0)
		c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
		in := newReceiver(direction(role, p))
		const writers = 3
		for n := range writers {
			wg.Go(func() {
				for range rounds {
					switch {
					case n > 0:
						c.WritePrepared(t.Context(), ms...)
					default:
						for _, p := range msgs {
							c.Write(t.Context(), Text, p)
						}
					}
				}
			})
		}
		wg.Go(func() {
			count := map[string]int{}
			for range writers * rounds * len(ms) {
				p, err := in(out.message())
				if err != nil {
					t.Error(err)
					return
				}
				count[string(p)]++
			}
			for _, p := range msgs {
				if count[string(p)] != writers*rounds {
					t.Errorf("connection %d: message of %d bytes came %d times", i, len(p), count[string(p)])
				}
			}
			for _, m := range ms {
				frames <- m.body(c.wr.deflater()).frame
			}
		})
	}
	wg.Wait()
	close(frames)
	for b := range frames {
		h, err := frame.ParseHeader(b)
		if err != nil || h.Masked || !h.RSV1 || int(h.Length) != len(b)-h.Len() {
			t.Fatalf("a shared frame has the header %+v, %v", h, err)
		}
		got, err := newReceiver(deflate.Direction{WindowBits: 15})(sentMessage{packed: true, p: payloadOf(b)})
		if err != nil || !bytes.Equal(got, msgs[0]) && !bytes.Equal(got, msgs[1]) && !bytes.Equal(got, msgs[2]) {
			t.Fatalf("a shared frame inflates to %d bytes, %v", len(got), err)
		}
	}
}

// newReceiver inflates messages as a peer does, faster than strict.
func newReceiver(d deflate.Direction) func(m sentMessage) ([]byte, error) {
	z := deflate.NewDecompressor(d.WindowBits, d.Takeover)
	return func(m sentMessage) ([]byte, error) {
		if !m.packed {
			return m.p, nil
		}
		return z.Append(nil, m.p, true, -1)
	}
}

// Posted behind an open Writer, a prepared message waits for its end.
//
// Checklist: D8
func TestPostPreparedBehindACompressingWriter(t *testing.T) {
	for _, role := range both {
		p := deflate.Params{}
		c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: 15}))
		in := judgedBy(role, p)
		large, small := records(1, 3*fragmentSize), records(2, 2000)
		m := mustPrepare(t, Text, small)
		w, err := c.Writer(t.Context(), Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(large[:2*fragmentSize]); err != nil {
			t.Fatal(err)
		}
		if err := c.PostPrepared(m, m); err != nil {
			t.Fatal(err)
		}
		if err := c.Post(Text, small); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(large[2*fragmentSize:]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		in.wants(t, out.message(), true, large)
		for range 3 {
			in.wants(t, out.message(), true, small)
		}
	}
}

// What is queued counts as it will be sent: prepared messages compressed, posted
// ones that wait to be compressed as they are.
func TestQueueCountsCompressedBytes(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			p := deflate.Params{}
			near, far := wiretest.Pipe(1)
			near.Write([]byte{0})
			defer far.Close()
			o := packing(Compression{Takeover: true, WindowBits: 15})
			msg := records(1, 30_000)
			m := mustPrepare(t, Text, msg)
			n := len(payloadOf(m.pack(&deflater{bits: 15})))
			head := 4 + 4*int(role)
			// Room for three of them, each with the longest header there is for those that come.
			o.QueueBytes = 2*(head+n) + n + frame.MaxHeaderLen
			c := New(near, Setup{Role: role, Deflate: &p}, o)
			defer c.CloseNow()
			for i := range 3 {
				if err := c.PostPrepared(m); err != nil {
					t.Fatalf("%v: %d are queued: %v", role, i, err)
				}
				if got, want := c.Stats().Queued, (i+1)*(head+n); got != want {
					t.Errorf("%v: %d bytes are queued, want %d", role, got, want)
				}
			}
			before := c.Stats()
			for what, err := range map[string]error{
				"PostPrepared": c.PostPrepared(m), "Post": c.Post(Text, msg), "two": c.PostPrepared(mustPrepare(t, Text, nil), m),
			} {
				if err != ErrQueueFull {
					t.Errorf("%v: %s into a full queue = %v", role, what, err)
				}
			}
			if after := c.Stats(); after != before {
				t.Errorf("%v: refused messages count: %+v", role, after)
			}
			// What was refused is in no window.
			io.ReadFull(far, make([]byte, 1))
			out, in := &outbox{t: t, far: far, role: role}, judgedBy(role, p)
			for range 3 {
				in.wants(t, out.message(), true, msg)
			}
			synctest.Wait()
			other := records(4, 3000)
			if err := c.Post(Text, other); err != nil {
				t.Fatal(err)
			}
			in.wants(t, out.message(), true, other)
		})
	}
}
