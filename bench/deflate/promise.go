package main

import (
	"fmt"
	"math"

	"github.com/tidewire/websocket/bench/internal/corpus"
)

// A Verdict says whether one target was met.
type Verdict struct {
	Case   string
	Codec  string // of ours
	Target string // "≥ 2.5x compress/flate"
	Got    string // "2.71x"
	Met    bool
}

// judge holds all results against what we promise of them.
func (r *Report) judge() {
	for _, result := range r.Results {
		if result.benchCase.work == inflate {
			result.judgeInflate()
		} else {
			result.judgeFast()
			result.judgeBetter()
			r.judgeRandom(result)
		}
		result.judgeAllocations()
		r.Targets = append(r.Targets, result.Judged...)
	}
	for _, m := range r.Memory {
		r.Targets = append(r.Targets, m.judge()...)
	}
}

// An inflater may be stopped at any byte and bounds its output while it appears, and is
// fast all the same. libdeflate does neither.
func (r *Result) judgeInflate() {
	r.faster(ours, std, 2.5)
	r.faster(ours, kp, 2)
	if s := r.score(ld); s != nil {
		got := 1 / s.Times.Median
		r.verdict(ours, "≤ 1.3 times libdeflate", roundedUp(got), got <= 1.3)
	}
}

// Level Fast is held against level 1 of klauspost.
func (r *Result) judgeFast() {
	k := r.benchCase
	if k.kind == corpus.Random || r.score(kp1) == nil {
		return
	}
	factor, slack := 0.97, 0.0
	switch {
	case k.history.takeover && k.size == 256:
		factor, slack = 2.5, 0.03
	case k.history.takeover && k.size == kib:
		factor, slack = 1.5, 0.03
	case k.history.takeover:
		factor, slack = 1.0, 0.03
	case k.size == 256:
		factor = 1.7
	case k.size == kib:
		factor = 1.6
	case k.size == 16*kib:
		factor = 1.15
	}
	r.faster(oursFast, kp1, factor)
	r.smaller(oursFast, kp1, slack)
}

// Level Better is held against level 6 of libdeflate in bytes, and against level 5 of
// klauspost in time.
func (r *Result) judgeBetter() {
	if r.score(ld6) != nil {
		r.smaller(oursBetter, ld6, 0.02)
	}
	if r.score(kp5) != nil {
		r.faster(oursBetter, kp5, 1)
	}
}

// What cannot be compressed is noticed early.
func (r *Report) judgeRandom(result *Result) {
	k := result.benchCase
	if k.kind != corpus.Random {
		return
	}
	k.kind = corpus.JSON
	for _, same := range r.Results {
		if same.benchCase == k {
			got := result.score(oursFast).Nanoseconds.Median / same.score(oursFast).Nanoseconds.Median
			result.verdict(oursFast, "≤ 0.2 times "+same.Stream, roundedUp(got), got <= 0.2)
		}
	}
}

func (r *Result) judgeAllocations() {
	for _, codec := range []string{ours, oursFast, oursBetter} {
		if s := r.score(codec); s != nil {
			r.verdict(codec, "no allocations", fmt.Sprintf("%.3g a message", s.Allocations), s.Allocations == 0)
		}
	}
}

// faster wants the codec to take at least factor times as long as ours.
func (r *Result) faster(mine, codec string, factor float64) {
	got := r.score(codec).Times.Median
	r.verdict(mine, fmt.Sprintf("≥ %.4gx %s", factor, codec), fmt.Sprintf("%.2fx", math.Floor(100*got)/100), got >= factor)
}

// roundedUp, as what should be large is rounded down: nothing looks better than it is.
func roundedUp(x float64) string { return fmt.Sprintf("%.2f", math.Ceil(100*x)/100) }

// smaller wants no more bytes than those of the codec and a slack, as a part of them.
func (r *Result) smaller(mine, codec string, slack float64) {
	target := "bytes ≤ " + codec
	if slack > 0 {
		target += fmt.Sprintf(" + %.0f %%", 100*slack)
	}
	got := r.score(mine).Bytes/r.score(codec).Bytes - 1
	r.verdict(mine, target, fmt.Sprintf("%+.1f %%", 100*got), got <= slack)
}

func (r *Result) verdict(codec, target, got string, met bool) {
	r.Judged = append(r.Judged, &Verdict{Case: r.Name, Codec: codec, Target: target, Got: got, Met: met})
}
