package deflate

import (
	"bytes"
	"testing"
)

// A learner is a Compressor and all that judge it: the real zlib, one byte at a
// time, and the plain inflater, each with exactly the window.
type learner struct {
	t        *testing.T
	c        *Compressor
	zlib     *zlibJudge
	bits     int
	takeover bool
	history  []byte // all that the receiver inflated, with takeover
}

func newLearner(t *testing.T, z *zlibJudge, bits int, takeover bool, level Level) *learner {
	z.connection(t, bits, takeover)
	return &learner{t: t, c: NewCompressor(bits, takeover, level), zlib: z, bits: bits, takeover: takeover}
}

// arrives fails unless the receiver inflates p to msg.
func (l *learner) arrives(p, msg []byte, what string) {
	l.t.Helper()
	if got, err := inflatePlain(p, l.history, 1<<l.bits); err != nil || !bytes.Equal(got, msg) {
		l.t.Fatalf("%s: inflates to %d bytes (%v), want %d", what, len(got), err, len(msg))
	}
	if got, ok := l.zlib.message(l.t, p); !ok || !bytes.Equal(got, msg) {
		l.t.Fatalf("%s: zlib takes it: %t, and reads %d bytes, want %d", what, ok, len(got), len(msg))
	}
	if l.takeover {
		l.history = append(l.history, msg...)
		l.history = l.history[max(0, len(l.history)-1<<l.bits):]
	}
}

func (l *learner) send(msg []byte) { l.arrives(l.c.Append(nil, msg), msg, "message") }

// other sends msg as another compressor without history makes it.
func (l *learner) other(msg []byte) {
	l.arrives(NewCompressor(l.bits, false, Fast).Append(nil, msg), msg, "learned message")
	l.c.Learn(msg)
}

// Whatever comes between messages that are learned, the receiver reads those
// that follow.
//
// Checklist: D9, D13
func TestLearn(t *testing.T) {
	z := startJudge(t)
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		r := newRand(uint64(bits))
		l := newLearner(t, z, bits, takeover, level)
		for i := range sampled(200) {
			msg := kinds[r.IntN(len(kinds))].make(r, i, r.IntN(1<<r.IntN(bits-2)))
			switch r.IntN(8) {
			case 0, 1, 2:
				l.other(msg)
			case 3:
				cut := r.IntN(len(msg) + 1)
				p := l.c.AppendPart(nil, msg[:cut], Border(r.IntN(2)))
				l.arrives(l.c.AppendPart(p, msg[cut:], End), msg, "parts")
			case 4:
				l.c.AppendPart(nil, msg, Border(r.IntN(3)))
				l.c.Undo()
			case 5:
				l.c.Idle()
			default:
				l.send(msg)
			}
		}
	})
}

// A message is taken back from in front of those that were learned since.
//
// Checklist: D13
func TestUndoAfterLearn(t *testing.T) {
	z := startJudge(t)
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		r := newRand(uint64(bits))
		l := newLearner(t, z, bits, takeover, level)
		for i := range sampled(50) {
			l.send(jsonMessage(r, i, r.IntN(1000)))
			l.c.Append(nil, jsonMessage(r, i, r.IntN(2<<r.IntN(bits))))
			for range r.IntN(3) {
				l.other(jsonMessage(r, i, r.IntN(1<<r.IntN(bits))))
			}
			l.c.Undo()
			l.c.Undo()
		}
	})
}

// What was learned is referred to, and what was before it still is.
func TestLearnedIsUsed(t *testing.T) {
	for level := Fast; level <= Better; level++ {
		for _, idle := range []bool{false, true} {
			r := newRand(1)
			c := NewCompressor(15, true, level)
			a, b := textMessage(r, 2000), textMessage(r, 2000)
			c.Append(nil, a)
			if idle {
				c.Idle()
			}
			c.Learn(b)
			for _, msg := range [][]byte{a, b} {
				alone := len(NewCompressor(15, false, level).Append(nil, msg))
				if n := len(c.Append(nil, msg)); n > alone/8 {
					t.Errorf("%v: a message that is in the window takes %d bytes, want far fewer than alone, %d", level, n, alone)
				}
				c.Undo()
			}
		}
	}
}

// Positions wrap around after 65,536 bytes, whether they were compressed or
// learned: entries of the table from before are stale, and no harm.
func TestLearnWrapsAround(t *testing.T) {
	z := startJudge(t)
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		if !takeover {
			return
		}
		r := newRand(uint64(bits))
		l := newLearner(t, z, bits, takeover, level)
		msg, other := textMessage(r, 1<<(bits-2)), randomMessage(r, 1<<(bits-1))
		for _, sum := range []int{1 << 16, 1<<16 - len(msg), 1<<16 + 1, 3 << 16} {
			l.send(msg)
			for sum > 0 { // not by other: the judges are slow
				n := min(sum, len(other))
				l.c.Learn(other[:n])
				l.history = append(l.history, other[:n]...)
				sum -= n
			}
			l.history = l.history[len(l.history)-1<<bits:]
			got, err := inflatePlain(l.c.Append(nil, msg), l.history, 1<<bits)
			if err != nil || !bytes.Equal(got, msg) {
				t.Fatalf("inflates to %d bytes (%v), want %d", len(got), err, len(msg))
			}
			l = newLearner(t, z, bits, takeover, level)
		}
	})
}

func TestLearnWithoutTakeover(t *testing.T) {
	c := NewCompressor(15, false, Fast)
	msg := jsonMessage(newRand(1), 1, 1000)
	want := c.Append(nil, msg)
	c.Learn(msg)
	if c.history != nil {
		t.Error("holds memory")
	}
	if got := c.Append(nil, msg); !bytes.Equal(got, want) {
		t.Error("changed the next message")
	}
}

// A message that has begun is not behind what its sender learns, whoever reads it.
func TestLearnInAMessagePanics(t *testing.T) {
	c := NewCompressor(15, true, Fast)
	c.AppendPart(nil, []byte("a part"), Flush)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	c.Learn([]byte("a message"))
}

func TestLearnDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops what it is given")
	}
	r := newRand(1)
	dst := make([]byte, 0, 2000)
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		c := NewCompressor(bits, takeover, level)
		messages := [][]byte{nil, jsonMessage(r, 1, 200), jsonMessage(r, 2, 1024), textMessage(r, 100000)}
		round := func() {
			for _, msg := range messages {
				c.Learn(msg)
				c.Append(dst, messages[1])
			}
			for _, msg := range messages {
				c.Learn(msg)
			}
			c.Idle()
			c.Learn(messages[1])
		}
		round()
		if n := testing.AllocsPerRun(20, round); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
		if n := held(c); n > 1<<bits {
			t.Errorf("holds %d bytes while idle, want at most the window", n)
		}
	})
}

func BenchmarkLearn(b *testing.B) {
	msg := jsonMessage(newRand(1), 1, 1024)
	for level := Fast; level <= Better; level++ {
		b.Run(level.String(), func(b *testing.B) {
			c := NewCompressor(15, true, level)
			c.Append(nil, msg)
			b.ReportAllocs()
			for b.Loop() {
				c.Learn(msg)
			}
		})
	}
}
