package checklist

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A small repository with everything that must be found, and must not.
func TestCollectAndJudge(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/a_test.go":              "package a\n\n// Checklist: A1, A2\nfunc TestA(t *testing.T) {}\n\n// Checklist: A1\nfunc FuzzA(f *testing.F) {}\n",
		"a/b_test.go":              "package a\n\n// Checklist: A1\n\n// Checklist: A1\nfunc TestB(t *testing.T) {}\n",
		"a/a.go":                   "package a\n\n// Checklist: A3\nfunc TestNot() {}\n",
		"nested/go.mod":            "module nested\n",
		"nested/x_test.go":         "package x\n\n// Checklist: W1, X1\nfunc TestX(t *testing.T) {}\n",
		"top_test.go":              "package top\n\n// Checklist: A9\nfunc ExampleTop() {}\n\n// Checklist: A2\n",
		"build/x_test.go":          "package x\n\n// Checklist: A3\nfunc TestX(t *testing.T) {}\n",
		"e/node_modules/x_test.go": "package x\n\n// Checklist: A3\nfunc TestX(t *testing.T) {}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := parseRows("A1 one\nA2 two | note: half\nA3 three\nW1 old | waived: not built\nW2 other | waived: no duty\nX1 soon | later: next\nX2 also | later: next\n")
	if err != nil {
		t.Fatal(err)
	}
	tests, problems, err := collect(dir, rows)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string][]string{
		"A1": {"a.TestA", "a.FuzzA", "a.TestB"}, "A2": {"a.TestA"}, "A3": nil, "W1": {"nested.TestX"}, "X1": {"nested.TestX"}, "X2": nil, "A9": nil,
	} {
		if !slices.Equal(tests[id], want) {
			t.Errorf("%s: got %q, want %q", id, tests[id], want)
		}
	}
	top := filepath.Join(dir, "top_test.go")
	want := []string{top + `:3: "A9" has no row`, top + ":6: no test follows"}
	if !slices.Equal(problems, want) {
		t.Errorf("got %q, want %q", problems, want)
	}
	want = []string{"A3 has no test: three", "W1 is waived (not built) and has tests: nested.TestX"}
	if got := judge(rows, tests); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, line := range []string{"A1   one\n       a.TestA\n       a.FuzzA\n       a.TestB\n", "note: half\nA3   three\nW1", "waived: no duty\n"} {
		if got := table(rows, tests); !strings.Contains(got, line) {
			t.Errorf("the table lacks %q:\n%s", line, got)
		}
	}
}
