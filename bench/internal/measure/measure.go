// Package measure compares pieces of work by their processor time. Contestants take
// turns, slice by slice, so that whatever else the machine does falls on all of them;
// and what is compared are the slices of one round.
package measure

import (
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/aclements/go-moremath/stats"

	"github.com/tidewire/websocket/bench/internal/cpuclock"
)

// Options say how long to measure.
type Options struct {
	Rounds int           // slices of each contestant
	Slice  time.Duration // processor time of a slice, about
}

// A Work does the next n units of some work.
type Work func(n int)

// A Series is what a unit of work took in each round, in nanoseconds.
type Series []float64

// Interleave measures the contestants in turns. Their units are alike. unit is the
// least that a slice has; all slices have a multiple of it.
//
// It runs on one thread and one P, with the collector off: what a contestant allocates
// is to be told beside its time.
func Interleave(o Options, unit int, contestants []Work) []Series {
	defer Quiet()()
	units := make([]int, len(contestants))
	for i, work := range contestants {
		units[i] = calibrate(o.Slice, unit, work)
	}
	series := make([]Series, len(contestants))
	runtime.GC()
	for round := range o.Rounds {
		for turn := range contestants {
			i := (turn + round) % len(contestants) // nobody is always behind the same one
			series[i] = append(series[i], nanoseconds(contestants[i], units[i])/float64(units[i]))
		}
	}
	return series
}

// Quiet takes the thread, leaves the program one P, and turns the collector off. The
// function that it returns undoes that.
func Quiet() (undo func()) {
	runtime.LockOSThread()
	procs, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(procs)
		runtime.UnlockOSThread()
	}
}

// calibrate finds how many units take about a slice. It warms the work up too.
func calibrate(slice time.Duration, unit int, work Work) int {
	for n := unit; ; n *= 2 {
		if took := nanoseconds(work, n); took >= float64(slice)/4 {
			return max(1, int(math.Round(float64(n/unit)*float64(slice)/took))) * unit
		}
	}
}

func nanoseconds(work Work, n int) float64 {
	start := cpuclock.Thread()
	work(n)
	return float64(cpuclock.Thread() - start)
}

// Over is the series of the quotients s/t, round by round.
func (s Series) Over(t Series) Series {
	q := make(Series, len(s))
	for i := range s {
		q[i] = s[i] / t[i]
	}
	return q
}

// An Estimate is the median of a series, and the interval that holds the true one with
// a probability of 95 %, as far as a few rounds can say.
type Estimate struct {
	Median, Low, High float64
}

// Estimate is what the series says.
func (s Series) Estimate() Estimate {
	sample := *stats.Sample{Xs: s}.Copy().Sort()
	median, low, high := stats.QuantileCI(len(s), 0.5, 0.95).SampleCI(sample)
	if math.IsInf(low, 0) || math.IsInf(high, 0) { // too few rounds for 95 %
		low, high = sample.Bounds()
	}
	return Estimate{Median: median, Low: low, High: high}
}

// Spread is how far the interval reaches from the median, as a part of it.
func (e Estimate) Spread() float64 {
	if e.Median == 0 {
		return 0
	}
	return max(e.High-e.Median, e.Median-e.Low) / e.Median
}
