//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tidewire/websocket/bench/internal/measure"
	"github.com/tidewire/websocket/bench/internal/report"
	"github.com/tidewire/websocket/bench/ws/contest"
	"github.com/tidewire/websocket/bench/ws/worker"
)

// A Report is all that a run finds.
type Report struct {
	Machine   report.Machine
	Rounds    int
	Slice     time.Duration
	Scenarios []*Outcome
}

// An Outcome is what one scenario gave.
type Outcome struct {
	Name, About string
	Base        string // whose CPU time the others' are compared with
	Results     []*Result
}

// A Result is how one contestant did.
type Result struct {
	Contestant string
	Error      string `json:",omitempty"`
	Rounds     int
	Metrics    map[string]measure.Estimate

	series map[string]measure.Series
}

// measureAll runs the scenarios. After an interrupt it gives what there is, and an error.
func measureAll(ctx context.Context, s *settings, scenarios []*scenario) (*Report, error) {
	r := &Report{Machine: report.ThisMachine(), Rounds: s.rounds, Slice: s.slice}
	if len(scenarios) == 0 {
		return nil, errors.New("no scenario has such a name; -list shows them")
	}
	for i, sc := range scenarios {
		progress := newProgress(os.Stderr, fmt.Sprintf("[%d/%d] %s", i+1, len(scenarios), sc.name))
		o, err := sc.measure(ctx, s, progress)
		progress.end()
		if o.measured() {
			r.Scenarios = append(r.Scenarios, o)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// measured reports whether there is anything to tell.
func (o *Outcome) measured() bool {
	return slices.ContainsFunc(o.Results, func(r *Result) bool { return r.Error != "" || len(r.Metrics) > 0 })
}

// contestants are those that take part.
func (sc *scenario) contestants(s *settings) []*contest.Contestant {
	var all []*contest.Contestant
	for _, c := range contest.All() {
		chosen := s.of.MatchString(c.Name) && (s.variants || !c.Variant)
		if c.Joins(sc.group(), &sc.task) && (chosen || c.Name == contest.Base) {
			all = append(all, c)
		}
	}
	return all
}

// measure measures all contestants. Only an interrupt is an error, and the outcome has what
// was measured before it; what goes wrong with one of them is told in its result.
func (sc *scenario) measure(ctx context.Context, s *settings, progress *progress) (*Outcome, error) {
	o := &Outcome{Name: sc.name, About: sc.about}
	if sc.alone {
		return o, sc.oneByOne(ctx, s, progress, o)
	}
	end := time.Now().Add(s.limit)
	var pairs []*pair
	defer func() {
		for _, p := range pairs {
			p.stop()
		}
	}()
	for _, c := range sc.contestants(s) {
		if ctx.Err() != nil {
			return o, context.Cause(ctx)
		}
		progress.show("starting " + c.Name)
		p, err := start(c, sc, s)
		pairs = append(pairs, p)
		o.add(p, err)
	}
	stop := context.AfterFunc(ctx, func() { // a call that waits fails then
		for _, p := range pairs {
			p.kill()
		}
	})
	defer stop()
	err := sc.rounds(ctx, s, end, progress, o, pairs)
	o.conclude()
	return o, err
}

// add gives a pair its place among the results.
func (o *Outcome) add(p *pair, err error) {
	r := &Result{Contestant: p.contestant.Name, series: map[string]measure.Series{}, Metrics: map[string]measure.Estimate{}}
	if err != nil {
		r.Error = err.Error()
	}
	o.Results = append(o.Results, r)
}

// rounds measures in turns, so that whatever else the machine does falls on all. At the
// end of its time it begins no further round.
func (sc *scenario) rounds(ctx context.Context, s *settings, end time.Time, progress *progress, o *Outcome, pairs []*pair) error {
	if s.pprof != "" {
		profileAll(o, pairs, s.pprof)
	}
	for round := range s.rounds {
		if round > 0 && time.Now().After(end) {
			break
		}
		for turn := range pairs {
			i := (turn + round) % len(pairs) // nobody is always behind the same one
			if o.Results[i].Error != "" {
				continue
			}
			progress.show(fmt.Sprintf("round %d of %d: %s", round+1, s.rounds, pairs[i].contestant.Name))
			f, err := sc.slice(pairs[i])
			if ctx.Err() != nil { // which ended the slice, and nobody is to blame
				return context.Cause(ctx)
			}
			o.Results[i].take(f, err)
		}
	}
	for i, p := range pairs {
		if ctx.Err() != nil {
			break
		}
		if s.pprof != "" && o.Results[i].Error == "" {
			o.Results[i].fail(p.server.Call("profile", contest.Profile{}, nil, callLimit))
		}
		if sc.counted != nil && !s.noCalls && o.Results[i].Error == "" {
			progress.show("system calls of " + p.contestant.Name)
			f, err := p.countCalls()
			if ctx.Err() == nil {
				o.Results[i].take(f, err)
			}
		}
	}
	return context.Cause(ctx) // nil, if there was no interrupt
}

// oneByOne is for scenarios in which all contestants at once would be too many.
func (sc *scenario) oneByOne(ctx context.Context, s *settings, progress *progress, o *Outcome) error {
	defer o.conclude()
	for _, c := range sc.contestants(s) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		progress.show(c.Name)
		sc.one(ctx, s, c, o)
	}
	return context.Cause(ctx)
}

func (sc *scenario) one(ctx context.Context, s *settings, c *contest.Contestant, o *Outcome) {
	p, err := start(c, sc, s)
	defer p.stop()
	defer context.AfterFunc(ctx, p.kill)()
	var f Figures
	if err == nil {
		f, err = sc.slice(p)
	}
	if ctx.Err() == nil {
		o.add(p, nil)
		o.Results[len(o.Results)-1].take(f, err)
	}
}

// take adds the figures of a slice.
func (r *Result) take(f Figures, err error) {
	r.fail(err)
	if err != nil {
		return
	}
	for metric, value := range f {
		r.series[metric] = append(r.series[metric], value)
	}
}

func (r *Result) fail(err error) {
	if err != nil {
		r.Error = err.Error()
	}
}

// conclude makes estimates of the rounds, and compares those of the base with each.
func (o *Outcome) conclude() {
	for _, r := range o.Results {
		r.Rounds = len(r.series[CPU])
		for metric, series := range r.series {
			r.Metrics[metric] = series.Estimate()
		}
	}
	base := o.base()
	if base == nil {
		return
	}
	o.Base = base.Contestant
	for _, r := range o.Results {
		r.compare(base, CPU, Times)
		r.compare(base, P99, P99Times)
		r.compare(base, Rate, RateTimes)
	}
}

// base is raw TCP, or where that takes no part, the first that has worked. Nobody takes the
// place of a raw TCP that has failed: then nothing is compared.
func (o *Outcome) base() *Result {
	for _, r := range o.Results {
		switch {
		case r.Error == "" && r.Rounds > 0:
			return r
		case r.Contestant == contest.Base:
			return nil
		}
	}
	return nil
}

// compare sets how many times as much of a metric the base has.
func (r *Result) compare(base *Result, metric, times string) {
	n := min(len(r.series[metric]), len(base.series[metric]))
	if n > 0 {
		q := base.series[metric][:n].Over(r.series[metric][:n])
		r.series[times] = q
		r.Metrics[times] = q.Estimate()
	}
}

// countCalls counts system calls in a slice of its own.
func (p *pair) countCalls() (Figures, error) {
	messages := 0
	calls, err := p.server.CountCalls(func() (err error) {
		messages, err = p.scenario.counted(p)
		return err
	})
	if err != nil {
		return nil, err
	}
	n := float64(messages)
	return Figures{
		Receives: float64(calls.Receives) / n,
		Sends:    float64(calls.Sends) / n,
		Waits:    float64(calls.Waits) / n,
		Others:   float64(calls.Others) / n,
	}, nil
}

func profileAll(o *Outcome, pairs []*pair, dir string) {
	for i, p := range pairs {
		if o.Results[i].Error == "" {
			name := strings.NewReplacer("/", "-", " ", "-").Replace(p.scenario.name + "-" + p.contestant.Name)
			file, err := filepath.Abs(filepath.Join(dir, name+".pprof"))
			if err == nil {
				err = p.server.Call("profile", contest.Profile{File: file}, nil, callLimit)
			}
			o.Results[i].fail(err)
		}
	}
}

// kill ends the children, so that a call to them fails.
func (p *pair) kill() {
	for _, w := range []*worker.Worker{p.load, p.server} {
		if w != nil {
			w.Kill()
		}
	}
}

// finite is false for what a division by nothing gives.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
