package corpus

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

var kinds = []Kind{JSON, Text, Chinese, Binary, Random, Cyrillic, Emoji}

func TestStreamsAreTheSameFromTheSameSeed(t *testing.T) {
	for _, kind := range kinds {
		a, b := Make(kind, 1024, 20), Make(kind, 1024, 20)
		if !bytes.Equal(bytes.Join(a.Messages, nil), bytes.Join(b.Messages, nil)) {
			t.Errorf("%s: two streams differ", kind)
		}
		if bytes.Equal(a.Messages[0], a.Messages[1]) {
			t.Errorf("%s: two messages of a stream are the same", kind)
		}
	}
}

func TestMessagesHaveTheirSize(t *testing.T) {
	for _, kind := range kinds {
		for _, size := range []int{256, 1 << 10, 16 << 10} {
			for _, m := range Make(kind, size, 20).Messages {
				if len(m) > size || len(m) < size*3/4 {
					t.Fatalf("%s: got %d bytes, want %d", kind, len(m), size)
				}
			}
		}
	}
}

func TestMessagesAreWhatTheyAreCalled(t *testing.T) {
	for _, m := range Make(JSON, 1024, 50).Messages {
		if !json.Valid(m) {
			t.Fatalf("no JSON: %s", m)
		}
	}
	for _, kind := range []Kind{Text, Chinese, Cyrillic, Emoji} {
		for _, m := range Make(kind, 1024, 50).Messages {
			if !utf8.Valid(m) {
				t.Fatalf("%s: no UTF-8: %q", kind, m)
			}
		}
	}
}

// The streams are worth a benchmark only if they compress like what they stand for.
func TestMessagesCompressLikeRealOnes(t *testing.T) {
	for _, test := range []struct {
		kind      Kind
		size      int
		low, high float64 // compressed bytes a byte
	}{
		{JSON, 1 << 10, 0.33, 0.50},
		{Text, 1 << 20, 0.33, 0.45},
		{Chinese, 16 << 10, 0.40, 0.60},
		{Binary, 16 << 10, 0.45, 0.75},
		{Random, 16 << 10, 1.0, 1.01},
	} {
		s := Make(test.kind, test.size, 4)
		compressed := 0
		for _, m := range s.Messages {
			compressed += deflated(t, m)
		}
		got := float64(compressed) / 4 / s.Bytes()
		if got < test.low || got > test.high {
			t.Errorf("%s: got %.2f of its bytes, want %.2f to %.2f", s.Name, got, test.low, test.high)
		}
	}
}

func deflated(t *testing.T, m []byte) int {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(m); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}
