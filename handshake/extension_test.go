package handshake

import (
	"reflect"
	"strings"
	"testing"
)

// extensionLists are well-formed; want is how they are written again.
var extensionLists = []struct {
	lines []string
	want  string
}{
	{[]string{"permessage-deflate"}, "permessage-deflate"},
	{[]string{"permessage-deflate; client_max_window_bits"}, "permessage-deflate; client_max_window_bits"},
	{[]string{"a;b=10"}, "a; b=10"},
	{[]string{`a;b="10"`}, "a; b=10"},
	{[]string{`a;b="\1\0"`}, "a; b=10"},
	{[]string{`a;b="1\0";c`}, "a; b=10; c"},
	{[]string{"a \t;\tb\t = \t10 ; c"}, "a; b=10; c"},
	{[]string{"foo", "bar; baz=2"}, "foo, bar; baz=2"}, // RFC 6455, section 9.1: several lines
	{[]string{"deflate-stream"}, "deflate-stream"},     // the examples of section 9.1
	{[]string{"mux; max-channels=4; flow-control, deflate-stream"}, "mux; max-channels=4; flow-control, deflate-stream"},
	{[]string{"private-extension"}, "private-extension"},
	{[]string{", ,permessage-deflate,"}, "permessage-deflate"},
	{[]string{"", "a", " , "}, "a"},
	{[]string{"a; x=1, a; x=2, b, a"}, "a; x=1, a; x=2, b, a"},
	{[]string{"a;x;x=1;x"}, "a; x; x=1; x"},
	{[]string{"PerMessage-Deflate"}, "PerMessage-Deflate"},
}

// malformedExtensions break the ABNF.
//
// RFC 6455, section 9.1.
var malformedExtensions = []string{
	"", " ", ",", ", ,\t,",
	";", ";a", "a;", "a;,b", "a;;b", "a; ;b", "a,;b",
	"=", "a=b", "a=", "a;=", "a;=b", "a;b=", "a;b=,c", "a;b= ;c", "a;b==c",
	"a b", "a;b c", "a;b=c d", "a;b=c=d",
	`"a"`, `a;"b"`, `a;b="`, `a;b=""`, `a;b="c`, `a;b="c\`, `a;b="c\"`, `a;b="x y"`, `a;b="x, y"`, `a;b="x;y"`,
	`a;b="c"d`, `a;b="c""d"`, `a;b=c"d"`, `a;b="\ "`, `a;b='c d'`,
	"a\x00", "a;b\x7f", "a;b=\x01", "a\r\n", "a\nb", "é", "a;b=é", "a/b", "a;b=c/d", "a:b", "a@b", "(a)", "a[0]", "a{b}",
}

// Checklist: X1, X2, X4, X6, S11
func TestParseExtensions(t *testing.T) {
	for _, tt := range extensionLists {
		got, err := ParseExtensions(tt.lines)
		if s := string(AppendExtensions(nil, got)); s != tt.want || err != nil {
			t.Errorf("ParseExtensions(%q) = %q, %v, want %q", tt.lines, s, err, tt.want)
		}
	}
	if got, err := ParseExtensions(nil); got != nil || err != nil {
		t.Errorf("ParseExtensions(nil) = %v, %v, want nothing", got, err)
	}
}

// Checklist: X2
func TestQuotedValueEqualsItsToken(t *testing.T) {
	want := []Extension{{Name: "a", Params: []Param{{Name: "b", Value: "10", HasValue: true}, {Name: "c"}}}}
	for _, s := range []string{`a; b=10; c`, `a; b="10"; c`, `a; b="\10"; c`} {
		got, err := ParseExtensions([]string{s})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseExtensions(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
}

// Checklist: X3, S11, S12
func TestParseExtensionsRefusesMalformed(t *testing.T) {
	for _, s := range malformedExtensions {
		for _, lines := range [][]string{{s}, {s, ","}} {
			got, err := ParseExtensions(lines)
			if err == nil || got != nil {
				t.Errorf("ParseExtensions(%q) = %v, want an error", lines, got)
			}
			checkStatus(t, err, 400)
		}
	}
	// A string does not go on in the next line, although lines are joined with commas.
	if got, err := ParseExtensions([]string{`a;b="c`, `d"`}); err == nil {
		t.Errorf("ParseExtensions of a string over two lines = %v", got)
	}
}

// Checklist: X1, X3
func TestParseExtensionsOfEveryTruncation(t *testing.T) {
	for _, tt := range extensionLists {
		s := strings.Join(tt.lines, ",")
		for n := range len(s) + 1 {
			got, err := ParseExtensions([]string{s[:n]})
			checkStatus(t, err, 400)
			if err != nil {
				continue
			}
			again, err := ParseExtensions([]string{string(AppendExtensions(nil, got))})
			if err != nil || !reflect.DeepEqual(got, again) {
				t.Errorf("%q parses as %v, and what that writes as %v, %v", s[:n], got, again, err)
			}
		}
	}
}
