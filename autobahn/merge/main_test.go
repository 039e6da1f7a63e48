package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// report writes what the suite would about some cases, and returns its folder.
func report(t *testing.T, ids ...string) string {
	t.Helper()
	dir := t.TempDir()
	results := map[string]result{}
	for _, id := range ids {
		r := result{Behavior: "OK", BehaviorClose: "OK", Duration: 7, ReportFile: "a_case_" + id + ".json"}
		results[id] = r
		for _, name := range []string{r.ReportFile, r.Page()} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(id), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := json.Marshal(index{"a": results})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMergedReportHasAllCases(t *testing.T) {
	into := t.TempDir()
	if err := merge(into, []string{report(t, "1.1.1", "9.2.10"), report(t, "12.1.1")}); err != nil {
		t.Fatal(err)
	}
	got, err := read(into)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1.1.1", "9.2.10", "12.1.1"}
	if ids := sorted(got["a"]); !slices.Equal(ids, want) {
		t.Errorf("cases: got %v, want %v", ids, want)
	}
	page, err := os.ReadFile(filepath.Join(into, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range want {
		if r := got["a"][id]; r.Behavior != "OK" || r.BehaviorClose != "OK" || r.Duration != 7 {
			t.Errorf("%s: got %+v", id, r)
		}
		link := `<a href="a_case_` + id + `.html">` + id + `</a>`
		if !strings.Contains(string(page), link) {
			t.Errorf("index.html has no %s:\n%s", link, page)
		}
		for _, end := range []string{".json", ".html"} {
			if b, err := os.ReadFile(filepath.Join(into, "a_case_"+id+end)); string(b) != id {
				t.Errorf("%s of %s: got %q, error %v", end, id, b, err)
			}
		}
	}
}

func TestMergeRefusesWhatIsNotWhole(t *testing.T) {
	cutOff := report(t, "1.1.1", "1.1.2")
	if err := os.Remove(filepath.Join(cutOff, "a_case_1.1.2.html")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		reports []string
		want    string
	}{
		{"no index", []string{report(t, "1.1.1"), t.TempDir()}, "index.json"},
		{"case twice", []string{report(t, "1.1.1"), report(t, "1.1.2", "1.1.1")}, "case 1.1.1 of a was run twice"},
		{"page missing", []string{cutOff}, "a_case_1.1.2.html"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			into := t.TempDir()
			if err := merge(into, tt.reports); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("merge: got error %v, want one about %q", err, tt.want)
			}
			if _, err := os.Stat(filepath.Join(into, "index.json")); err == nil {
				t.Error("there is an index.json all the same")
			}
		})
	}
}
