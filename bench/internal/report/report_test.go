package report

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	table := Table{Title: "Speed", Note: "the lower the better", Header: []string{"what", "time"}}
	table.Add("a|b", "1 µs")
	table.Add("longer", "12 µs")
	var text, markdown strings.Builder
	if err := table.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := table.Markdown(&markdown); err != nil {
		t.Fatal(err)
	}
	if want := "\nSpeed\nthe lower the better\nwhat    time\na|b     1 µs\nlonger  12 µs\n"; text.String() != want {
		t.Errorf("text: got %q, want %q", text.String(), want)
	}
	want := "### Speed\n\nthe lower the better\n\n| what | time |\n|---|---|\n| a\\|b | 1 µs |\n| longer | 12 µs |\n\n"
	if markdown.String() != want {
		t.Errorf("Markdown: got %q, want %q", markdown.String(), want)
	}
}

func TestUnits(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Duration(408.2), "408 ns"},
		{Duration(999.7), "1.00 µs"},
		{Duration(2634), "2.63 µs"},
		{Duration(17697), "17.7 µs"},
		{Duration(1.46e6), "1.46 ms"},
		{Duration(2.5e9), "2.50 s"},
		{Bytes(76.31), "76.3 B"},
		{Bytes(3873.4), "3873 B"},
		{Bytes(409000), "409 kB"},
		{Memory(96), "96 B"},
		{Memory(12.4 * 1024), "12.4 KiB"},
		{Memory(1.17 * (1 << 20)), "1.17 MiB"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

func TestThisMachine(t *testing.T) {
	if m := ThisMachine(); m.Cores < 1 || m.CPU == "" || !strings.Contains(m.String(), m.Go) {
		t.Errorf("got %+v", m)
	}
}
