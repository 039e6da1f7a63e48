//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
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
	return &settings{quick: true, rounds: 1, slice: time.Millisecond, limit: time.Minute, connections: 20, run: everything, of: everything, variants: true, noCalls: true, out: io.Discard}
}

// wantFigures wants what every scenario has, and nothing that cannot be.
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
		sc.conns, sc.stream.Most = min(sc.conns, s.connections), 16
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

// Whatever a server uses to read and write, it must do each of them once for a batch.
func TestSystemCallsAreInTheFigures(t *testing.T) {
	s := tiny()
	s.noCalls, s.of = false, regexp.MustCompile("^(tidewire|gobwas)$")
	sc := echo("echo", 4, 16, 16)
	o, err := sc.measure(context.Background(), s, &progress{w: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range o.Results {
		wantFigures(t, o, r)
		for _, of := range [][2]string{{Reads, Receives}, {Writes, Sends}} {
			if got := r.Metrics[of[0]].Median + r.Metrics[of[1]].Median; got < 0.9/16 || got > 10 {
				t.Errorf("%s: %s and %s are %v a message", r.Contestant, of[0], of[1], got)
			}
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
		time.AfterFunc(50*time.Millisecond, cancel) // while the slice has most of its minute before it
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

// When the time of a scenario is over, the round that runs is the last.
func TestScenarioEndsInTime(t *testing.T) {
	s := tiny()
	s.rounds, s.limit, s.of = 1000, 0, regexp.MustCompile("^(gws|gobwas)$")
	sc := echo("echo", 1, 1, 16)
	o, err := sc.measure(context.Background(), s, &progress{w: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range o.Results {
		if r.Rounds != 1 || r.Error != "" {
			t.Errorf("%s: got %d rounds, %q, want 1", r.Contestant, r.Rounds, r.Error)
		}
	}
}

// What has been measured before an interrupt is told, without the slice that it has ended.
func TestInterruptedRunKeepsItsRounds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := tiny()
	s.rounds, s.of = 1000, regexp.MustCompile("^nobody$") // raw TCP alone
	first, second, third := echo("echo", 1, 1, 16), echo("echo", 1, 1, 128), echo("echo", 1, 1, kib)
	first.slice = func(*pair) (Figures, error) { return Figures{CPU: 1}, nil }
	slices := 0
	second.slice = func(p *pair) (Figures, error) {
		if slices++; slices == 3 {
			cancel()
			return nil, errors.New("the child has ended")
		}
		return echoSlice(p)
	}
	r, err := measureAll(ctx, s, []*scenario{first, second, third})
	if err != context.Canceled || r == nil {
		t.Fatalf("got %v, %v, want a report and %v", r, err, context.Canceled)
	}
	if len(r.Scenarios) != 2 {
		t.Fatalf("got %d scenarios, want 2", len(r.Scenarios))
	}
	for i, want := range []int{s.rounds, 2} {
		if got := r.Scenarios[i].Results[0]; got.Rounds != want || got.Error != "" || len(got.Metrics) == 0 {
			t.Errorf("scenario %d: got %d rounds, %q and %d figures, want %d rounds", i+1, got.Rounds, got.Error, len(got.Metrics), want)
		}
	}
}

// The flags of a small run lead to all files, and its figures are compared with those of
// another one.
func TestRunWithAllFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	program := func(args ...string) string {
		t.Helper()
		s, err := parse(append(args, "-run", "^(echo/c1/d1|paced/c64)/128B$", "-of", "^tidewire$", "-rounds", "2", "-slice", "2ms"))
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		s.out = &out
		if err := run(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	program("-json", file("a.json"), "-pprof", dir)
	out := program("-json", file("b.json"), "-md", file("b.md"), "-svg", file("charts"), "-compare", file("a.json"))
	for _, want := range []string{"All scenarios", "Targets", "Compared with", "is/was", "paced/c64/128B"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, name := range []string{
		"a.json", "b.json", "b.md", "charts/echo-c1-d1-128B-times.svg", "charts/paced-c64-128B-p99.svg", "echo-c1-d1-128B-tidewire.pprof",
	} {
		if info, err := os.Stat(file(name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, or nothing in it", name, err)
		}
	}
}

func TestFlagsThatCannotBe(t *testing.T) {
	for _, args := range [][]string{{"-run", "("}, {"-of", "("}, {"-rounds", "many"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	s, err := parse([]string{"-run", "^nothing$"})
	if err != nil {
		t.Fatal(err)
	}
	if err := run(context.Background(), s); err == nil || !strings.Contains(err.Error(), "no scenario") {
		t.Errorf("got %v", err)
	}
}

// -quick is to end within a minute. That a test cannot say; it says how much there is.
func TestQuickIsLittle(t *testing.T) {
	s, err := parse([]string{"-quick"})
	if err != nil {
		t.Fatal(err)
	}
	servers := 0
	for _, sc := range choose(s) {
		servers += len(sc.contestants(s))
	}
	const about = 150 * time.Millisecond // to start a server with its load, verify it and count its calls
	if took := time.Duration(servers) * (about + time.Duration(s.rounds)*s.slice); took > 45*time.Second {
		t.Errorf("%d servers take about %v", servers, took)
	}
}

// In the event loop that Serve is judged by, a handler that sleeps stops all others.
func TestInlineHandlersRunOneAfterTheOther(t *testing.T) {
	s := tiny()
	s.slice = 60 * time.Millisecond
	p, err := start(contest.Find(contest.Inline), slow(), s)
	defer p.stop()
	if err != nil {
		t.Fatal(err)
	}
	f, err := echoSlice(p)
	if err != nil {
		t.Fatal(err)
	}
	messages := f[Rate] * s.slice.Seconds() // or more, because the last answers come later
	asleep := (messages/contest.SlowEvery - 1) * contest.SlowTime.Seconds()
	if asleep > s.slice.Seconds() {
		t.Errorf("%.0f messages a second, and a pause of %v after every %d of them, are %.3f s of pauses in %v", f[Rate], contest.SlowTime, contest.SlowEvery, asleep, s.slice)
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

// Nobody takes the place of a bare TCP that has failed: what is promised beside it is not
// judged beside another library. Where it takes no part, the first is the base.
func TestWhoIsTheBase(t *testing.T) {
	for _, test := range []struct {
		first, err, base string
		verdicts         int
	}{
		{contest.Base, "", contest.Base, 1},
		{contest.Base, "it has ended", "", 0},
		{"gws", "", "gws", 1},
		{"gws", "it has ended", plain, 1},
	} {
		o := &Outcome{Name: "handshake/http"}
		for _, name := range []string{test.first, plain} {
			o.add(&pair{contestant: &contest.Contestant{Name: name}}, nil)
		}
		for _, r := range o.Results {
			r.take(Figures{CPU: 1000}, nil)
		}
		o.Results[0].Error = test.err
		o.conclude()
		if o.Base != test.base {
			t.Errorf("%s, %q: the base is %q, want %q", test.first, test.err, o.Base, test.base)
		}
		if n := len((&Report{Scenarios: []*Outcome{o}}).judge()); n != test.verdicts {
			t.Errorf("%s, %q: got %d verdicts, want %d", test.first, test.err, n, test.verdicts)
		}
	}
}

func TestPublishWritesAllFiles(t *testing.T) {
	dir := t.TempDir()
	s := &settings{json: filepath.Join(dir, "a.json"), md: filepath.Join(dir, "a.md"), svg: dir, out: io.Discard}
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
	for file, wanted := range map[string][]string{
		"a.json":                           {`"Contestant": "tidewire"`},
		"a.md":                             {"| echo/c1/d1/16B | tidewire | CPU | 1.00 µs | 500 ns | 0.500 |", "| 2.000 |", "answers wrongly: it says no"},
		"echo-c1-d1-16B-" + Times + ".svg": {"4.00</text>"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Error(err)
		}
		for _, want := range wanted {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("%s: no %q in\n%s", file, want, text)
			}
		}
	}
}

// A target is judged by the figures, and those that were not measured are left out.
func TestTargetsAreComputed(t *testing.T) {
	for _, test := range []struct {
		cpu  float64
		want Verdict
	}{
		{500, Verdict{Got: "2.00", Met: true}},
		{1100, Verdict{Got: "0.90", Met: false}},
	} {
		r := madeUp(test.cpu)
		r.Scenarios[0].Name = "handshake/http"
		test.want.Scenario, test.want.Contestant, test.want.Target = "handshake/http", plain, "≥ 0.952 of raw TCP"
		got := r.judge()
		if len(got) != 1 {
			t.Fatalf("got %d verdicts, want 1", len(got))
		}
		if *got[0] != test.want {
			t.Errorf("got %+v, want %+v", *got[0], test.want)
		}
	}
}

// The scenarios that targets are about must be there under these names.
func TestTargetsAreAboutScenariosThatThereAre(t *testing.T) {
	s := &settings{run: everything, of: everything, connections: 10_000}
	r := &Report{}
	for _, sc := range choose(s) {
		o := &Outcome{Name: sc.name}
		for _, name := range []string{contest.Base, contest.Inline, plain, blocking, appending, trusting, better, serving, "coder", "gws"} {
			result := &Result{Contestant: name, Metrics: map[string]measure.Estimate{}}
			result.Metrics[RateTimes] = measure.Estimate{Median: 1}
			for _, c := range columns {
				result.Metrics[c.metric] = measure.Estimate{Median: 1}
			}
			o.Results = append(o.Results, result)
		}
		r.Scenarios = append(r.Scenarios, o)
	}
	groups := map[string]int{}
	for _, v := range r.judge() {
		group, _, _ := strings.Cut(v.Scenario, "/")
		groups[group]++
	}
	for group, want := range map[string]int{
		"echo": 8 + 6 + 3*8, "text": 4 * (2*5 + 1), "idle": 4, "deflate-idle": 1,
		"fanout": 1, "burst": 1, "writers": 1, "writers-2p": 1, "deflate": 3 + 4, "handshake": 2,
		"paced": 4, "slow": 1,
	} {
		if groups[group] != want {
			t.Errorf("%s: got %d targets, want %d", group, groups[group], want)
		}
	}
}
