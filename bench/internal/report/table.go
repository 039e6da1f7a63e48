// Package report writes what benchmarks have found: tables for people, in a terminal or
// as Markdown, and what machine it was.
package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A Table has a title, names of its columns, and rows of as many cells.
type Table struct {
	Title  string
	Note   string // below the title, may be empty
	Header []string
	Rows   [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Text writes the table in columns.
func (t *Table) Text(w io.Writer) error {
	width := make([]int, len(t.Header))
	for _, row := range t.lines() {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", t.Title)
	if t.Note != "" {
		fmt.Fprintf(&b, "%s\n", t.Note)
	}
	for _, row := range t.lines() {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Markdown writes the table for a README.
func (t *Table) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", t.Title)
	if t.Note != "" {
		fmt.Fprintf(&b, "%s\n\n", t.Note)
	}
	for i, row := range t.lines() {
		for _, cell := range row {
			b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(t.Header)) + "|\n")
		}
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) lines() [][]string { return append([][]string{t.Header}, t.Rows...) }

// Duration writes nanoseconds with three digits: 408 ns, 2.63 µs, 1.46 ms.
func Duration(ns float64) string {
	switch {
	case ns < 999.5:
		return digits(ns) + " ns"
	case ns < 999.5e3:
		return digits(ns/1e3) + " µs"
	case ns < 999.5e6:
		return digits(ns/1e6) + " ms"
	}
	return digits(ns/1e9) + " s"
}

// Bytes writes a mean number of bytes: 76.3 B, 3 873 B, 409 kB.
func Bytes(n float64) string {
	switch {
	case n < 999.5:
		return digits(n) + " B"
	case n < 99999.5:
		return fmt.Sprintf("%.0f B", n)
	}
	return digits(n/1e3) + " kB"
}

// Memory writes bytes of memory: 96 B, 8.3 KiB, 1.17 MiB.
func Memory(n float64) string {
	switch {
	case n < 1023.5:
		return fmt.Sprintf("%.0f B", n)
	case n < 1023.5*1024:
		return digits(n/1024) + " KiB"
	}
	return digits(n/(1<<20)) + " MiB"
}

// digits writes three significant digits, or all those before the point.
func digits(x float64) string {
	switch {
	case x < 9.995:
		return fmt.Sprintf("%.2f", x)
	case x < 99.95:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
