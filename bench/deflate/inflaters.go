package main

import (
	"bytes"
	"compress/flate"
	"io"
	"slices"

	kpflate "github.com/klauspost/compress/flate"

	"github.com/tidewire/websocket/deflate"
)

// inflaters are all contestants that inflate payloads of messages of at most size bytes.
func inflaters(h history, payloads [][]byte, size int) []contestant {
	all := []contestant{ourInflater(h, payloads), stdInflater(h, payloads), kpInflater(h, payloads)}
	return append(all, libdeflateInflaters(h, payloads, size)...)
}

// neutral compresses a stream as most peers would: with level 6 of the algorithm of zlib,
// which compress/flate follows. It has no smaller windows; those are klauspost's.
func neutral(h history, messages [][]byte) contestant {
	if h.bits < 15 {
		return kpWindowCompressor(h, messages)
	}
	return stdCompressor(6, h, messages)
}

const (
	readLimit = 1 << 20  // the default of a connection: the output is bounded while it appears
	gatherMax = 16 << 10 // that much of a payload comes together before a connection inflates it
)

// ourInflater does what a connection does with a payload: what is larger than gatherMax is
// inflated piece by piece, as it arrives.
func ourInflater(h history, payloads [][]byte) contestant {
	d := deflate.NewDecompressor(h.bits, h.takeover)
	var msg []byte
	return contestant{name: ours, over: ours, do: func(i int) (_ []byte, err error) {
		p := payloads[i]
		msg = msg[:0]
		for len(p) > gatherMax && err == nil {
			msg, err = d.Append(msg, p[:gatherMax], false, readLimit)
			p = p[gatherMax:]
		}
		if err != nil {
			return nil, err
		}
		const last = true
		msg, err = d.Append(msg, p, last, readLimit)
		return msg, err
	}}
}

// What the readers of the other codecs need behind a payload: the four bytes that the
// sender took off (RFC 7692, section 7.2.2), and a final block, so that they end.
const readerTail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"

// A resetter is what the readers of compress/flate and its kin have in common.
type resetter interface {
	Reset(r io.Reader, dict []byte) error
}

func stdInflater(h history, payloads [][]byte) contestant {
	return readerContestant(std, flate.NewReader(nil), h, payloads)
}

func kpInflater(h history, payloads [][]byte) contestant {
	return readerContestant(kp, kpflate.NewReader(nil), h, payloads)
}

// readerContestant uses a reader as those must who inflate messages with it. It stops at
// the final block, so every message begins with Reset; with takeover the window, which
// the reader does not hand out, has been kept beside it and is given to Reset. The
// payloads have their tails already, and the message's buffer has its size: both save
// the reader some work.
func readerContestant(name string, fr io.Reader, h history, payloads [][]byte) contestant {
	reset := fr.(resetter)
	sources := withTail(payloads, readerTail)
	var src bytes.Reader
	var win window
	msg := make([]byte, 1<<10)
	return contestant{name: name, over: ours, do: func(i int) ([]byte, error) {
		src.Reset(sources[i])
		if err := reset.Reset(&src, win.last(h)); err != nil {
			return nil, err
		}
		n := 0
		for {
			if n == len(msg) {
				msg = append(msg, make([]byte, n)...)
			}
			m, err := fr.Read(msg[n:])
			n += m
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
		}
		if h.takeover {
			win.save(msg[:n], h)
		}
		return msg[:n], nil
	}}
}

// A window is the last bytes of a stream. It has room for two windows, so that it is
// moved only once in a while.
type window struct{ bytes []byte }

func (w *window) last(h history) []byte { return w.bytes[max(0, len(w.bytes)-1<<h.bits):] }

func (w *window) save(p []byte, h history) {
	size := 1 << h.bits
	p = p[max(0, len(p)-size):]
	if cap(w.bytes) == 0 {
		w.bytes = make([]byte, 0, 2*size)
	}
	if len(w.bytes)+len(p) > cap(w.bytes) {
		w.bytes = w.bytes[:copy(w.bytes[:cap(w.bytes)], w.bytes[len(w.bytes)-(size-len(p)):])]
	}
	w.bytes = append(w.bytes, p...)
}

func withTail(payloads [][]byte, tail string) [][]byte {
	var all [][]byte
	for _, p := range payloads {
		all = append(all, slices.Concat(p, []byte(tail)))
	}
	return all
}
