package main

import (
	"fmt"

	"github.com/tidewire/websocket/bench/internal/corpus"
	"github.com/tidewire/websocket/bench/internal/measure"
	"github.com/tidewire/websocket/deflate"
)

// A Window says what a window costs and gives.
type Window struct {
	History            string
	Fast, Better, Idle float64 // bytes of memory that a sender holds
	Receiver           float64
	Costs              []*WindowCost // for each size of messages
}

// A WindowCost is what it is for JSON of one size.
type WindowCost struct {
	Stream                            string
	Bytes                             float64
	FastBytes, BetterBytes            float64
	FastTime, BetterTime, InflateTime measure.Estimate
}

// windows measures all windows with takeover, and no takeover, which comes first.
func (r *Report) windows(s *settings) error {
	if !s.wants("windows") {
		return nil
	}
	histories := []history{alone}
	for bits := 8; bits <= 15; bits++ {
		histories = append(histories, history{bits, true})
	}
	messages := corpus.Make(corpus.JSON, kib, 64).Messages
	for _, h := range histories {
		w := &Window{History: h.String(), Receiver: heldReceiving(200/s.short, h, messages)}
		w.Fast, w.Idle = heldSending(200/s.short, deflate.Fast, h, messages)
		w.Better, _ = heldSending(200/s.short, deflate.Better, h, messages)
		r.Windows = append(r.Windows, w)
	}
	for _, size := range []int{256, kib} {
		fmt.Fprintf(s.progress, "windows/json-%d\n", size)
		if err := r.windowCosts(s, histories, size); err != nil {
			return err
		}
	}
	return nil
}

// windowCosts measures all windows in turns: first all fast compressors, then all better
// ones, then all inflaters of what the fast ones made.
func (r *Report) windowCosts(s *settings, histories []history, size int) error {
	stream := benchCase{kind: corpus.JSON, size: size}.stream(s.short)
	n := len(stream.Messages)
	costs := make([]*WindowCost, len(histories))
	fast, better, inflaters := make([]measure.Work, len(histories)), make([]measure.Work, len(histories)), make([]measure.Work, len(histories))
	for i, h := range histories {
		c := &WindowCost{Stream: stream.Name, Bytes: stream.Bytes()}
		costs[i] = c
		r.Windows[i].Costs = append(r.Windows[i].Costs, c)
		var err error
		f := ourCompressor(oursFast, deflate.Fast, h, stream.Messages)
		if c.FastBytes, err = checkCompressor(f, h, stream.Messages); err != nil {
			return err
		}
		b := ourCompressor(oursBetter, deflate.Better, h, stream.Messages)
		if c.BetterBytes, err = checkCompressor(b, h, stream.Messages); err != nil {
			return err
		}
		k := benchCase{work: inflate, history: h}
		messages, again := k.twice(stream.Messages)
		payloads, err := payloadsOf(ourCompressor(oursFast, deflate.Fast, h, messages), len(messages))
		if err != nil {
			return err
		}
		in := ourInflater(h, payloads)
		if err := checkInflater(in, messages); err != nil {
			return err
		}
		fast[i], better[i], inflaters[i] = f.work(0, n), b.work(0, n), in.work(again, len(messages))
	}
	for i, series := range measure.Interleave(s.measure, 1, fast) {
		costs[i].FastTime = series.Estimate()
	}
	for i, series := range measure.Interleave(s.measure, 1, better) {
		costs[i].BetterTime = series.Estimate()
	}
	for i, series := range measure.Interleave(s.measure, 1, inflaters) {
		costs[i].InflateTime = series.Estimate()
	}
	return nil
}
