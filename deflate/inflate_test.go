package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"
)

// deflateStd deflates one message by the standard library, behind history, as RFC
// 7692, section 7.2.1, wants it: flushed, and without the last four bytes.
func deflateStd(t testing.TB, level int, msg, history []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, level, history)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(msg)
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
}

var errOracle = errors.New("not a complete message")

// oracle inflates a message by the standard library, behind history. It stops at a
// final block, so it is started again behind each of them. A message is complete
// if it ends where the length of a stored block is read: one of "probe" must come
// out of what follows.
func oracle(payload, history []byte) ([]byte, error) {
	const probe = "\x05\x00\xfa\xffprobe"
	if len(payload) == 0 {
		return nil, nil
	}
	in := bytes.NewReader([]byte(string(payload) + probe + "\x01\x00\x00\xff\xff"))
	past := bytes.Clone(history)
	for {
		p, err := io.ReadAll(flate.NewReaderDict(in, past[max(0, len(past)-1<<15):]))
		past = append(past, p...)
		if err != nil {
			return nil, err
		}
		if in.Len() == 0 {
			break
		}
	}
	msg, ok := bytes.CutSuffix(past[len(history):], []byte("probe"))
	if !ok {
		return nil, errOracle
	}
	return msg, nil
}

// Every level of compress/flate writes what we read, behind a history or not, in
// messages from none to many blocks.
//
// Checklist: D7, D8
func TestReadsTheStandardLibrary(t *testing.T) {
	for _, k := range kinds {
		for level := -2; level <= 9; level++ {
			r := newRand(uint64(level + 2))
			d, single := NewDecompressor(15, true), NewDecompressor(15, false)
			var past []byte
			for i, size := range []int{0, 1, 5, 100, 256, 300, 1000, 5000, 20000, 65536, 100, 150000, 100} {
				msg := k.make(r, i, size)
				for _, tt := range []struct {
					d    *Decompressor
					past []byte
				}{{d, past}, {single, nil}} {
					got, err := tt.d.Append(nil, deflateStd(t, level, msg, tt.past), true, int64(len(msg)))
					if err != nil || !bytes.Equal(got, msg) {
						t.Fatalf("%s, level %d, %d bytes behind %d: got %d bytes, %v", k.name, level, len(msg), len(tt.past), len(got), err)
					}
				}
				past = append(past, msg...)
				past = past[max(0, len(past)-1<<15):]
			}
		}
	}
}

// A message cut in two anywhere is the same message, and one that ends early, or
// goes on behind its end, is an error.
//
// Checklist: D5, D11
func TestEverySplitAndEveryCut(t *testing.T) {
	r := newRand(5)
	for _, level := range []int{0, -2, 1, 6} { // stored, Huffman alone, both
		msg := append(jsonMessage(r, 1, 900), textMessage(r, 700)...)
		payload := deflateStd(t, level, msg, nil)
		for i := range len(payload) + 1 {
			first, err := new(Decompressor).Append(nil, payload[:i], false, -1)
			if err != nil {
				t.Fatalf("level %d, %d of %d bytes: %v", level, i, len(payload), err)
			}
			if !bytes.HasPrefix(msg, first) {
				t.Fatalf("level %d, %d of %d bytes: not the message", level, i, len(payload))
			}
			d := new(Decompressor)
			first, _ = d.Append([]byte("a"), payload[:i], false, -1)
			if got, err := d.Append(first, payload[i:], true, -1); err != nil || string(got) != "a"+string(msg) {
				t.Fatalf("level %d, cut at %d of %d: %d bytes, %v", level, i, len(payload), len(got), err)
			}
			if i == 0 || i == len(payload) || level == 0 && i == 1 {
				continue // nothing, all of it, or 00, which is an empty message
			}
			dst := []byte("kept")
			if got, err := new(Decompressor).Append(dst, payload[:i], true, -1); err != ErrCorrupt || string(got) != "kept" {
				t.Errorf("level %d, ended behind %d of %d bytes: got %q, %v, want an error", level, i, len(payload), got, err)
			}
		}
		for _, more := range []string{"\x00", "\x00\x00\xff\xff", "\xff", "a"} {
			if _, err := new(Decompressor).Append(nil, append(payload, more...), true, -1); err != ErrCorrupt {
				t.Errorf("level %d: %x behind the end: %v", level, more, err)
			}
		}
	}
}

// Every bit that is wrong gives what the oracles say.
//
// Checklist: D11
func TestEveryBitFlipped(t *testing.T) {
	payload := deflateStd(t, 6, jsonMessage(newRand(9), 1, 200), nil)
	for i := range 8 * len(payload) {
		payload[i/8] ^= 1 << (i % 8)
		checkAll(t, payload, nil, 15, 11)
		payload[i/8] ^= 1 << (i % 8)
	}
}

// vectors are those of RFC 7692, section 7.2.3, and others that end in other ways.
var vectors = []struct{ name, payload, want string }{
	{"7.2.3.1, one block", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"},
	{"7.2.3.3, no compression", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"},
	{"7.2.3.4, BFINAL", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"},
	{"7.2.3.5, two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"},
	{"7.2.3.6, empty", "\x00", ""},
	{"an empty fixed block", "\x02\x00", ""},
	{"nothing at all", "", ""},
	{"a final empty block", "\x01", ""},
	{"final, then the end of a final one", "\xf3\x48\xcd\xc9\xc9\x07\x00\x01", "Hello"},
	{"padding that is not zero", "\x02\xe0", ""},
	{"more of it", "\xf8", ""},
}

// Checklist: D5, D6, D7
func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			checkAll(t, []byte(v.payload), nil, 15, 1)
			if got, err := inflatePlain([]byte(v.payload), nil, 1<<15); string(got) != v.want || err != nil {
				t.Errorf("%x is %q, %v, want %q", v.payload, got, err, v.want)
			}
		})
	}
}

// Checklist: D11
func TestHeaders(t *testing.T) {
	for _, h := range headers {
		t.Run(h.name, func(t *testing.T) {
			b := h.bits.bytes()
			if got, err := inflatePlain(b, nil, 1<<15); (err == nil) != h.ok || h.ok && string(got) != h.want {
				t.Errorf("%x is %q, %v, want %q", b, got, err, h.want)
			}
			checkAll(t, b, nil, 15, 1)
			checkAll(t, b, nil, 15, 5)
		})
	}
}
