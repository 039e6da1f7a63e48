package deflate

import (
	"bytes"
	"io"
	"testing"
)

// What Fill gives of a message that is cut off is its beginning, however small the
// room: none of it comes from the zeros that stand behind the end.
func TestFillInventsNothing(t *testing.T) {
	msg := jsonMessage(newRand(31), 1, 900)
	payload := deflateStd(t, 6, msg, nil)
	payload = payload[:len(payload)-1]
	for cut := 1; cut < len(payload); cut++ {
		for _, room := range []int{1, 2, 7, 300} {
			d := new(Decompressor)
			p, src := make([]byte, room), payload[:cut]
			var got []byte
			var err error
			for err == nil {
				var n, used int
				n, used, err = d.Fill(p, src, true)
				got, src = append(got, p[:n]...), src[used:]
			}
			if err == io.EOF || !bytes.HasPrefix(msg, got) {
				t.Fatalf("cut at %d of %d, room for %d: %d bytes, %v, end with %q", cut, len(payload), room, len(got), err, got[max(0, len(got)-20):])
			}
		}
	}
}
