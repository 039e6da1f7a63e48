package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/tidewire/websocket/bench/internal/measure"
	"github.com/tidewire/websocket/bench/internal/report"
)

// settings are the flags.
type settings struct {
	measure  measure.Options
	short    int // streams are this many times shorter
	filter   *regexp.Regexp
	progress io.Writer
}

func (s *settings) wants(name string) bool { return s.filter == nil || s.filter.MatchString(name) }

// A Report is all that a run finds.
type Report struct {
	Machine report.Machine
	Results []*Result
	Windows []*Window
	Memory  []*Memory
	Targets []*Verdict
}

func main() {
	quick := flag.Bool("quick", false, "a look within seconds: fewer rounds, shorter streams")
	rounds := flag.Int("rounds", 11, "slices of each contestant in each case")
	slice := flag.Duration("slice", 8*time.Millisecond, "processor time of a slice")
	filter := flag.String("filter", "", "run only the cases whose name matches this regular expression, such as inflate/json or memory")
	jsonFile := flag.String("json", "", "write all figures to this file")
	mdFile := flag.String("md", "", "write the tables to this file, as Markdown")
	flag.Parse()
	s := &settings{measure: measure.Options{Rounds: *rounds, Slice: *slice}, short: 1, progress: os.Stderr}
	if *quick {
		s.measure, s.short = measure.Options{Rounds: 5, Slice: 2 * time.Millisecond}, 8
	}
	if err := run(s, *filter, *jsonFile, *mdFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(s *settings, filter, jsonFile, mdFile string) error {
	var err error
	if s.filter, err = regexp.Compile(filter); err != nil {
		return err
	}
	r, err := benchmark(s)
	if err != nil {
		return err
	}
	fmt.Println(r.Machine)
	for _, t := range r.tables() {
		if err := t.Text(os.Stdout); err != nil {
			return err
		}
	}
	if jsonFile != "" {
		text, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(jsonFile, append(text, '\n'), 0o666); err != nil {
			return err
		}
	}
	if mdFile != "" {
		return writeMarkdown(mdFile, r)
	}
	return nil
}

// benchmark runs all that the filter lets through.
func benchmark(s *settings) (*Report, error) {
	r := &Report{Machine: report.ThisMachine()}
	for _, k := range cases() {
		if !s.wants(k.name()) {
			continue
		}
		result, err := k.run(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name(), err)
		}
		r.Results = append(r.Results, result)
	}
	if err := r.windows(s); err != nil {
		return nil, err
	}
	r.memory(s)
	r.judge()
	return r, nil
}

func writeMarkdown(file string, r *Report) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(f, "%v\n\n", r.Machine)
	for _, t := range r.tables() {
		if err := t.Markdown(f); err != nil {
			return err
		}
	}
	return f.Close()
}
