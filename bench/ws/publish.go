//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tidewire/websocket/bench/internal/chart"
	"github.com/tidewire/websocket/bench/internal/report"
)

// publish prints the tables and writes the files.
func (r *Report) publish(s *settings, old *Report) error {
	tables := r.tables()
	if old != nil {
		tables = append(tables, r.comparison(old)...)
	}
	fmt.Fprintln(s.out, r.Machine)
	for _, t := range tables {
		if err := t.Text(s.out); err != nil {
			return err
		}
	}
	if s.json != "" {
		text, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.json, append(text, '\n'), 0o666); err != nil {
			return err
		}
	}
	if s.md != "" {
		if err := r.markdown(s.md, tables); err != nil {
			return err
		}
	}
	if s.svg != "" {
		return r.charts(s.svg)
	}
	return nil
}

func (r *Report) markdown(file string, tables []*report.Table) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(f, "%v\n\n", r.Machine)
	for _, t := range tables {
		if err := t.Markdown(f); err != nil {
			f.Close()
			return err
		}
	}
	return f.Close()
}

// tables are one for each scenario, one of all ratios, and one of what we promise.
func (r *Report) tables() []*report.Table {
	var all []*report.Table
	for _, o := range r.Scenarios {
		all = append(all, o.table())
	}
	return append(all, r.overview(), r.targets())
}

// overview has a row for each scenario and a column for each contestant.
func (r *Report) overview() *report.Table {
	t := &report.Table{
		Title:  "All scenarios",
		Note:   "Processor time of the base divided by that of each contestant: more is better.",
		Header: []string{"scenario"},
	}
	place := map[string]int{}
	for _, o := range r.Scenarios {
		for _, result := range o.Results {
			if _, ok := place[result.Contestant]; !ok && len(result.Metrics) > 0 {
				place[result.Contestant] = len(t.Header)
				t.Header = append(t.Header, result.Contestant)
			}
		}
	}
	for _, o := range r.Scenarios {
		row := make([]string, len(t.Header))
		row[0] = o.Name
		some := false
		for _, result := range o.Results {
			if m, ok := result.Metrics[Times]; ok {
				row[place[result.Contestant]], some = fmt.Sprintf("%.2f", m.Median), true
			}
		}
		if some {
			t.Add(row...)
		}
	}
	return t
}

// table has a row for each contestant and a column for each metric that there is.
func (o *Outcome) table() *report.Table {
	t := &report.Table{Title: o.Name, Note: strings.ToUpper(o.About[:1]) + o.About[1:] + ".", Header: []string{""}}
	var there []column
	for _, c := range columns {
		for _, r := range o.Results {
			if m, ok := r.Metrics[c.metric]; ok && (m.Median != 0 || !c.often0) {
				there = append(there, c)
				t.Header = append(t.Header, c.title)
				break
			}
		}
	}
	t.Header = append(t.Header, "")
	for _, r := range o.Results {
		row := []string{r.Contestant}
		for _, c := range there {
			row = append(row, r.cell(c))
		}
		t.Add(append(row, r.Error)...)
	}
	return t
}

func (r *Result) cell(c column) string {
	m, ok := r.Metrics[c.metric]
	if !ok || !finite(m.Median) || c.often0 && c.text(m.Median) == c.text(0) {
		return "–"
	}
	text := c.text(m.Median)
	if spread := m.Spread(); c.metric == Times && r.Rounds > 1 {
		text += fmt.Sprintf(" ±%.0f %%", 100*spread)
	}
	return text
}

// charts writes one for each scenario, or one for each end that it is about.
func (r *Report) charts(dir string) error {
	for _, o := range r.Scenarios {
		group, _, _ := strings.Cut(o.Name, "/")
		for _, c := range columns {
			if !slices.Contains(chartedIn(group), c.metric) {
				continue
			}
			drawing := chart.Chart{Title: o.Name, Note: o.About + ": " + charted[c.metric]}
			for _, result := range o.Results {
				if m, ok := result.Metrics[c.metric]; ok && finite(m.Median) {
					ours := strings.HasPrefix(result.Contestant, plain)
					drawing.Bars = append(drawing.Bars, chart.Bar{Label: result.Contestant, Value: m.Median, Text: c.text(m.Median), Strong: ours})
				}
			}
			if len(drawing.Bars) == 0 {
				continue
			}
			file := strings.ReplaceAll(o.Name, "/", "-") + "-" + c.metric + ".svg"
			if err := os.WriteFile(filepath.Join(dir, file), drawing.SVG(), 0o666); err != nil {
				return err
			}
		}
	}
	return nil
}

// chartedIn are the metrics that the scenarios of a group are about, where they have them.
func chartedIn(group string) []string {
	switch group {
	case "paced":
		return []string{P50, P99}
	case "slow":
		return []string{Rate}
	default:
		return []string{Times, CollectedAfter, PerCPU}
	}
}

// charted says what the bars are.
var charted = map[string]string{
	Times:          "processor time of the base divided by each, more is better",
	CollectedAfter: "resident memory of a connection, less is better",
	PerCPU:         "in a second of processor time, more is better",
	P50:            "median of the latency, less is better",
	P99:            "latency of the slowest in a hundred, less is better",
	Rate:           "messages a second, more is better",
}
