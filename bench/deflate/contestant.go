package main

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tidewire/websocket/bench/internal/corpus"
	"github.com/tidewire/websocket/bench/internal/measure"
)

// The contestants, with their levels.
const (
	ours       = "Tidewire"
	oursFast   = "Tidewire fast"
	oursBetter = "Tidewire better"
	std        = "compress/flate"
	std1       = "compress/flate 1"
	kp         = "klauspost"
	kp1        = "klauspost 1"
	kp5        = "klauspost 5"
	kpWindow   = "klauspost window"
	ld         = "libdeflate"
	ld6        = "libdeflate 6"
)

// A contestant does one kind of work on a stream, with one codec.
type contestant struct {
	name string
	over string // the codec of ours that it is compared with

	// do works on message i of the stream, after those before it. The result is valid
	// until the next call.
	do func(i int) ([]byte, error)
}

// work goes through the messages first to end-1 again and again.
func (c contestant) work(first, end int) measure.Work {
	next := first
	return func(units int) {
		for range units {
			if _, err := c.do(next); err != nil {
				panic(fmt.Sprintf("%s: message %d: %v", c.name, next, err)) // check has seen it work
			}
			if next++; next == end {
				next = first
			}
		}
	}
}

// contestants are all that can do the work. Those that compress get the messages, and
// those that inflate what one neutral compressor made of them.
func (k benchCase) contestants(messages [][]byte) ([]contestant, error) {
	if k.work == compress {
		return compressors(k.history, messages), nil
	}
	payloads, err := payloadsOf(neutral(k.history, messages), len(messages))
	if err != nil {
		return nil, err
	}
	return inflaters(k.history, payloads, k.size), nil
}

// check goes through the stream once. Whatever was compressed is inflated, and what was
// inflated must be the message. It returns how many bytes a compressed message has.
func (k benchCase) check(c contestant, messages [][]byte) (float64, error) {
	if k.work == inflate {
		return 0, checkInflater(c, messages)
	}
	return checkCompressor(c, k.history, messages)
}

// twice is the stream and once more the stream. Who inflates with takeover can begin the
// second half again when it has ended: what its messages refer to is the same then. The
// first half, which begins without history, is for warming up.
func (k benchCase) twice(messages [][]byte) (all [][]byte, again int) {
	if k.work == inflate && k.history.takeover {
		return slices.Concat(messages, messages), len(messages)
	}
	return messages, 0
}

// payloadsOf keeps what a compressor makes of n messages.
func payloadsOf(c contestant, n int) ([][]byte, error) {
	payloads := make([][]byte, n)
	for i := range n {
		b, err := c.do(i)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		payloads[i] = bytes.Clone(b)
	}
	return payloads, nil
}

func checkInflater(c contestant, messages [][]byte) error {
	for i, want := range messages {
		got, err := c.do(i)
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("message %d: it came out otherwise than it went in", i)
		}
	}
	return nil
}

// checkCompressor has each payload inflated by compress/flate, and by our own
// decompressor, which refuses distances beyond the window.
func checkCompressor(c contestant, h history, messages [][]byte) (float64, error) {
	payloads, err := payloadsOf(c, len(messages))
	if err != nil {
		return 0, err
	}
	for _, judge := range []contestant{stdInflater(h, payloads), ourInflater(h, payloads)} {
		if err := checkInflater(judge, messages); err != nil {
			return 0, fmt.Errorf("read by %s: %w", judge.name, err)
		}
	}
	return corpus.Stream{Messages: payloads}.Bytes(), nil
}
