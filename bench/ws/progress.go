//go:build linux

package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A progress is a line on a terminal that changes, or in a file one line a scenario.
type progress struct {
	w        io.Writer
	title    string
	terminal bool
}

func newProgress(w *os.File, title string) *progress {
	_, err := unix.IoctlGetTermios(int(w.Fd()), unix.TCGETS)
	p := &progress{w: w, title: title, terminal: err == nil}
	if !p.terminal {
		fmt.Fprintln(w, title)
	}
	return p
}

const clearLine = "\r\x1b[K"

func (p *progress) show(what string) {
	if p.terminal {
		fmt.Fprintf(p.w, "%s%s  %s", clearLine, p.title, what)
	}
}

func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.w, clearLine)
	}
}
