package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"
)

// Property: several messages, one behind the other, come out the same however a
// connection reads them: whole, in pieces, kept in the middle and gone on with in
// another slice or as a stream, or dropped into scratch space; and what comes out of a
// damaged one in one go comes out of it in any way, be it an error.
//
// Checklist: D7, D8, D11
func FuzzMixture(f *testing.F) {
	r := newRand(31)
	data := func(k, size int) []byte { return kinds[k].make(r, k, size) }
	for mode := range uint8(32) { // every window, with takeover and without
		f.Add(mode, data(int(mode)%len(kinds), 3000), randomMessage(r, 64))
	}
	f.Add(uint8(7), append(data(0, 20_000), data(1, 20_000)...), randomMessage(r, 99))
	f.Add(uint8(15), append(data(4, 3_000), data(5, 30_000)...), randomMessage(r, 99))
	f.Fuzz(func(t *testing.T, mode uint8, data, script []byte) {
		if len(data) > 1<<16 || len(script) > 200 {
			return
		}
		checkMixture(t, mode, data, script)
	})
}

// 3,000 scripts at random.
//
// Checklist: D7, D8, D11
func TestMixture(t *testing.T) {
	r := newRand(37)
	rounds := 3000
	if raceDetector {
		rounds = 200
	}
	for i := range rounds {
		k := kinds[i%len(kinds)]
		checkMixture(t, uint8(r.Uint32()), k.make(r, i, 1+r.IntN(1<<r.IntN(16))), randomMessage(r, r.IntN(60)))
	}
}

// checkMixture makes messages of data and reads them twice: each in one go, and as
// the script says.
func checkMixture(t *testing.T, mode uint8, data, script []byte) {
	t.Helper()
	windowBits, takeover := 8+int(mode%8), mode&8 != 0
	s := &mixture{script: script}
	c := NewCompressor(windowBits, takeover, Level(mode>>5&1))
	plain, mixed := NewDecompressor(windowBits, takeover), NewDecompressor(windowBits, takeover)
	var past []byte
	for i := 0; i < 8 && len(data) > 0; i++ {
		n := min(1+s.next()*len(data)/200, len(data))
		msg := data[:n]
		data = data[n:]
		payload := s.payload(t, c, windowBits, past, msg)
		damaged := s.next() > 250 && len(payload) > 0
		if damaged {
			payload[s.next()%len(payload)] ^= byte(1 + s.next()%255)
		}
		want, wantErr := plain.Append(nil, payload, true, -1)
		if !damaged && (wantErr != nil || !bytes.Equal(want, msg)) {
			t.Fatalf("message %d in one go: %d bytes, %v, want %d bytes", i, len(want), wantErr, len(msg))
		}
		got, err := s.read(mixed, payload, takeover)
		if errors.Is(err, errDropped) {
			continue // there is no history that would miss it
		}
		if !errors.Is(err, wantErr) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("message %d of %d bytes, window %d, takeover %t: got %d bytes, %v, want %d bytes, %v",
				i, len(payload), windowBits, takeover, len(got), err, len(want), wantErr)
		}
		if err != nil {
			return
		}
		if mixed.z != nil || mixed.window != nil || !takeover && mixed.past.buf != nil {
			t.Fatalf("message %d: memory is kept", i)
		}
		if takeover {
			past = append(past, msg...)
			past = past[max(0, len(past)-1<<windowBits):]
			if damaged {
				return // the sender's history is another one now
			}
		}
	}
}

var errDropped = errors.New("dropped")

// mixture is a script that says what happens next.
type mixture struct {
	script []byte
	pos    int
}

// next is 0 to 255; it goes on from the beginning of the script, changed.
func (s *mixture) next() int {
	s.pos++
	if len(s.script) == 0 {
		return int(byte(13 * s.pos))
	}
	return int(s.script[s.pos%len(s.script)] + byte(s.pos/len(s.script)*7))
}

// payload compresses msg, with final blocks in the middle and at the end if the script
// wants them. compress/flate makes those, where it keeps to the window.
func (s *mixture) payload(t *testing.T, c *Compressor, windowBits int, past, msg []byte) []byte {
	if s.next()%3 > 0 || windowBits < maxWindowBits {
		return c.Append(nil, msg)
	}
	var b bytes.Buffer
	half := len(msg) * s.next() / 256
	for _, part := range [][]byte{msg[:half], msg[half:]} {
		w, err := flate.NewWriterDict(&b, 1+s.next()%9, past[max(0, len(past)-1<<maxWindowBits):])
		if err != nil {
			t.Fatal(err)
		}
		w.Write(part)
		w.Close()
		past = append(past[:len(past):len(past)], part...)
	}
	c.Learn(msg)
	return append(b.Bytes(), 0) // RFC 7692, section 7.2.3.4
}

// read reads a payload as conn does. Of one that is not wanted any more it returns
// errDropped, which without takeover is done by Reset.
func (s *mixture) read(d *Decompressor, payload []byte, takeover bool) (msg []byte, err error) {
	dst := []byte("before")
	lent := len(dst) // dst[lent:] is of the message and not in msg yet
	for {
		how := s.next()
		n := len(payload)
		if how&1 != 0 {
			n = min(n, 1+s.next()<<(how>>5))
		}
		// The last piece is known as such at once, or shows later to be the last.
		end := n == len(payload) && how&2 != 0
		if how&12 == 0 { // a read is canceled, or streaming begins
			d.Keep(dst)
			msg = append(msg, dst[lent:]...)
			dst, lent = []byte("another"), len("another")
		}
		if how&16 == 0 && len(dst) == lent {
			d.Keep(dst)
			p, err := s.stream(d, payload[:n], end)
			if msg = append(msg, p...); err != nil {
				return msg, notEOF(err)
			}
		} else if dst, err = d.Append(dst, payload[:n], end, 1<<20); err != nil || end {
			return append(msg, dst[lent:]...), err
		}
		if payload = payload[n:]; !takeover && s.next() == 0 {
			d.Reset()
			return nil, errDropped
		}
		if len(payload) == 0 && s.next()%8 == 0 {
			dst, err = d.Append(dst, nil, true, 1<<20)
			return append(msg, dst[lent:]...), err
		}
	}
}

// stream calls Fill until there is no more of the piece.
func (s *mixture) stream(d *Decompressor, piece []byte, end bool) (msg []byte, err error) {
	p := make([]byte, 1+s.next()<<(s.next()%6))
	for {
		n, used, err := d.Fill(p, piece, end)
		msg = append(msg, p[:n]...)
		if piece = piece[used:]; err != nil || n == 0 && used == 0 {
			return msg, err
		}
	}
}

func notEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
