package main

import (
	"fmt"
	"strings"

	"github.com/tidewire/websocket/bench/internal/corpus"
	"github.com/tidewire/websocket/bench/internal/measure"
)

// The kinds of work.
const (
	inflate  = "inflate"
	compress = "compress"
)

// A history is what a message may refer to (RFC 7692, sections 7.1.1 and 7.1.2).
type history struct {
	bits     int // of the window
	takeover bool
}

var (
	alone      = history{15, false} // each message by itself
	takeover12 = history{12, true}
	takeover15 = history{15, true}
)

func (h history) String() string {
	if !h.takeover {
		return "none"
	}
	return fmt.Sprintf("takeover-%d", h.bits)
}

// A benchCase is one stream, and one kind of work on it that all contestants do.
type benchCase struct {
	work    string
	kind    corpus.Kind
	size    int
	history history
}

// name is what -filter sees: inflate/json-1KiB/takeover-15.
func (k benchCase) name() string {
	return fmt.Sprintf("%s/%s-%s/%s", k.work, k.kind, strings.ReplaceAll(corpus.Size(k.size), " ", ""), k.history)
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// cases are all of them, in the order of the tables.
func cases() []benchCase {
	streams := []benchCase{
		{kind: corpus.JSON, size: 256, history: alone},
		{kind: corpus.JSON, size: kib, history: alone},
		{kind: corpus.JSON, size: 16 * kib, history: alone},
		{kind: corpus.JSON, size: mib, history: alone},
		{kind: corpus.Text, size: kib, history: alone},
		{kind: corpus.Text, size: mib, history: alone},
		{kind: corpus.Chinese, size: kib, history: alone},
		{kind: corpus.Chinese, size: 16 * kib, history: alone},
		{kind: corpus.Binary, size: kib, history: alone},
		{kind: corpus.Binary, size: 16 * kib, history: alone},
		{kind: corpus.Random, size: 256, history: alone},
		{kind: corpus.Random, size: kib, history: alone},
		{kind: corpus.Random, size: 16 * kib, history: alone},
		{kind: corpus.JSON, size: 256, history: takeover12},
		{kind: corpus.JSON, size: kib, history: takeover12},
		{kind: corpus.JSON, size: 16 * kib, history: takeover12},
		{kind: corpus.JSON, size: 256, history: takeover15},
		{kind: corpus.JSON, size: kib, history: takeover15},
		{kind: corpus.JSON, size: 16 * kib, history: takeover15},
		{kind: corpus.Text, size: kib, history: takeover15},
		{kind: corpus.Chinese, size: kib, history: takeover15},
	}
	var all []benchCase
	for _, work := range []string{inflate, compress} {
		for _, k := range streams {
			k.work = work
			all = append(all, k)
		}
	}
	return all
}

// stream makes the messages: enough different ones that no predictor knows them by
// heart, few enough that they stay in the caches.
func (k benchCase) stream(short int) corpus.Stream {
	return corpus.Make(k.kind, k.size, max(2, min(4000, 4*mib/k.size)/short))
}

// A Result is what one case gave.
type Result struct {
	Name   string
	Stream string
	Bytes  float64 // of a message
	Scores []*Score
	Judged []*Verdict

	benchCase benchCase
}

// A Score is how one contestant did.
type Score struct {
	Codec       string
	Nanoseconds measure.Estimate // a message
	Bytes       float64          // a compressed message
	Allocations float64          // a message
	Over        string           // the codec of ours that it is compared with
	Times       measure.Estimate // its time divided by that of ours, round by round
}

// score finds a contestant's score; nil if it did not take part.
func (r *Result) score(codec string) *Score {
	for _, s := range r.Scores {
		if s.Codec == codec {
			return s
		}
	}
	return nil
}

// run checks all contestants, and then measures them.
func (k benchCase) run(s *settings) (*Result, error) {
	stream := k.stream(s.short)
	r := &Result{Name: k.name(), Stream: stream.Name, Bytes: stream.Bytes(), benchCase: k}
	fmt.Fprintf(s.progress, "%s\n", r.Name)
	messages, again := k.twice(stream.Messages)
	contestants, err := k.contestants(messages)
	if err != nil {
		return nil, err
	}
	var works []measure.Work
	for _, c := range contestants {
		bytes, err := k.check(c, messages)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		work := c.work(again, len(messages))
		works = append(works, work)
		r.Scores = append(r.Scores, &Score{
			Codec: c.name, Bytes: bytes, Over: c.over,
			Allocations: measure.Allocations(len(stream.Messages), work),
		})
	}
	unit := 1
	if len(stream.Messages) < 10 {
		unit = len(stream.Messages) // so that all slices have the same messages
	}
	series := measure.Interleave(s.measure, unit, works)
	of := map[string]measure.Series{}
	for i, score := range r.Scores {
		of[score.Codec] = series[i]
	}
	for i, score := range r.Scores {
		score.Nanoseconds = series[i].Estimate()
		score.Times = series[i].Over(of[score.Over]).Estimate()
	}
	return r, nil
}
