//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"github.com/tidewire/websocket/bench/ws/contest"
	"github.com/tidewire/websocket/bench/ws/load"
	"github.com/tidewire/websocket/bench/ws/worker"
)

// roles are what a child of this program can be.
var roles = map[string]func() worker.Methods{"server": contest.Role, "load": load.Role}

// settings are the flags.
type settings struct {
	quick       bool
	list        bool
	run         *regexp.Regexp // scenarios
	of          *regexp.Regexp // contestants
	variants    bool           // those too that are another one in another way
	rounds      int
	slice       time.Duration
	limit       time.Duration // of a scenario, for beginning rounds
	connections int           // where many of them wait
	json        string
	md          string
	svg         string
	compare     string
	pprof       string
	noCalls     bool
	out         io.Writer // of the tables
}

func init() { runtime.LockOSThread() } // the children end with the thread that has started them

func main() {
	worker.Main(roles)
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second one ends the program at once, and that its children
		err = run(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ws:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*settings, error) {
	s := &settings{out: os.Stdout}
	f := flag.NewFlagSet("ws", flag.ContinueOnError)
	var run, of string
	f.BoolVar(&s.quick, "quick", false, "a look within a minute: a few scenarios and contestants, short and with fewer connections")
	f.BoolVar(&s.list, "list", false, "list the scenarios and the contestants, and measure nothing")
	f.StringVar(&run, "run", "", "only the scenarios whose `name` matches this regular expression, such as ^echo/c64 or idle")
	f.StringVar(&of, "of", "", "only the contestants whose `name` matches; raw TCP always takes part")
	f.IntVar(&s.rounds, "rounds", 0, "slices of each contestant in each scenario (default 15, with -quick 5)")
	f.DurationVar(&s.slice, "slice", 0, "time of a slice (default 100ms, with -quick 20ms)")
	f.IntVar(&s.connections, "connections", 0, "where many of them wait or get a message (default 10000, with -quick 1000)")
	f.StringVar(&s.json, "json", "", "write all figures to this `file`")
	f.StringVar(&s.md, "md", "", "write the tables to this `file`, as Markdown")
	f.StringVar(&s.svg, "svg", "", "write a chart of each scenario to this `directory`")
	f.StringVar(&s.compare, "compare", "", "compare with the figures that -json has written to this `file` before")
	f.StringVar(&s.pprof, "pprof", "", "write a profile of each server to this `directory`; the figures are a little worse then")
	f.BoolVar(&s.noCalls, "nocalls", false, "do not count system calls")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if s.run, err = regexp.Compile(run); err == nil {
		s.of, err = regexp.Compile(of)
	}
	s.variants = !s.quick || of != ""
	s.fill()
	return s, err
}

// fill fills the defaults in.
func (s *settings) fill() {
	rounds, slice, connections := 15, 100*time.Millisecond, 10_000
	s.limit = 3 * time.Minute
	if s.quick {
		rounds, slice, connections = 5, 20*time.Millisecond, 1000
		s.limit = 2500 * time.Millisecond // about what it takes on a quiet machine
	}
	if s.rounds <= 0 {
		s.rounds = rounds
	}
	if s.slice <= 0 {
		s.slice = slice
	}
	if s.connections <= 0 {
		s.connections = connections
	}
}

func run(ctx context.Context, s *settings) error {
	scenarios := choose(s)
	if s.list {
		list(s.out, scenarios)
		return nil
	}
	var old *Report
	if s.compare != "" {
		var err error
		if old, err = readReport(s.compare); err != nil {
			return err
		}
	}
	for _, dir := range []string{s.svg, s.pprof} {
		if dir != "" {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
		}
	}
	r, err := measureAll(ctx, s, scenarios)
	if r != nil { // what there is, also after an interrupt
		err = errors.Join(err, r.publish(s, old))
	}
	return err
}

func list(w io.Writer, scenarios []*scenario) {
	for _, sc := range scenarios {
		fmt.Fprintf(w, "%-34s %s\n", sc.name, sc.about)
	}
	fmt.Fprintln(w)
	for _, c := range contest.All() {
		fmt.Fprintf(w, "%-34s %s\n", c.Name, c.Uses)
	}
}
