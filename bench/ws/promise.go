//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/tidewire/websocket/bench/internal/report"
	"github.com/tidewire/websocket/bench/ws/contest"
)

// A Verdict says whether one target was met.
type Verdict struct {
	Scenario   string
	Contestant string
	Target     string
	Got        string
	Met        bool
}

// The contestants of ours that targets are about. Those that do not take part are not
// judged.
const (
	blocking  = "tidewire-messages"
	appending = "tidewire-append"
	trusting  = "tidewire-trust"
	better    = "tidewire-better"
	serving   = "tidewire-serve"
	plain     = "tidewire" // where the way of reading does not matter
)

// A judge holds the figures of a report against what we promise.
type judge struct {
	report   *Report
	verdicts []*Verdict
}

// judge gives the verdicts on all targets whose scenarios have been run.
func (r *Report) judge() []*Verdict {
	j := &judge{report: r}
	j.echo()
	j.latency()
	j.text()
	j.pipelined()
	j.memory()
	j.sending()
	j.compressed()
	j.opening()
	j.slowed()
	return j.verdicts
}

// echo: one message at a time on 64 connections.
func (j *judge) echo() {
	for _, n := range []int{16, 128, kib} {
		j.atLeast("echo/c64/d1/"+size(n), blocking, 1.05)
		j.atLeast("echo/c64/d1/"+size(n), serving, 1.15)
	}
	j.atLeast("echo/c64/d1/16KiB", blocking, 1)
	j.atLeast("echo/c64/d1/16KiB", serving, 1.1)
}

// latency: at a moderate load, with one connection, and with all of them busy.
func (j *judge) latency() {
	for _, scenario := range []string{"paced/c64/128B", "paced/c64/16KiB", "echo/c1/d1/128B", "echo/c64/d1/128B", "echo/c64/d1/16KiB"} {
		for _, name := range []string{blocking, serving} {
			if got, ok := j.figure(scenario, name, P99Times); ok {
				j.say(scenario, name, "p99 ≤ 1.1 of raw TCP", roundedUp(1/got)+j.waited(scenario, name), 1/got <= 1.1)
			}
		}
	}
}

// slowed: handlers that take their time hold nobody up. A rate is of the time on the wall,
// which is what they take.
func (j *judge) slowed() {
	const scenario, least = "slow/c64/d1/128B", 2
	ours, ok := j.figure(scenario, serving, RateTimes)
	inline, also := j.figure(scenario, contest.Inline, RateTimes)
	if ok && also {
		j.say(scenario, serving, fmt.Sprintf("≥ %dx the rate of %s", least, contest.Inline), roundedDown(inline/ours)+"x"+j.waited(scenario, serving), inline/ours >= least)
	}
}

// waited says beside a figure of the time on the wall how much of it others took.
func (j *judge) waited(scenario, name string) string {
	if w, ok := j.figure(scenario, name, Waited); ok {
		return ", waited " + percent(w)
	}
	return ""
}

// text: what checking it costs beside binary messages, and the others' checking.
func (j *judge) text() {
	for _, kind := range []string{"text", "chinese", "cyrillic", "emoji"} {
		for _, n := range []int{16, 128, kib, 16 * kib, mib} {
			scenario := fmt.Sprintf("text/%s/%s", kind, size(n))
			trusted := 1.25
			if n == mib {
				trusted = 1.4
			}
			j.besideBinary(scenario, n, trusting, trusted)
			j.besideBinary(scenario, n, blocking, 1.5)
		}
		j.timesBest("text/"+kind+"/16KiB", blocking, 1.8)
	}
}

// besideBinary compares the ratio to raw TCP with that of binary messages.
func (j *judge) besideBinary(scenario string, n int, name string, most float64) {
	text, ok := j.figure(scenario, name, Times)
	binary, also := j.figure("echo/c64/d1/"+size(n), blocking, Times)
	if ok && also {
		j.say(scenario, name, fmt.Sprintf("≤ %.4g of binary", most), roundedUp(binary/text), binary/text <= most)
	}
}

// pipelined: 16 messages at a time on 64 connections. Of the two blocking ways one is to
// be that fast; both are told.
func (j *judge) pipelined() {
	for _, n := range []int{16, 128, kib} {
		scenario := "echo/c64/d16/" + size(n)
		least := 0.95
		if n == 16 {
			least = 0.85
		}
		j.atLeast(scenario, blocking, least)
		j.atLeast(scenario, appending, least)
		j.atLeast(scenario, serving, 1)
		j.timesBest(scenario, blocking, 7)
		for _, name := range []string{blocking, serving} {
			const most = 1.25 / 16 // nearly no more than one for the 16
			j.calls(scenario, name, "reads", Reads, Receives, most)
			j.calls(scenario, name, "writes", Writes, Sends, most)
		}
	}
}

// calls bounds the system calls for a message.
func (j *judge) calls(scenario, name, what, files, sockets string, most float64) {
	a, ok := j.figure(scenario, name, files)
	b, also := j.figure(scenario, name, sockets)
	if ok && also {
		j.say(scenario, name, fmt.Sprintf("%s ≤ %.3f", what, most), fmt.Sprintf("%.3f", a+b), a+b <= most)
	}
}

// memory: 10,000 connections that wait.
func (j *judge) memory() {
	j.weighs("idle/10000/raw", blocking, 3.4*kib)
	j.weighs("idle/10000/raw", serving, 450)
	j.weighs("idle/10000/http", blocking, 3.7*kib)
	j.weighs("idle/10000/http", serving, 600)
	if after, ok := j.figure("deflate-idle/1000", blocking, CollectedAfter); ok {
		before, _ := j.figure("deflate-idle/1000", blocking, Collected)
		j.say("deflate-idle/1000", blocking, "≤ 12.5 KiB more than before", report.Memory(after-before), after-before <= 12.5*kib)
	}
}

// weighs is about the memory after a collection, whatever was said before.
func (j *judge) weighs(scenario, name string, most float64) {
	before, ok := j.figure(scenario, name, Collected)
	after, also := j.figure(scenario, name, CollectedAfter)
	if ok && also {
		got := max(before, after)
		j.say(scenario, name, "≤ "+report.Memory(most), report.Memory(got), got <= most)
	}
}

// sending: one message for all, several for each, and many writers on one connection.
func (j *judge) sending() {
	j.atLeast("fanout/10000", plain, 1/1.05)
	j.calls("burst/1000", plain, "writes", Writes, Sends, 1.02/burst) // what is over is of the runtime
	j.atLeast("writers/8", plain, 5)
	j.atLeast("writers-2p/8", plain, 5)
}

// compressed: CPU and bytes beside those of the others.
func (j *judge) compressed() {
	const alone, takeover = "deflate/alone/1KiB", "deflate/takeover/1KiB"
	j.timesBest(alone, blocking, 2)
	for _, rival := range j.rivals(alone) {
		j.noLarger(alone, blocking, rival.Contestant)
	}
	j.timesOf(takeover, blocking, "coder", 3)
	j.noLarger(takeover, blocking, "coder")
	j.noLarger(takeover, better, "gws")
	j.timesOf(takeover, better, "coder", 1)
}

func (j *judge) noLarger(scenario, name, than string) {
	ours, ok := j.figure(scenario, name, Wire)
	theirs, also := j.figure(scenario, than, Wire)
	if ok && also {
		j.say(scenario, name, "bytes ≤ "+than, fmt.Sprintf("%+.1f %%", 100*(ours/theirs-1)), ours <= theirs)
	}
}

// opening: handshakes.
func (j *judge) opening() {
	j.timesBest("handshake/raw", plain, 1/1.05)
	j.atLeast("handshake/http", plain, 1/1.05)
}

// atLeast wants the CPU time of the base to be so many times as much.
func (j *judge) atLeast(scenario, name string, least float64) {
	if got, ok := j.figure(scenario, name, Times); ok {
		j.say(scenario, name, fmt.Sprintf("≥ %.3g of raw TCP", least), roundedDown(got), got >= least)
	}
}

// timesBest wants the best of the others to take so many times as much CPU time.
func (j *judge) timesBest(scenario, name string, least float64) {
	best, fastest := "", math.Inf(1)
	for _, rival := range j.rivals(scenario) {
		if cpu, ok := j.figure(scenario, rival.Contestant, CPU); ok && cpu < fastest {
			best, fastest = rival.Contestant, cpu
		}
	}
	if best != "" {
		j.timesOf(scenario, name, best, least)
	}
}

// timesOf wants another to take so many times as much CPU time.
func (j *judge) timesOf(scenario, name, rival string, least float64) {
	ours, ok := j.figure(scenario, name, Times)
	theirs, also := j.figure(scenario, rival, Times)
	if ok && also {
		j.say(scenario, name, fmt.Sprintf("≥ %.3gx %s", least, rival), roundedDown(ours/theirs)+"x", ours/theirs >= least)
	}
}

// rivals are those in a scenario that are neither ours nor the base.
func (j *judge) rivals(scenario string) []*Result {
	var all []*Result
	for _, o := range j.report.Scenarios {
		for _, r := range o.Results {
			if o.Name == scenario && !strings.HasPrefix(r.Contestant, "raw ") && !strings.HasPrefix(r.Contestant, plain) {
				all = append(all, r)
			}
		}
	}
	return all
}

func (j *judge) figure(scenario, name, metric string) (float64, bool) {
	r := j.report.find(scenario, name)
	if r == nil {
		return 0, false
	}
	m, ok := r.Metrics[metric]
	return m.Median, ok
}

func (j *judge) say(scenario, name, target, got string, met bool) {
	j.verdicts = append(j.verdicts, &Verdict{Scenario: scenario, Contestant: name, Target: target, Got: got, Met: met})
}

// Nothing looks better than it is.
func roundedDown(x float64) string { return fmt.Sprintf("%.2f", math.Floor(100*x)/100) }
func roundedUp(x float64) string   { return fmt.Sprintf("%.2f", math.Ceil(100*x)/100) }

// targets is the table of the verdicts.
func (r *Report) targets() *report.Table {
	t := &report.Table{Title: "Targets", Note: "Computed from the figures of this run.", Header: []string{"scenario", "contestant", "target", "got", ""}}
	for _, v := range r.judge() {
		verdict := "met"
		if !v.Met {
			verdict = "MISSED"
		}
		t.Add(v.Scenario, v.Contestant, v.Target, v.Got, verdict)
	}
	return t
}
