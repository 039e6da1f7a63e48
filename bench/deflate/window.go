package main

import (
	"fmt"
	"slices"

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
	Stream      string
	Bytes       float64 // of a message
	FastBytes   float64 // compressed
	BetterBytes float64
	FastTime    measure.Estimate
	RestedTime  measure.Estimate // of level fast, with Idle before each message
	BetterTime  measure.Estimate
	InflateTime measure.Estimate // of what level fast made
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

// windowCosts measures all that a window does, for all windows, in turns.
func (r *Report) windowCosts(s *settings, histories []history, size int) error {
	stream := benchCase{kind: corpus.JSON, size: size}.stream(s.short)
	costs := make([]*WindowCost, len(histories))
	var fast, rested, better, inflating []measure.Work
	for i, h := range histories {
		c := &WindowCost{Stream: stream.Name, Bytes: stream.Bytes()}
		costs[i] = c
		r.Windows[i].Costs = append(r.Windows[i].Costs, c)
		var err error
		if c.FastBytes, err = addCompressor(&fast, ourCompressor(oursFast, deflate.Fast, h, stream.Messages), h, stream.Messages); err != nil {
			return err
		}
		if c.BetterBytes, err = addCompressor(&better, ourCompressor(oursBetter, deflate.Better, h, stream.Messages), h, stream.Messages); err != nil {
			return err
		}
		if _, err = addCompressor(&rested, restedCompressor(h, stream.Messages), h, stream.Messages); err != nil {
			return err
		}
		if err = addInflater(&inflating, h, stream.Messages); err != nil {
			return err
		}
	}
	series := measure.Interleave(s.measure, 1, slices.Concat(fast, rested, better, inflating))
	for i, c := range costs {
		n := len(costs)
		c.FastTime, c.RestedTime = series[i].Estimate(), series[n+i].Estimate()
		c.BetterTime, c.InflateTime = series[2*n+i].Estimate(), series[3*n+i].Estimate()
	}
	return nil
}

// addCompressor checks a compressor and adds its work. It returns the bytes of a message.
func addCompressor(works *[]measure.Work, c contestant, h history, messages [][]byte) (float64, error) {
	bytes, err := checkCompressor(c, h, messages)
	*works = append(*works, c.work(0, len(messages)))
	return bytes, err
}

// addInflater does so with our inflater, on what our level fast makes.
func addInflater(works *[]measure.Work, h history, messages [][]byte) error {
	messages, again := benchCase{work: inflate, history: h}.twice(messages)
	payloads, err := payloadsOf(ourCompressor(oursFast, deflate.Fast, h, messages), len(messages))
	if err != nil {
		return err
	}
	c := ourInflater(h, payloads)
	*works = append(*works, c.work(again, len(messages)))
	return checkInflater(c, messages)
}
