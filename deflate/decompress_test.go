package deflate

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"testing"
)

// Each vector twice in a row: a final block ends neither the message nor the
// history.
//
// Checklist: D7, D8
func TestVectorsTwice(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		d := NewDecompressor(15, takeover)
		for _, v := range vectors {
			for range 2 {
				if got, err := d.Append(nil, []byte(v.payload), true, 5); string(got) != v.want || err != nil {
					t.Fatalf("%s, takeover %t: got %q, %v, want %q", v.name, takeover, got, err, v.want)
				}
			}
		}
	}
	// RFC 7692, section 7.2.3.2: the second Hello refers to the first.
	d := NewDecompressor(15, true)
	for i, payload := range []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00", "\xf2\x00\x11\x00\x00"} {
		if got, err := d.Append(nil, []byte(payload), true, -1); string(got) != "Hello" || err != nil {
			t.Errorf("message %d: got %q, %v", i, got, err)
		}
	}
	if got, err := NewDecompressor(15, false).Append(nil, []byte("\xf2\x00\x11\x00\x00"), true, -1); err != ErrCorrupt {
		t.Errorf("without the first Hello: %q, %v", got, err)
	}
}

// Checklist: D3
func TestPlainMessagesAreNotInTheWindow(t *testing.T) {
	d := NewDecompressor(15, true)
	d.Append(nil, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), true, -1)
	// "zz" arrives uncompressed here, and nobody tells d.
	if got, err := d.Append(nil, []byte("\xf2\x00\x11\x00\x00"), true, -1); string(got) != "Hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Checklist: D6
func TestEmptyMessages(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		d := NewDecompressor(9, takeover)
		for i := range 3 {
			for _, pieces := range [][]string{{""}, {"", ""}, {"\x00"}, {"\x00", ""}, {"", "\x02", "", "\x00", ""}} {
				out := []byte("x")
				var err error
				for j, p := range pieces {
					if out, err = d.Append(out, []byte(p), j == len(pieces)-1, 0); string(out) != "x" || err != nil {
						t.Fatalf("round %d, pieces %q: got %q, %v", i, pieces, out, err)
					}
				}
				n, used, err := d.Fill(nil, nil, true)
				if n != 0 || used != 0 || err != io.EOF {
					t.Fatalf("round %d: Fill of an empty message: %d, %d, %v", i, n, used, err)
				}
			}
		}
	}
}

// 10,000 messages for each window, with takeover and without, the way they come on
// a connection: in one slice that is used again, some of them streamed.
//
// Checklist: D8, P5
func TestManyMessages(t *testing.T) {
	for bits := minWindowBits; bits <= maxWindowBits; bits++ {
		for _, takeover := range []bool{false, true} {
			r := newRand(uint64(bits))
			c, d := NewCompressor(bits, takeover, Fast), NewDecompressor(bits, takeover)
			var got, payload []byte
			var err error
			for i := range 10_000 / 8 {
				k := kinds[r.IntN(len(kinds))]
				msg := k.make(r, i, r.IntN(1<<r.IntN(13)))
				payload = c.Append(payload[:0], msg)
				if i%4 == 0 {
					got, err = fill(d, payload, 1+r.IntN(400), 1+r.IntN(3000))
				} else {
					got, err = d.Append(got[:0], payload, true, int64(len(msg)))
				}
				if err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("window %d, takeover %t, message %d of %d bytes, %s: got %d bytes, %v", bits, takeover, i, len(msg), k.name, len(got), err)
				}
				if !takeover && (d.past.buf != nil || d.window != nil) {
					t.Fatalf("window %d, message %d: history is kept", bits, i)
				}
			}
			if most := 1 << bits; takeover && cap(d.past.buf) != most {
				t.Errorf("window %d: %d bytes are kept", bits, cap(d.past.buf))
			}
		}
	}
}

// What the window of another Decompressor forbids is forbidden.
//
// Checklist: P5, D9
func TestDistancesBeyondTheWindow(t *testing.T) {
	r := newRand(11)
	for bits := minWindowBits; bits <= maxWindowBits; bits++ {
		window := 1 << bits
		for _, dist := range []int{window, window + 1} {
			if dist > 1<<15 {
				continue // cannot be written
			}
			block := randomMessage(r, 3) // three bytes, dist back
			past := append(block, make([]byte, dist-3)...)
			var w bitWriter
			w.put(0b010, 3)
			w.code(1, 7) // a length of 3
			s := 0
			for s+1 < 30 && int(distEntries[s+1]>>16) <= dist {
				s++
			}
			w.code(s, 5)
			w.put(dist-int(distEntries[s]>>16), int(distEntries[s]&entryBits))
			w.code(0, 7)
			w.put(0, 3)
			// In the message itself, and in a message before.
			var stored bitWriter
			stored.stored(past[:min(len(past), 1<<16-1)])
			d := NewDecompressor(bits, true)
			if _, err := d.Append(nil, append(stored.out, 0), true, -1); err != nil {
				t.Fatal(err)
			}
			got, err := d.Append(nil, w.out, true, -1)
			if ok := dist <= window; (err == nil) != ok || ok && !bytes.Equal(got, block) {
				t.Errorf("window %d, distance %d into the history: %x, %v", window, dist, got, err)
			}
			_, err = NewDecompressor(bits, false).Append(nil, append(stored.out, w.out...), true, -1)
			if (err == nil) != (dist <= window) {
				t.Errorf("window %d, distance %d in a message: %v", window, dist, err)
			}
		}
	}
}

// Checklist: D12
func TestLimit(t *testing.T) {
	r := newRand(13)
	for _, size := range []int{0, 1, 100, 287, 288, 289, 5000, 100_000} {
		for _, k := range kinds {
			msg := k.make(r, 1, size)
			payload := deflateStd(t, 6, msg, nil)
			for _, tt := range []struct {
				limit int
				want  error
			}{{len(msg) + 1, nil}, {len(msg), nil}, {len(msg) - 1, ErrTooLarge}, {len(msg) / 2, ErrTooLarge}, {0, ErrTooLarge}} {
				if len(msg) == 0 && tt.want != nil {
					continue
				}
				for _, cut := range []int{1, 333, len(payload)} {
					d := NewDecompressor(15, false)
					out, err := []byte("123"), error(nil)
					for i := 0; err == nil && i < len(payload); i += cut {
						out, err = d.Append(out, payload[i:min(i+cut, len(payload))], i+cut >= len(payload), int64(tt.limit))
					}
					if err != tt.want || err == nil && string(out) != "123"+string(msg) {
						t.Fatalf("%s, %d bytes, limit %d, cut by %d: %v, want %v", k.name, len(msg), tt.limit, cut, err, tt.want)
					}
					if cap(out) > max(tt.limit, 0)+3+fastRoom {
						t.Errorf("%s, limit %d: %d bytes held", k.name, tt.limit, cap(out))
					}
				}
			}
		}
	}
}

// bomb inflates to size zeros.
func bomb(t testing.TB, size int) []byte { return deflateStd(t, 9, make([]byte, size), nil) }

// A bomb stops at the limit, however it comes, and frees what it had.
//
// Checklist: D12
func TestBomb(t *testing.T) {
	const limit = 1 << 20
	payload := bomb(t, 200<<20)
	for _, cut := range []int{len(payload), 1000} {
		d := NewDecompressor(15, true)
		var out []byte
		var err error
		used := 0
		for most := 0; err == nil; used += cut {
			out, err = d.Append(out, payload[used:min(used+cut, len(payload))], used+cut >= len(payload), limit)
			if most = max(most, cap(out)); most > limit+fastRoom {
				t.Fatalf("cut by %d: %d bytes held", cut, most)
			}
		}
		if err != ErrTooLarge || used > limit/1000+1+cut {
			t.Errorf("cut by %d: %v behind %d bytes", cut, err, used)
		}
		if d.z != nil || d.past.buf != nil {
			t.Errorf("cut by %d: it holds memory after the error", cut)
		}
		if _, err := d.Append(nil, []byte("\x00"), true, limit); err != ErrTooLarge {
			t.Errorf("the error is %v later", err)
		}
		d.Reset()
		if got, err := d.Append(nil, []byte(vectors[0].payload), true, limit); string(got) != "Hello" || err != nil {
			t.Errorf("after Reset: %q, %v", got, err)
		}
	}
}

// A bomb that is streamed stops where its caller does, which is behind limit by no
// more than the room that it gave, and then holds a window and the working space.
//
// Checklist: D12
func TestStreamedBomb(t *testing.T) {
	const limit = 1 << 20
	payload := bomb(t, 200<<20)
	for _, takeover := range []bool{false, true} {
		for _, cut := range []int{1, 1000, 16 << 10, len(payload)} {
			d, p := NewDecompressor(15, takeover), make([]byte, 32<<10)
			total := 0
			for rest := payload; total <= limit; {
				n, used, err := d.Fill(p, rest[:min(cut, len(rest))], cut >= len(rest))
				if err != nil {
					t.Fatalf("cut by %d: %v behind %d bytes", cut, err, total)
				}
				rest, total = rest[used:], total+n
			}
			if total > limit+32<<10 || cap(d.past.buf) > 1<<15 {
				t.Errorf("cut by %d: %d bytes of output, %d of history", cut, total, cap(d.past.buf))
			}
			if d.Reset(); d.z != nil || d.window != nil || d.past.buf != nil {
				t.Errorf("cut by %d: memory is kept behind Reset", cut)
			}
		}
	}
}

// 1,000 connections, each in the middle of a bomb and just below its limit.
//
// Checklist: D12
func TestManyBombs(t *testing.T) {
	const limit, count = 64 << 10, 1000
	payload := bomb(t, 1<<20)
	enough := 1
	for n := 0; n < limit-2000; enough++ { // a byte is worth up to 1032
		out, err := new(Decompressor).Append(nil, payload[:enough], false, limit)
		if err != nil {
			t.Fatal(err)
		}
		n = len(out)
	}
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	all, outs := make([]*Decompressor, count), make([][]byte, count)
	var err error
	for i := range all {
		all[i] = NewDecompressor(15, true)
		if outs[i], err = all[i].Append(nil, payload[:enough-1], false, limit); err != nil || len(outs[i]) < limit-2000 {
			t.Fatalf("%d bytes, %v", len(outs[i]), err)
		}
	}
	if held := live() - before; held > count*2*limit {
		t.Errorf("%d bytes are held, limit %d", held, count*2*limit)
	}
	for i, d := range all {
		if _, err := d.Append(outs[i], payload[enough-1:], true, limit); err != ErrTooLarge {
			t.Fatal(err)
		}
	}
}

func TestErrorsStay(t *testing.T) {
	d := NewDecompressor(15, true)
	for range 2 {
		if out, err := d.Append([]byte("a"), []byte("\xff\xff"), true, -1); err != ErrCorrupt || string(out) != "a" {
			t.Errorf("Append: %q, %v", out, err)
		}
		if n, used, err := d.Fill(make([]byte, 9), []byte("\x00"), true); n != 0 || used != 0 || err != ErrCorrupt {
			t.Errorf("Fill: %d, %d, %v", n, used, err)
		}
	}
}

// Fill and Append in one message: the way through is Keep.
func TestFillAfterAppend(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		msg := textMessage(newRand(17), 60_000)
		payload := deflateStd(t, 6, msg, nil)
		d := NewDecompressor(15, takeover)
		out, err := d.Append(nil, payload[:9000], false, -1)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, len(msg))
		if _, _, err := d.Fill(p, payload[9000:], true); !errors.Is(err, errLent) {
			t.Fatalf("Fill without Keep: %v", err)
		}
		d.Keep(out)
		n, used, err := d.Fill(p[:5000], payload[9000:], true)
		if err != nil || n != 5000 {
			t.Fatalf("Fill: %d, %v", n, err)
		}
		got := append(out, p[:n]...)
		// And back: Append sees what Fill has given away.
		rest, err := d.Append([]byte("other"), payload[9000+used:], true, int64(len(msg)))
		if got = append(got, bytes.TrimPrefix(rest, []byte("other"))...); err != nil || !bytes.Equal(got, msg) {
			t.Errorf("takeover %t: got %d bytes, %v", takeover, len(got), err)
		}
		if d.window != nil || !takeover && d.past.buf != nil {
			t.Error("the window is kept")
		}
	}
}

// A piece behind the last one is none of the message, whatever room there was.
func TestFillBehindTheEnd(t *testing.T) {
	payload := deflateStd(t, 6, []byte("Hello, Hello, Hello"), nil)
	d := new(Decompressor)
	n, used, err := d.Fill(make([]byte, 2), payload, true)
	if n != 2 || err != nil || used != len(payload) {
		t.Fatalf("%d, %d, %v", n, used, err)
	}
	if _, _, err := d.Fill(make([]byte, 99), []byte("\x00"), true); err != ErrCorrupt {
		t.Errorf("more input: %v", err)
	}
}

func TestNewDecompressorBits(t *testing.T) {
	for bits, want := range map[int]int{-1: 15, 0: 15, 7: 15, 8: 8, 12: 12, 15: 15, 16: 15, 1000: 15} {
		if got := NewDecompressor(bits, true).bits(); got != want {
			t.Errorf("%d: %d, want %d", bits, got, want)
		}
	}
	if got := new(Decompressor).bits(); got != 15 {
		t.Errorf("the zero value: %d", got)
	}
}

// What a connection holds while it waits: the struct, and the bytes seen.
func TestDecompressorIsSmall(t *testing.T) {
	if n := reflect.TypeFor[Decompressor]().Size(); n > 96 {
		t.Errorf("%d bytes", n)
	}
	if n := reflect.TypeFor[inflater]().Size(); n > 13568 { // a size class
		t.Errorf("the working space has %d bytes", n)
	}
	d := NewDecompressor(15, true)
	for i, want := range []int{64, 64, 128, 256, 256} {
		if i > 0 {
			d.Append(nil, append([]byte{0, 40, 0, 255 - 40, 255}, make([]byte, 41)...), true, -1)
		} else {
			d.Append(nil, append([]byte{0, 10, 0, 255 - 10, 255}, make([]byte, 11)...), true, -1)
		}
		if d.err != nil || cap(d.past.buf) != want {
			t.Errorf("message %d: %d bytes, want %d, %v", i, cap(d.past.buf), want, d.err)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops what it is given")
	}
	r := newRand(19)
	for _, takeover := range []bool{false, true} {
		for _, size := range []int{10, 256, 5000, 100_000} {
			msg := textMessage(r, size)
			payload := deflateStd(t, 6, msg, nil)
			d := NewDecompressor(12, takeover)
			if size > 4096 {
				d = NewDecompressor(15, takeover)
			}
			buf := make([]byte, 0, size+fastRoom)
			step := func() {
				if _, err := d.Append(buf, payload, true, int64(size)); err != nil {
					t.Fatal(err)
				}
				for rest := payload; ; {
					_, used, err := d.Fill(buf[:min(4096, cap(buf))], rest, true)
					if err == io.EOF {
						break
					}
					if rest = rest[used:]; err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 40_000 / size {
				step() // until the ring has its size
			}
			if n := testing.AllocsPerRun(50, step); n >= 1 {
				t.Errorf("takeover %t, %d bytes: %v allocations", takeover, size, n)
			}
		}
	}
}
