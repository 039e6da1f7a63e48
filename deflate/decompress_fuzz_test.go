package deflate

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// Property: whatever the bytes, however they are cut, with any history and window,
// Append and Fill give what the plain twin gives, or an error where it does; and
// with the largest window that is what compress/flate says too.
func FuzzDecompressor(f *testing.F) {
	r := newRand(7)
	for _, k := range kinds {
		for _, level := range []int{-2, 0, 1, 6, 9} {
			f.Add(deflateStd(f, level, k.make(r, 1, 700), nil), uint16(300), uint8(3), uint8(level))
		}
	}
	for _, v := range vectors {
		f.Add([]byte(v.payload), uint16(5), uint8(1), uint8(15))
	}
	for _, h := range headers {
		f.Add(h.bits.bytes(), uint16(0), uint8(2), uint8(15))
	}
	past := textMessage(r, 1<<15)
	f.Fuzz(func(t *testing.T, payload []byte, back uint16, cut, bits uint8) {
		if len(payload) > 4<<10 {
			return // the plain twin is slow
		}
		windowBits := 8 + int(bits)%8
		history := past[:min(int(back), 1<<windowBits)]
		checkAll(t, payload, history, windowBits, 1+int(cut)%64)
	})
}

// checkAll compares every way to inflate a payload with the oracles. cut is the
// size of the pieces.
func checkAll(t testing.TB, payload, history []byte, windowBits, cut int) {
	t.Helper()
	want, wantErr := inflatePlain(payload, history, 1<<windowBits)
	if windowBits == 15 {
		// compress/flate keeps 32 KiB like us, so it says the same.
		if got, err := oracle(payload, history); (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("oracles differ about %x: compress/flate %d bytes, %v, plain %d bytes, %v", payload, len(got), err, len(want), wantErr)
		}
	}
	for name, inflate := range map[string]func(d *Decompressor) ([]byte, error){
		"whole":  func(d *Decompressor) ([]byte, error) { return d.Append(nil, payload, true, -1) },
		"pieces": func(d *Decompressor) ([]byte, error) { return appendPieces(d, payload, cut) },
		"fill":   func(d *Decompressor) ([]byte, error) { return fill(d, payload, cut, 1+7*cut%300) },
		"mixed":  func(d *Decompressor) ([]byte, error) { return mixed(d, payload, cut) },
	} {
		d := withHistory(windowBits, history)
		got, err := inflate(d)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%s, window %d, %d bytes of history, cut by %d: got %d bytes, %v, want %d bytes, %v, from %x",
				name, windowBits, len(history), cut, len(got), err, len(want), wantErr, payload)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s: error is %v", name, err)
		}
		if err == nil && d.z != nil {
			t.Fatalf("%s: the working space is kept behind the message", name)
		}
		// What comes next sees this message and what was before it.
		if all := append(bytes.Clone(history), want...); err == nil && len(all) > 0 {
			all = all[max(0, len(all)-1<<windowBits):]
			if got := tail(d, len(all)); !bytes.Equal(got, all) {
				t.Fatalf("%s: the history differs", name)
			}
		}
	}
}

func withHistory(windowBits int, history []byte) *Decompressor {
	d := NewDecompressor(windowBits, true)
	d.past.save(history, 1<<windowBits)
	return d
}

// tail returns the last n bytes of the history.
func tail(d *Decompressor, n int) []byte {
	p := make([]byte, n)
	return p[:d.past.copyTo(p, min(n, d.past.n))]
}

func appendPieces(d *Decompressor, payload []byte, cut int) (out []byte, err error) {
	out = []byte("before")
	for {
		n := min(cut, len(payload))
		end := n == len(payload)
		if out, err = d.Append(out, payload[:n], end, 1<<30); err != nil || end {
			return out[len("before"):], err
		}
		payload = payload[n:]
		if cut%2 == 0 {
			out = append([]byte("moved"), out...)[len("moved"):]
		}
	}
}

func fill(d *Decompressor, payload []byte, cut, room int) (out []byte, err error) {
	p := make([]byte, room)
	for {
		n := min(cut, len(payload))
		end := n == len(payload)
		got, used, err := d.Fill(p, payload[:n], end)
		out = append(out, p[:got]...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil || (used == 0 && got == 0 && (n > 0 || end)) {
			return out, err
		}
		payload = payload[used:]
	}
}

// mixed reads the first piece by Append and goes on by Fill.
func mixed(d *Decompressor, payload []byte, cut int) ([]byte, error) {
	if cut >= len(payload) {
		return fill(d, payload, cut, 1000)
	}
	out, err := d.Append([]byte("x"), payload[:cut], false, -1)
	if err != nil {
		return nil, err
	}
	d.Keep(out)
	rest, err := fill(d, payload[cut:], len(payload), 1000)
	return append(out[1:], rest...), err
}
