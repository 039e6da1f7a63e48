package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestBarsAreAsLongAsTheirValues(t *testing.T) {
	svg := Chart{Title: "a < b", Note: "more & less", Bars: []Bar{
		{Label: "one", Value: 1, Text: "1 s"},
		{Label: "two", Value: 2, Text: "2 s", Strong: true},
		{Label: "less than nothing", Value: -1, Text: "-1 s"},
	}}.SVG()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	var lengths []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			for _, a := range e.Attr {
				if a.Name.Local == "width" {
					lengths = append(lengths, a.Value)
				}
			}
		}
	}
	if got := strings.Join(lengths, " "); got != "260.0 520.0 0.0" {
		t.Errorf("got bars of %s, want 260.0 520.0 0.0", got)
	}
}

func TestChartWithoutValues(t *testing.T) {
	if svg := (Chart{Bars: []Bar{{Label: "x"}}}).SVG(); !strings.Contains(string(svg), `width="0.0"`) {
		t.Errorf("got %s", svg)
	}
}
