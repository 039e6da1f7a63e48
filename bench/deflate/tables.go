package main

import (
	"fmt"

	"github.com/tidewire/websocket/bench/internal/report"
)

// tables are what people read.
func (r *Report) tables() []*report.Table {
	all := []*report.Table{
		r.table(inflate, "Inflate", "Time a message, and beside the others' how many times ours it is. All inflate the same payloads.",
			[]string{ours, std, kp, ld}),
		r.table(compress, "Compress, level fast", "Time and bytes a message, and beside the others' how many times our time theirs is.",
			[]string{oursFast, std1, kp1, kpWindow}),
		r.table(compress, "Compress, level better", "The same.", []string{oursBetter, kp5, ld6}),
		r.windowTable(), r.memoryTable(), r.targetTable(),
	}
	var some []*report.Table
	for _, t := range all {
		if len(t.Rows) > 0 {
			some = append(some, t)
		}
	}
	return some
}

// table has a row for each case of the work, and a column for each codec.
func (r *Report) table(work, title, note string, codecs []string) *report.Table {
	t := &report.Table{Title: title, Note: note, Header: append([]string{"messages", "history", "bytes"}, codecs...)}
	t.Header = append(t.Header, "targets")
	for _, result := range r.Results {
		if result.benchCase.work != work {
			continue
		}
		row := []string{result.Stream, result.benchCase.history.String(), report.Bytes(result.Bytes)}
		for _, codec := range codecs {
			row = append(row, result.score(codec).cell())
		}
		t.Add(append(row, result.targets(codecs[0]))...)
	}
	return t
}

// cell is "10.3 µs ±2 % 417 B (1.83x)".
func (s *Score) cell() string {
	if s == nil {
		return "-"
	}
	cell := report.Duration(s.Nanoseconds.Median)
	if s.Codec == s.Over {
		cell += fmt.Sprintf(" ±%.0f %%", 100*s.Nanoseconds.Spread())
	}
	if s.Bytes > 0 {
		cell += " " + report.Bytes(s.Bytes)
	}
	if s.Codec != s.Over {
		cell += fmt.Sprintf(" (%.2fx)", s.Times.Median)
	}
	return cell
}

// targets says how many of the targets of a codec of ours were met, and which were not.
func (r *Result) targets(codec string) string {
	met, missed := 0, ""
	for _, v := range r.Judged {
		switch {
		case v.Codec != codec:
		case v.Met:
			met++
		default:
			missed += fmt.Sprintf(", MISSED %s (%s)", v.Target, v.Got)
		}
	}
	return fmt.Sprintf("%d met", met) + missed
}

func (r *Report) windowTable() *report.Table {
	t := &report.Table{
		Title:  "What a window costs and gives",
		Note:   "Memory of a sender (fast, better, and idle) and of a receiver between two messages; then time and bytes of JSON messages.",
		Header: []string{"window", "fast", "better", "idle", "receiver"},
	}
	for i, w := range r.Windows {
		row := []string{w.History, report.Memory(w.Fast), report.Memory(w.Better), report.Memory(w.Idle), report.Memory(w.Receiver)}
		for _, c := range w.Costs {
			if i == 0 {
				t.Header = append(t.Header, c.Stream+" fast", "after Idle", "better", "inflate")
			}
			row = append(row,
				report.Duration(c.FastTime.Median)+" "+report.Bytes(c.FastBytes),
				report.Duration(c.RestedTime.Median),
				report.Duration(c.BetterTime.Median)+" "+report.Bytes(c.BetterBytes),
				report.Duration(c.InflateTime.Median))
		}
		t.Add(row...)
	}
	return t
}

func (r *Report) memoryTable() *report.Table {
	t := &report.Table{
		Title:  "Memory of a connection",
		Note:   "Bytes of the heap between two messages; both is sending and receiving.",
		Header: []string{"codec", "sends", "idle", "receives", "both", "both, idle"},
	}
	for _, m := range r.Memory {
		t.Add(m.Name, report.Memory(m.Sends), report.Memory(m.Idle), report.Memory(m.Receives),
			report.Memory(m.Sends+m.Receives), report.Memory(m.Idle+m.Receives))
	}
	return t
}

func (r *Report) targetTable() *report.Table {
	t := &report.Table{Header: []string{"case", "codec", "target", "got", ""}}
	met := 0
	for _, v := range r.Targets {
		if v.Met {
			met++
			continue
		}
		t.Add(v.Case, v.Codec, v.Target, v.Got, "MISSED")
	}
	t.Title = fmt.Sprintf("Targets: %d of %d met", met, len(r.Targets))
	if met == len(r.Targets) && met > 0 {
		t.Add("all", "", "", "", "met")
	}
	return t
}
