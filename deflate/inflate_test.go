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

func TestQuick(t *testing.T) {
	for _, k := range kinds {
		for level := -2; level <= 9; level++ {
			r := newRand(1)
			d := NewDecompressor(15, true)
			var past []byte
			for i, size := range []int{0, 1, 5, 100, 256, 300, 1000, 5000, 20000, 65536, 200000, 100} {
				msg := k.make(r, i, size)
				in := deflateStd(t, level, msg, past)
				got, err := d.Append(nil, in, true, -1)
				if err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("%s level %d size %d: %v, %d", k.name, level, size, err, len(got))
				}
				past = append(past, msg...)
				past = past[max(0, len(past)-1<<15):]
			}
		}
	}
}
