package checklist

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

//go:embed rows.txt
var rowsText string

// row is a line of rows.txt.
type row struct {
	id, title string
	tag, why  string // "waived", "later" or "note", and its text; or ""
}

var idPattern = regexp.MustCompile(`^[A-Z][1-9][0-9]?$`)

// parseRows reads rows.txt.
func parseRows(text string) ([]row, error) {
	var rows []row
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, rest, _ := strings.Cut(line, " ")
		title, more, hasMore := strings.Cut(strings.TrimSpace(rest), " | ")
		tag, why, hasWhy := strings.Cut(more, ": ")
		r := row{id: id, title: title, tag: tag, why: why}
		switch {
		case !idPattern.MatchString(id):
			return nil, fmt.Errorf("%q is no id", id)
		case seen[id]:
			return nil, fmt.Errorf("%s is there twice", id)
		case title == "":
			return nil, fmt.Errorf("%s has no title", id)
		case hasMore && (!hasWhy || !slices.Contains([]string{"waived", "later", "note"}, tag)):
			return nil, fmt.Errorf("%s: %q is none of waived, later and note", id, more)
		}
		seen[id] = true
		rows = append(rows, r)
	}
	return rows, nil
}

func TestParseRows(t *testing.T) {
	got, err := parseRows("# head\n\nF1  one | note: half\n  F2   two\nF10 ten | waived: why: not\nX1 x | later: then\n")
	want := []row{{"F1", "one", "note", "half"}, {"F2", "two", "", ""}, {"F10", "ten", "waived", "why: not"}, {"X1", "x", "later", "then"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, text := range []string{"F1 a\nF1 b\n", "F1\n", "f1 a\n", "F a\n", "F01 a\n", "F1 a | todo: b\n", "F1 a | waived\n"} {
		if rows, err := parseRows(text); err == nil {
			t.Errorf("%q is accepted: %v", text, rows)
		}
	}
}

// Every id of the sections that must be covered stands in rows.txt, and only
// the named ones are waived.
func TestRowsAreComplete(t *testing.T) {
	rows, err := parseRows(rowsText)
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, r := range rows {
		tags[r.id] = "needed"
		if r.tag == "waived" || r.tag == "later" {
			tags[r.id] = r.tag
		}
	}
	for letter, last := range map[string]int{
		"U": 11, "C": 16, "V": 17, "S": 19, "R": 9, "F": 14, "K": 4, "G": 10, "N": 5, "L": 20, "T": 6, "Z": 6,
		"E": 2, "X": 7, "P": 11, "D": 15,
	} {
		for i := 1; i <= last; i++ {
			id, want := fmt.Sprint(letter, i), "needed"
			if slices.Contains([]string{"G9", "L19", "L20", "C11", "L14", "D14"}, id) {
				want = "waived"
			}
			if tags[id] != want {
				t.Errorf("%s is %q, want %q", id, tags[id], want)
			}
			delete(tags, id)
		}
	}
	for id, tag := range tags {
		if tag != "later" {
			t.Errorf("%s is %q and of no section that is covered", id, tag)
		}
	}
}
