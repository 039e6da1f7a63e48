package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// A receiver is the standard library's inflater behind the receiving end of RFC
// 7692, section 7.2.2: an oracle that shares no line with this package.
type receiver struct {
	r       io.ReadCloser
	history []byte // the last window of what came, with takeover
	window  int
	keep    bool
}

func newReceiver(windowBits int, takeover bool) *receiver {
	return &receiver{r: flate.NewReader(nil), window: 1 << windowBits, keep: takeover}
}

func (v *receiver) receive(p []byte) ([]byte, error) {
	// The four bytes that were taken off, and a final block, which this reader needs.
	const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	in := bytes.NewReader(append(bytes.Clone(p), tail...))
	if err := v.r.(flate.Resetter).Reset(in, v.history); err != nil {
		return nil, err
	}
	msg, err := io.ReadAll(v.r)
	if err == nil && in.Len() > 0 {
		err = fmt.Errorf("%d bytes are left", in.Len())
	}
	if v.keep {
		v.history = append(v.history, msg...)
		v.history = v.history[max(0, len(v.history)-v.window):]
	}
	return msg, err
}

// want fails unless p inflates to msg.
func (v *receiver) want(t testing.TB, p, msg []byte, what ...any) {
	t.Helper()
	if got, err := v.receive(p); err != nil || !bytes.Equal(got, msg) {
		t.Fatalf("%v: inflates to %d bytes (%v), want the %d that went in", fmt.Sprintln(what...), len(got), err, len(msg))
	}
}

// modes calls f for every level, window and takeover; under the race detector,
// which is slow, for three windows.
func modes(t *testing.T, f func(t *testing.T, bits int, takeover bool, level Level)) {
	for level := Fast; level <= Better; level++ {
		for bits := minWindowBits; bits <= maxWindowBits; bits++ {
			if raceDetector && bits != 8 && bits != 12 && bits != 15 {
				continue
			}
			for _, takeover := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%d/%t", level, bits, takeover), func(t *testing.T) { f(t, bits, takeover, level) })
			}
		}
	}
}

// sizes of messages: the edges of stored blocks, of padding and of what is
// staged, and in between.
var sizes = []int{0, 1, 2, 3, 5, 20, 100, 300, 256, 1000, 1024, 5000, 4096, 4097, 20000, 65535, 65536, 100, 0, 1000, 150000, 50}

// bound is the most that a message of n bytes may grow to, if it is random or not.
func bound(n int, random bool) int {
	if random {
		return n + (n+32<<10-1)/(32<<10)*5 + 2
	}
	return n + n/256 + 8
}

// Checklist: D4, D9
func TestCompressorRoundTrip(t *testing.T) {
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		for _, k := range kinds {
			r, v := newRand(uint64(bits)), newReceiver(bits, takeover)
			c := NewCompressor(bits, takeover, level)
			for i, size := range sizes {
				msg := k.make(r, i, size)
				before := bytes.Clone(msg)
				out := c.Append([]byte("head"), msg)
				if string(out[:4]) != "head" || !bytes.Equal(msg, before) {
					t.Fatal("Append changed what it was given")
				}
				v.want(t, out[4:], msg, k.name, i)
				if most := bound(len(msg), k.name == "random"); len(out)-4 > most {
					t.Errorf("%s: %d bytes grew to %d, want at most %d", k.name, len(msg), len(out)-4, most)
				}
			}
		}
	})
}

// Append writes nothing behind what it returns.
func TestAppendStaysInside(t *testing.T) {
	r := newRand(3)
	for _, k := range kinds {
		for _, size := range []int{0, 1, 60, 300, 1000, 5000} {
			msg := k.make(r, 0, size)
			want := NewCompressor(15, false, Fast).Append(nil, msg)
			dst := bytes.Repeat([]byte{0xa5}, len(want)+100)
			got := NewCompressor(15, false, Fast).Append(dst[:0], msg)
			if !bytes.Equal(got, want) || bytes.Count(dst[len(want):], []byte{0xa5}) != 100 {
				t.Errorf("%s, %d bytes: wrote behind the end", k.name, size)
			}
		}
	}
}

// Checklist: D6
func TestEmptyMessageIsOneByte(t *testing.T) {
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		c := NewCompressor(bits, takeover, level)
		for range 3 {
			if got := c.Append(nil, nil); !bytes.Equal(got, []byte{0}) { // RFC 7692, section 7.2.3.6
				t.Errorf("empty message: got %x, want 00", got)
			}
			c.Append(nil, []byte("something between"))
		}
	})
}

// manyMessages is the number of messages of TestManyMessagesCompressed.
const manyMessages = 10_000

// Ours inflates them, too: it keeps a window of exactly that size.
//
// Checklist: D8
func TestManyMessagesCompressed(t *testing.T) {
	if testing.Short() {
		t.Skip("32 times 10,000 messages: not with -short")
	}
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		r := newRand(uint64(bits))
		c, d := NewCompressor(bits, takeover, level), NewDecompressor(bits, takeover)
		v := newReceiver(bits, takeover)
		var out, got []byte
		for i := range sampled(manyMessages) {
			msg := kinds[r.IntN(len(kinds))].make(r, i, 1+r.IntN(1<<r.IntN(14)))
			out = c.Append(out[:0], msg)
			var err error
			got, err = d.Append(got[:0], out, true, -1)
			if err != nil || !bytes.Equal(got, msg) {
				t.Fatalf("message %d: %d bytes, %v; want %d", i, len(got), err, len(msg))
			}
			if i%50 < 2 || i > manyMessages-100 {
				v.want(t, out, msg, i)
			} else if takeover {
				v.history = append(v.history, msg...)
				v.history = v.history[max(0, len(v.history)-v.window):]
			}
			if r.IntN(100) == 0 {
				c.Idle()
			}
		}
	})
}

// Checklist: D4
func TestPartsOfAMessage(t *testing.T) {
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		for _, border := range []Border{More, Flush} {
			r, v := newRand(uint64(bits)), newReceiver(bits, takeover)
			c := NewCompressor(bits, takeover, level)
			for i := range 40 {
				msg := kinds[i%len(kinds)].make(r, i, r.IntN(20000))
				var out []byte
				for rest := msg; ; {
					n := min(len(rest), r.IntN(6000))
					if n == len(rest) && r.IntN(2) == 0 {
						out = c.AppendPart(out, rest, End)
						break
					}
					out = c.AppendPart(out, rest[:n], border)
					rest = rest[n:]
					if border == Flush {
						wantFlushed(t, out, msg[:len(msg)-len(rest)], v)
					}
					if r.IntN(4) == 0 {
						c.Idle()
					}
				}
				v.want(t, out, msg, border, i)
			}
		}
	})
}

// wantFlushed fails unless all of msg can be read from what came so far.
func wantFlushed(t *testing.T, out, msg []byte, v *receiver) {
	t.Helper()
	// Nothing is stripped in the middle of a message (RFC 7692, section 6.1).
	if !bytes.HasSuffix(out, []byte{0, 0, 0xff, 0xff}) {
		t.Fatalf("ends with % x, want an empty stored block", out[max(0, len(out)-4):])
	}
	got, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(out), v.history))
	if err != io.ErrUnexpectedEOF || !bytes.Equal(got, msg) {
		t.Fatalf("after Flush %d bytes can be read (%v), want %d", len(got), err, len(msg))
	}
}

// Checklist: D13
func TestUndo(t *testing.T) {
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		r, v := newRand(uint64(bits)), newReceiver(bits, takeover)
		c := NewCompressor(bits, takeover, level)
		for i := range 200 {
			msg := jsonMessage(r, i, r.IntN(1<<r.IntN(15)))
			switch i % 4 {
			case 1: // a whole message that is not sent
				c.Append(nil, msg)
				c.Undo()
			case 2: // one that its writer gives up
				c.AppendPart(nil, msg, More)
				c.AppendPart(nil, msg[:len(msg)/2], Border(r.IntN(2)))
				c.Undo()
				c.Undo()
			default:
				v.want(t, c.Append(nil, msg), msg, i)
			}
		}
	})
}

// What is left of the history after Undo is used.
func TestUndoKeepsWhatWasBefore(t *testing.T) {
	r := newRand(1)
	c := NewCompressor(15, true, Fast)
	a, b := jsonMessage(r, 1, 1000), jsonMessage(r, 2, 1000)
	c.Append(nil, a)
	c.Append(nil, b)
	c.Undo()
	if n, first := len(c.Append(nil, a)), len(NewCompressor(15, true, Fast).Append(nil, a)); n > first/4 {
		t.Errorf("a message that is in the window takes %d bytes, want far fewer than the first time, %d", n, first)
	}
}

func TestReset(t *testing.T) {
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		r := newRand(uint64(bits))
		c := NewCompressor(bits, takeover, level)
		msg := jsonMessage(r, 1, 1000)
		want := c.Append(nil, msg)
		c.AppendPart(nil, textMessage(r, 333), More)
		c.Reset()
		if got := c.Append(nil, msg); !bytes.Equal(got, want) {
			t.Errorf("after Reset the first message has %d bytes, want the same %d as ever", len(got), len(want))
		}
	})
}

// Without takeover nothing of a message shows in the next one.
func TestNoTakeoverIsDeterministic(t *testing.T) {
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		if takeover {
			return
		}
		r := newRand(uint64(bits))
		for _, size := range []int{300, 3000, 30000} {
			msg := jsonMessage(r, 1, size)
			want := NewCompressor(bits, takeover, level).Append(nil, msg)
			c := NewCompressor(bits, takeover, level)
			for range 5 {
				c.Append(nil, kinds[r.IntN(4)].make(r, 1, r.IntN(70000)))
				if got := c.Append(nil, msg); !bytes.Equal(got, want) {
					t.Fatalf("%d bytes: what came before changed the output", size)
				}
			}
		}
	})
}

func TestNewCompressorPanics(t *testing.T) {
	for _, f := range []func(){
		func() { NewCompressor(7, false, Fast) },
		func() { NewCompressor(16, false, Fast) },
		func() { NewCompressor(15, false, Better+1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("took what is out of range")
				}
			}()
			f()
		}()
	}
}

// A property: whatever the sequence of calls, a receiver that gets what was not
// taken back reads the messages; and no distance is above the window.
func FuzzCompressor(f *testing.F) {
	r := newRand(7)
	f.Add(uint8(0), []byte("a message, a message and another message"))
	for i := range 32 {
		f.Add(uint8(i), kinds[i%len(kinds)].make(r, i, 1000))
	}
	f.Fuzz(func(t *testing.T, mode uint8, data []byte) {
		data = data[:min(len(data), 8<<10)]
		bits, takeover, level := 8+int(mode&7), mode&8 != 0, Level(mode>>4&1)
		c := NewCompressor(bits, takeover, level)
		v := newReceiver(bits, takeover)
		r := rand.New(rand.NewPCG(uint64(len(data)), uint64(mode)))
		for len(data) > 0 {
			// The first byte says what to do, the second for how long.
			n := min(len(data), 2+int(data[len(data)/2])*8)
			op, msg := data[0], data[:n]
			data = data[n:]
			if op&64 != 0 { // longer than a fuzzer would make it
				msg = bytes.Repeat(msg, 1+16*int(op)/len(msg))
			}
			history := bytes.Clone(v.history)
			switch op & 7 {
			case 0:
				c.Idle()
			case 1:
				c.AppendPart(nil, msg, Border(r.IntN(3)))
				c.Undo()
			case 2:
				cut := r.IntN(len(msg) + 1)
				out := c.AppendPart(nil, msg[:cut], Border(r.IntN(2)))
				v.want(t, c.AppendPart(out, msg[cut:], End), msg)
			default:
				out := c.Append(nil, msg)
				v.want(t, out, msg)
				if len(msg) > 1000 { // it is slow
					continue
				}
				got, err := inflatePlain(out, history, 1<<bits)
				if err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("with a window of %d bits it inflates to %d bytes (%v), want %d", bits, len(got), err, len(msg))
				}
			}
		}
	})
}
