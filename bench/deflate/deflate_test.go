package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidewire/websocket/bench/internal/corpus"
	"github.com/tidewire/websocket/bench/internal/measure"
	"github.com/tidewire/websocket/bench/internal/report"
)

// smoke is a run in which no time is worth looking at.
func smoke() *settings {
	return &settings{measure: measure.Options{Rounds: 2, Slice: 50 * time.Microsecond}, short: 60, progress: io.Discard}
}

// Every case is run once, with what it checks: all that anyone compresses inflates to
// the same messages within the window, and all that anyone inflates is the message.
func TestEveryCase(t *testing.T) {
	s := smoke()
	r, err := benchmark(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Results) != len(cases()) || len(r.Windows) != 9 || len(r.Memory) == 0 {
		t.Fatalf("got %d results of %d, %d windows, %d lines on memory", len(r.Results), len(cases()), len(r.Windows), len(r.Memory))
	}
	for _, result := range r.Results {
		for _, score := range result.Scores {
			if score.Nanoseconds.Median <= 0 || score.Times.Median <= 0 {
				t.Errorf("%s: %s has no time: %+v", result.Name, score.Codec, score)
			}
		}
	}
	for _, v := range r.Targets {
		if v.Target == "no allocations" && !v.Met && !poolsForget {
			t.Errorf("%s: %s: got %s", v.Case, v.Codec, v.Got)
		}
	}
	for _, w := range r.Windows[1:] {
		if w.Fast <= w.Idle || w.Better <= w.Fast || w.Receiver <= 0 {
			t.Errorf("%s: memory is %+v", w.History, w)
		}
		for _, c := range w.Costs {
			if c.FastTime.Median*c.RestedTime.Median*c.BetterTime.Median*c.InflateTime.Median <= 0 {
				t.Errorf("%s: %s has no time: %+v", w.History, c.Stream, c)
			}
		}
	}
	var text strings.Builder
	for _, table := range r.tables() {
		if err := table.Text(&text); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"klauspost window", "takeover-8", "json 1 MiB", "Targets: "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the tables lack %q", want)
		}
	}
}

func TestFilterAndFiles(t *testing.T) {
	jsonFile, mdFile := filepath.Join(t.TempDir(), "r.json"), filepath.Join(t.TempDir(), "r.md")
	if err := run(smoke(), "compress/(json|random)-256B/none", jsonFile, mdFile); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(jsonFile)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Results) != 2 || len(r.Windows) != 0 || len(r.Memory) != 0 {
		t.Errorf("got %d results, %d windows, %d lines on memory, want 2, 0, 0", len(r.Results), len(r.Windows), len(r.Memory))
	}
	md, err := os.ReadFile(mdFile)
	if err != nil || !strings.Contains(string(md), "| random 256 B |") {
		t.Errorf("Markdown: %q, %v", md, err)
	}
	if run(smoke(), "(", "", "") == nil {
		t.Error("a filter that is no regular expression is accepted")
	}
}

// A contestant that loses a byte, or looks back too far, does not get a time.
func TestChecksFindWrongOutput(t *testing.T) {
	messages := corpus.Make(corpus.JSON, kib, 20).Messages
	good := compressors(takeover15, messages)
	for _, c := range good {
		if _, err := checkCompressor(c, takeover15, messages); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := checkCompressor(compressors(takeover15, messages)[0], takeover12, messages); err == nil {
		t.Error("a window of 32 KiB passes for one of 4 KiB")
	}
	if _, err := checkCompressor(compressors(takeover15, messages)[0], alone, messages); err == nil {
		t.Error("takeover passes for none")
	}
	cut := contestant{name: "cut", do: func(i int) ([]byte, error) { return messages[i][1:], nil }}
	if checkInflater(cut, messages) == nil {
		t.Error("a message without its first byte passes")
	}
}

func TestWindowKeepsTheLastBytes(t *testing.T) {
	h := history{bits: 8, takeover: true}
	var w window
	all := ""
	for i := range 100 {
		p := strings.Repeat(string(rune('a'+i%26)), i*i%600)
		w.save([]byte(p), h)
		all += p
		want := all[max(0, len(all)-256):]
		if got := string(w.last(h)); got != want {
			t.Fatalf("after %d pieces: got %q, want %q", i+1, got, want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	score := func(codec string, bytes, times float64) *Score {
		return &Score{Codec: codec, Bytes: bytes, Times: measure.Estimate{Median: times}}
	}
	for _, test := range []struct {
		k    benchCase
		kp   *Score
		want []bool // faster, smaller
	}{
		{benchCase{compress, corpus.JSON, 256, alone}, score(kp1, 100, 1.7), []bool{true, true}},
		{benchCase{compress, corpus.JSON, 256, alone}, score(kp1, 99, 1.69), []bool{false, false}},
		{benchCase{compress, corpus.JSON, kib, takeover15}, score(kp1, 98, 1.5), []bool{true, true}},
		{benchCase{compress, corpus.JSON, kib, takeover15}, score(kp1, 97, 1.4), []bool{false, false}},
		{benchCase{compress, corpus.Text, mib, alone}, score(kp1, 100, 0.97), []bool{true, true}},
	} {
		r := &Result{benchCase: test.k, Scores: []*Score{score(oursFast, 100, 1), test.kp}}
		r.judgeFast()
		for i, want := range test.want {
			if r.Judged[i].Met != want {
				t.Errorf("%s: %+v, want met %v", test.k.name(), r.Judged[i], want)
			}
		}
	}
	m := &Memory{Sends: 9 * kib, Idle: 4 * kib, Receives: 4 * kib, mostBusy: 12.5 * kib, mostIdle: 8.5 * kib}
	if v := m.judge(); v[0].Met || !v[1].Met {
		t.Errorf("memory: got %+v and %+v, want missed and met", v[0], v[1])
	}
	if got := report.Memory(m.mostBusy); got != "12.5 KiB" {
		t.Errorf("got %s", got)
	}
}
