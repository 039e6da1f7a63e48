package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"

	kpflate "github.com/klauspost/compress/flate"

	"github.com/tidewire/websocket/bench/internal/corpus"
	"github.com/tidewire/websocket/bench/internal/measure"
	"github.com/tidewire/websocket/bench/internal/report"
	"github.com/tidewire/websocket/deflate"
)

// A Memory is what a connection holds between two messages, both directions, in bytes
// of the heap. Idle means after [deflate.Compressor.Idle], which the others lack.
type Memory struct {
	Name               string
	Sends, Idle        float64
	Receives           float64
	mostBusy, mostIdle float64 // 0: no target
}

// onlyStructs is what the two structs may have.
const onlyStructs = 256

func (m *Memory) judge() (all []*Verdict) {
	for _, t := range []struct {
		name      string
		got, most float64
	}{{"busy", m.Sends + m.Receives, m.mostBusy}, {"idle", m.Idle + m.Receives, m.mostIdle}} {
		if t.most > 0 {
			all = append(all, &Verdict{
				Case: "memory", Codec: m.Name, Target: t.name + " ≤ " + report.Memory(t.most),
				Got: report.Memory(t.got), Met: t.got <= t.most,
			})
		}
	}
	return all
}

// memory measures pairs that have had twice as many bytes as the largest window has.
func (r *Report) memory(s *settings) {
	if !s.wants("memory") {
		return
	}
	fmt.Fprintln(s.progress, "memory")
	messages := corpus.Make(corpus.JSON, kib, 64).Messages
	pairs := 1000 / s.short
	tidewire := func(level deflate.Level, h history) *Memory {
		m := &Memory{Name: fmt.Sprintf("Tidewire %v, %v", level, h), Receives: heldReceiving(pairs, h, messages)}
		m.Sends, m.Idle = heldSending(pairs, level, h, messages)
		return m
	}
	none := tidewire(deflate.Fast, alone)
	none.mostBusy, none.mostIdle = onlyStructs, onlyStructs
	small := tidewire(deflate.Fast, takeover12)
	small.mostBusy, small.mostIdle = 12.5*kib, 8.5*kib
	r.Memory = append(r.Memory, none, small,
		tidewire(deflate.Fast, takeover15), tidewire(deflate.Better, takeover12), tidewire(deflate.Better, takeover15))

	few := max(2, pairs/20) // they are large
	r.Memory = append(r.Memory,
		others(std1, few, messages, func(w io.Writer) (writer, error) { return flate.NewWriter(w, 1) }, flate.NewReader),
		others(kp1, few, messages, func(w io.Writer) (writer, error) { return kpflate.NewWriter(w, 1) }, kpflate.NewReader),
		others(kp5, few, messages, func(w io.Writer) (writer, error) { return kpflate.NewWriter(w, 5) }, kpflate.NewReader),
		others(kpWindow+" of 4 KiB", few, messages, func(w io.Writer) (writer, error) { return kpflate.NewWriterWindow(w, 4*kib) }, kpflate.NewReader),
	)
}

func heldSending(n int, level deflate.Level, h history, messages [][]byte) (busy, idle float64) {
	var b []byte
	create := func() *deflate.Compressor {
		c := deflate.NewCompressor(h.bits, h.takeover, level)
		for _, m := range messages {
			b = c.Append(b[:0], m)
		}
		return c
	}
	busy = measure.Held(n, create)
	idle = measure.Held(n, func() *deflate.Compressor {
		c := create()
		c.Idle()
		return c
	})
	return busy, idle
}

func heldReceiving(n int, h history, messages [][]byte) float64 {
	c := deflate.NewCompressor(h.bits, h.takeover, deflate.Fast)
	var payloads [][]byte
	for _, m := range messages {
		payloads = append(payloads, c.Append(nil, m))
	}
	var msg []byte
	return measure.Held(n, func() *deflate.Decompressor {
		d := deflate.NewDecompressor(h.bits, h.takeover)
		for _, p := range payloads {
			var err error
			if msg, err = d.Append(msg[:0], p, true, readLimit); err != nil {
				panic(err) // we made it
			}
		}
		return d
	})
}

// others measures a writer, and a reader, that are kept for one connection.
func others(name string, n int, messages [][]byte, newWriter func(io.Writer) (writer, error), newReader func(io.Reader) io.ReadCloser) *Memory {
	m := &Memory{Name: name}
	var payload []byte
	m.Sends = measure.Held(n, func() writer {
		var out bytes.Buffer
		w, err := newWriter(&out)
		if err != nil {
			panic(err)
		}
		for _, p := range messages {
			w.Write(p)
			w.Flush()
		}
		payload = bytes.Clone(out.Bytes())
		w.Reset(io.Discard) // so that it holds no output
		return w
	})
	m.Idle = m.Sends
	m.Receives = measure.Held(n, func() io.Reader {
		r := newReader(bytes.NewReader(payload))
		if _, err := io.Copy(io.Discard, r); err != io.ErrUnexpectedEOF {
			panic(err) // a stream without an end
		}
		return r
	})
	return m
}
