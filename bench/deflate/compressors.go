package main

import (
	"compress/flate"
	"io"

	kpflate "github.com/klauspost/compress/flate"

	"github.com/tidewire/websocket/deflate"
)

// compressors are all contestants that compress messages.
func compressors(h history, messages [][]byte) []contestant {
	all := []contestant{
		ourCompressor(oursFast, deflate.Fast, h, messages),
		ourCompressor(oursBetter, deflate.Better, h, messages),
	}
	if h.bits < 15 { // no other levels of the others have smaller windows
		return append(all, kpWindowCompressor(h, messages))
	}
	all = append(all,
		stdCompressor(1, h, messages),
		kpCompressor(kp1, oursFast, 1, h, messages),
		kpCompressor(kp5, oursBetter, 5, h, messages),
	)
	return append(all, libdeflateCompressors(h, messages)...)
}

func ourCompressor(name string, level deflate.Level, h history, messages [][]byte) contestant {
	c := deflate.NewCompressor(h.bits, h.takeover, level)
	var b []byte
	return contestant{name: name, over: name, do: func(i int) ([]byte, error) {
		b = c.Append(b[:0], messages[i])
		return b, nil
	}}
}

// restedCompressor has been idle before every message.
func restedCompressor(h history, messages [][]byte) contestant {
	c := deflate.NewCompressor(h.bits, h.takeover, deflate.Fast)
	var b []byte
	return contestant{name: oursFast, over: oursFast, do: func(i int) ([]byte, error) {
		c.Idle()
		b = c.Append(b[:0], messages[i])
		return b, nil
	}}
}

func stdCompressor(level int, h history, messages [][]byte) contestant {
	var out sink
	w, err := flate.NewWriter(&out, level)
	return writerContestant(std1, oursFast, w, err, &out, h, messages)
}

func kpCompressor(name, over string, level int, h history, messages [][]byte) contestant {
	var out sink
	w, err := kpflate.NewWriter(&out, level)
	return writerContestant(name, over, w, err, &out, h, messages)
}

func kpWindowCompressor(h history, messages [][]byte) contestant {
	var out sink
	w, err := kpflate.NewWriterWindow(&out, 1<<h.bits)
	return writerContestant(kpWindow, oursFast, w, err, &out, h, messages)
}

// A writer is what the writers of compress/flate and its kin have in common.
type writer interface {
	io.Writer
	Flush() error
	Reset(w io.Writer)
}

// writerContestant uses a writer as those must who compress messages with it: Flush ends
// each of them with the four bytes that do not go out (RFC 7692, section 7.2.1). Without
// takeover the writer is Reset for each message; with it, it is one for the stream.
func writerContestant(name, over string, w writer, err error, out *sink, h history, messages [][]byte) contestant {
	return contestant{name: name, over: over, do: func(i int) ([]byte, error) {
		if err != nil {
			return nil, err
		}
		out.bytes = out.bytes[:0]
		if !h.takeover {
			w.Reset(out)
		}
		if _, err := w.Write(messages[i]); err != nil {
			return nil, err
		}
		if err := w.Flush(); err != nil {
			return nil, err
		}
		return out.bytes[:len(out.bytes)-4], nil
	}}
}

// A sink keeps what is written to it.
type sink struct{ bytes []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.bytes = append(s.bytes, p...)
	return len(p), nil
}
