package checklist

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the top of the repository, seen from this folder, where go test runs us.
var root = filepath.Join("..", "..")

// TestChecklist prints which test covers which row of rows.txt.
func TestChecklist(t *testing.T) {
	rows, err := parseRows(rowsText)
	if err != nil {
		t.Fatal(err)
	}
	tests, problems, err := collect(root, rows)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table(rows, tests))
	for _, problem := range append(problems, judge(rows, tests)...) {
		t.Error(problem)
	}
}

// collect reads all tests below dir, those of nested modules as well, and
// returns the tests for each id, with the claims that lead nowhere.
func collect(dir string, rows []row) (tests map[string][]string, problems []string, err error) {
	tests = map[string][]string{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"build", "node_modules", ".git", "testdata"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		found, err := claims(path, nil)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, c := range found {
			test := filepath.ToSlash(folder) + "." + c.test
			switch {
			case !slices.ContainsFunc(rows, func(r row) bool { return r.id == c.id }):
				problems = append(problems, fmt.Sprintf("%s:%d: %q has no row", path, c.line, c.id))
			case c.test == "":
				problems = append(problems, fmt.Sprintf("%s:%d: no test follows", path, c.line))
			case !slices.Contains(tests[c.id], test):
				tests[c.id] = append(tests[c.id], test)
			}
		}
		return nil
	})
	return tests, problems, err
}

// judge returns a problem for each row that needs a test and has none, and for
// each waived one that has.
func judge(rows []row, tests map[string][]string) (problems []string) {
	for _, r := range rows {
		switch has := len(tests[r.id]) > 0; {
		case !has && r.tag != "waived" && r.tag != "later":
			problems = append(problems, fmt.Sprintf("%s has no test: %s", r.id, r.title))
		case has && r.tag == "waived":
			problems = append(problems, fmt.Sprintf("%s is waived (%s) and has tests: %s", r.id, r.why, strings.Join(tests[r.id], " ")))
		}
	}
	return problems
}

// table writes a line for each row: id, title, tests and what its tag says.
func table(rows []row, tests map[string][]string) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%-4s %s\n", r.id, r.title)
		for _, test := range tests[r.id] {
			fmt.Fprintf(&b, "       %s\n", test)
		}
		if r.tag != "" {
			fmt.Fprintf(&b, "       %s: %s\n", r.tag, r.why)
		}
	}
	return b.String()
}
