// Package chart draws bars as SVG, for pages that show what benchmarks have found.
package chart

import (
	"fmt"
	"html"
	"strings"
)

// A Chart is a row of horizontal bars from zero.
type Chart struct {
	Title string
	Note  string // below the title
	Bars  []Bar
}

// A Bar has a label on its left and its value as text on its right.
type Bar struct {
	Label  string
	Value  float64
	Text   string
	Strong bool // in the colour that is looked at first
}

// Lengths in pixels.
const (
	width  = 760
	left   = 150 // of the bars
	right  = 90  // for the text behind the longest
	top    = 58
	step   = 26
	height = 18 // of a bar
)

// SVG draws it. The colours can be read on white and on black.
func (c Chart) SVG() []byte {
	longest := 0.0
	for _, bar := range c.Bars {
		longest = max(longest, bar.Value)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" fill="#777">`+"\n",
		width, top+step*len(c.Bars)+8)
	fmt.Fprintf(&b, `<text x="8" y="20" font-size="15" font-weight="bold">%s</text>`+"\n", html.EscapeString(c.Title))
	fmt.Fprintf(&b, `<text x="8" y="40" font-size="11">%s</text>`+"\n", html.EscapeString(c.Note))
	for i, bar := range c.Bars {
		bar.draw(&b, top+step*i, longest)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (bar Bar) draw(b *strings.Builder, y int, longest float64) {
	length := 0.0
	if longest > 0 {
		length = max(0, bar.Value) / longest * (width - left - right)
	}
	colour := "#9aa5b1"
	if bar.Strong {
		colour = "#1a8fb8"
	}
	base := y + height - 5
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-8, base, html.EscapeString(bar.Label))
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, left, y, length, height, colour)
	fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`+"\n", left+length+6, base, html.EscapeString(bar.Text))
}
