//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tidewire/websocket/bench/internal/measure"
	"github.com/tidewire/websocket/bench/ws/contest"
	"github.com/tidewire/websocket/bench/ws/worker"
)

// The tests start children of their own program.
func TestMain(m *testing.M) {
	worker.Main(roles)
	os.Exit(m.Run())
}

var everything = regexp.MustCompile("")

// tiny has few connections and short slices.
func tiny() *settings {
	return &settings{quick: true, rounds: 1, slice: 2 * time.Millisecond, connections: 20, run: everything, of: everything}
}

// measured is the time of servers and messages, below which something was not measured.
func wantFigures(t *testing.T, o *Outcome, r *Result) {
	t.Helper()
	if r.Error != "" {
		t.Errorf("%s, %s: %s", o.Name, r.Contestant, r.Error)
		return
	}
	for metric, m := range r.Metrics {
		if !finite(m.Median) {
			t.Errorf("%s, %s: %s is %v", o.Name, r.Contestant, metric, m.Median)
		}
	}
	if strings.Contains(o.Name, "idle") {
		if _, ok := r.Metrics[CollectedAfter]; !ok {
			t.Errorf("%s, %s: no memory", o.Name, r.Contestant)
		}
		return
	}
	if r.Metrics[CPU].Median < 100 || r.Metrics[Rate].Median < 1 {
		t.Errorf("%s, %s: got %v ns a message and %v messages a second", o.Name, r.Contestant, r.Metrics[CPU].Median, r.Metrics[Rate].Median)
	}
}

// Every contestant goes through every kind of scenario, and answers rightly in it.
func TestEveryContestantInEveryKindOfScenario(t *testing.T) {
	s := tiny()
	seen := map[string]bool{}
	for _, sc := range choose(s) {
		sc.conns = min(sc.conns, s.connections)
		o, err := sc.measure(context.Background(), s, &progress{w: io.Discard})
		if err != nil {
			t.Fatalf("%s: %v", sc.name, err)
		}
		for _, r := range o.Results {
			wantFigures(t, o, r)
			seen[r.Contestant] = true
		}
	}
	for _, c := range contest.All() {
		if !seen[c.Name] {
			t.Errorf("%s takes part in nothing", c.Name)
		}
	}
}

func TestInterruptEndsTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := tiny()
	s.rounds, s.slice = 1000, time.Minute
	s.of = regexp.MustCompile("^nobody$") // raw TCP alone
	sc := echo("echo", 1, 1, 16)
	sc.slice = func(p *pair) (Figures, error) {
		context.AfterFunc(ctx, func() {}) // ctx ends while the slice waits for its minute
		go cancel()
		return echoSlice(p)
	}
	start := time.Now()
	if _, err := sc.measure(ctx, s, &progress{w: io.Discard}); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

func TestScenariosHaveNamesOfTheirOwn(t *testing.T) {
	s := &settings{run: everything, of: everything, connections: 10_000}
	names := map[string]bool{}
	for _, sc := range choose(s) {
		if names[sc.name] {
			t.Errorf("two scenarios are called %s", sc.name)
		}
		names[sc.name] = true
	}
	for name := range quick {
		if !names[name] {
			t.Errorf("there is no scenario %s for -quick", name)
		}
	}
}

// madeUp is a report without a run.
func madeUp(cpu float64) *Report {
	o := &Outcome{Name: "echo/c1/d1/16B", About: "messages"}
	for name, series := range map[string]measure.Series{
		contest.Base: {1000, 2000, 3000},
		"tidewire":   {cpu, 2 * cpu, 3 * cpu},
	} {
		r := &Result{Contestant: name, Metrics: map[string]measure.Estimate{}, series: map[string]measure.Series{CPU: series}}
		if name == contest.Base {
			o.Results = append([]*Result{r}, o.Results...)
		} else {
			o.Results = append(o.Results, r)
		}
	}
	o.Results = append(o.Results, &Result{Contestant: "broken", Error: "answers wrongly: it says no"})
	o.conclude()
	return &Report{Scenarios: []*Outcome{o}}
}

// What is compared is what was measured in the same round.
func TestRatiosAreOfTheSameRound(t *testing.T) {
	r := madeUp(500).find("echo/c1/d1/16B", "tidewire")
	if got := r.Metrics[Times]; got.Median != 2 || got.Low != 2 || got.High != 2 {
		t.Errorf("got %+v, want 2 in every round", got)
	}
}

func TestPublishWritesAllFiles(t *testing.T) {
	dir := t.TempDir()
	s := &settings{json: filepath.Join(dir, "a.json"), md: filepath.Join(dir, "a.md"), svg: dir}
	if err := madeUp(500).publish(s, nil); err != nil {
		t.Fatal(err)
	}
	old, err := readReport(s.json)
	if err != nil {
		t.Fatal(err)
	}
	if err := madeUp(250).publish(s, old); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"a.json":                           `"Contestant": "tidewire"`,
		"a.md":                             "| echo/c1/d1/16B | tidewire | CPU | 1000 ns",
		"echo-c1-d1-16B-" + Times + ".svg": "4.00</text>",
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Error(err)
		} else if !bytes.Contains(text, []byte(want)) && file != "a.md" {
			t.Errorf("%s: no %q in it", file, want)
		}
	}
	md, err := os.ReadFile(s.md)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.500", "2.000", "answers wrongly: it says no"} {
		if !bytes.Contains(md, []byte(want)) {
			t.Errorf("a.md: no %q in\n%s", want, md)
		}
	}
}
