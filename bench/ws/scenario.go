//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidewire/websocket/bench/internal/corpus"
	"github.com/tidewire/websocket/bench/ws/contest"
	"github.com/tidewire/websocket/bench/ws/load"
)

// A scenario is one thing that all contestants do.
type scenario struct {
	name   string // group/details: echo/c64/d1/128B
	about  string
	quick  bool // part of -quick
	both   bool // the server has both processors, and so has the load
	alone  bool // one contestant after the other, one slice each: memory
	task   contest.Task
	stream load.Stream
	conns  int
	slice  func(p *pair) (Figures, error)

	// counted is work for so many messages, whose system calls are counted; nil: they are not.
	counted func(p *pair) (messages int, err error)
}

// group is what the name begins with.
func (sc *scenario) group() string {
	group, _, _ := strings.Cut(sc.name, "/")
	return group
}

// Figures are what a slice gave, by the names of metrics.
type Figures map[string]float64

const (
	kib = 1 << 10
	mib = 1 << 20
)

// choose gives the scenarios that the flags ask for.
func choose(s *settings) []*scenario {
	var chosen []*scenario
	for _, sc := range allScenarios(s) {
		if s.quick {
			sc.stream.Most = 128 // they are sent to everyone twice before anything is measured
		}
		if s.run.MatchString(sc.name) && (sc.quick || !s.quick) {
			chosen = append(chosen, sc)
		}
	}
	return chosen
}

func allScenarios(s *settings) []*scenario {
	var all []*scenario
	all = append(all, echoes()...)
	all = append(all, paced(128), paced(16*kib))
	all = append(all, texts()...)
	all = append(all, idles(s.connections)...)
	all = append(all, fanOuts(s.connections), bursts(s.connections/10), writers(false), writers(true))
	all = append(all, deflates()...)
	all = append(all, windows(s.connections/10))
	all = append(all, handshake(contest.RawDoor), handshake(contest.HTTPDoor), slow())
	return all
}

// size writes a number of bytes without a space.
func size(n int) string { return strings.ReplaceAll(corpus.Size(n), " ", "") }

// echoes are binary messages that come back, one at a time on each connection or 16.
func echoes() []*scenario {
	const inFlight = 64 * mib // more than that is not in the caches of any machine
	var all []*scenario
	for _, conns := range []int{1, 64, 1000} {
		for _, depth := range []int{1, 16} {
			for _, n := range []int{16, 128, kib, 16 * kib, 256 * kib, mib} {
				if conns*depth*n <= inFlight {
					all = append(all, echo("echo", conns, depth, n))
				}
			}
		}
	}
	for _, depth := range []int{1, 16} {
		sc := echo("echo-2p", 64, depth, 128)
		sc.both, sc.counted = true, nil
		sc.about += ", two processors for both"
		all = append(all, sc)
	}
	return all
}

func echo(group string, conns, depth, n int) *scenario {
	name := fmt.Sprintf("%s/c%d/d%d/%s", group, conns, depth, size(n))
	return &scenario{
		name:   name,
		about:  fmt.Sprintf("binary messages of %s, %d at a time on each of %d connections", corpus.Size(n), depth, conns),
		quick:  quick[name],
		stream: load.Stream{Kind: corpus.Random, Size: n, Depth: depth},
		conns:  conns,
		slice:  echoSlice,
		counted: func(p *pair) (int, error) {
			s := new(load.Slice)
			err := p.load.Call("echo", load.Echo{PID: p.server.PID(), Duration: p.countTime()}, s, callLimit)
			return s.Messages, err
		},
	}
}

// countTime is how long system calls are counted.
func (p *pair) countTime() time.Duration { return p.time / 2 }

// paced is an echo of messages that come at random times, less often than a server can
// answer them: their latency is the server's own, and not that of a queue before it.
func paced(n int) *scenario {
	const conns, perSecond = 64, 10_000
	return &scenario{
		name:   fmt.Sprintf("paced/c%d/%s", conns, size(n)),
		about:  fmt.Sprintf("%d binary messages of %s a second, at random times, on %d connections", perSecond, corpus.Size(n), conns),
		quick:  n == 128,
		stream: load.Stream{Kind: corpus.Random, Size: n, Depth: 1},
		conns:  conns,
		slice:  func(p *pair) (Figures, error) { return p.echo(perSecond) },
	}
}

// quick are the scenarios of -quick that have many siblings.
var quick = map[string]bool{
	"echo/c64/d1/128B":      true,
	"echo/c64/d1/16KiB":     true,
	"echo/c64/d16/128B":     true,
	"echo/c1/d1/128B":       true,
	"text/text/16KiB":       true,
	"text/chinese/16KiB":    true,
	"deflate/alone/1KiB":    true,
	"deflate/takeover/1KiB": true,
}

// texts are as the echoes of 64 connections.
func texts() []*scenario {
	var all []*scenario
	for _, kind := range []corpus.Kind{corpus.Text, corpus.Chinese, corpus.Cyrillic, corpus.Emoji} {
		for _, n := range []int{16, 128, kib, 16 * kib, mib} {
			all = append(all, text(fmt.Sprintf("text/%s/%s", kind, size(n)), kind, 1, n))
		}
	}
	for _, n := range []int{16, 128, kib} {
		all = append(all, text(fmt.Sprintf("text/%s/d16/%s", corpus.Text, size(n)), corpus.Text, 16, n))
	}
	return all
}

func text(name string, kind corpus.Kind, depth, n int) *scenario {
	return &scenario{
		name:   name,
		about:  fmt.Sprintf("text messages of %s, %d at a time on each of 64 connections", corpus.Size(n), depth),
		quick:  quick[name],
		task:   contest.Task{Text: true},
		stream: load.Stream{Kind: kind, Size: n, Depth: depth, Text: true},
		conns:  64,
		slice:  echoSlice,
	}
}

// deflates are echoes of compressed JSON.
func deflates() []*scenario {
	var all []*scenario
	for _, mode := range []string{load.Alone, load.Takeover} {
		for _, n := range []int{256, kib, 16 * kib} {
			name := fmt.Sprintf("deflate/%s/%s", mode, size(n))
			all = append(all, &scenario{
				name:   name,
				about:  fmt.Sprintf("compressed JSON of %s, one at a time on each of 64 connections; context takeover: %t", corpus.Size(n), mode == load.Takeover),
				quick:  quick[name],
				task:   contest.Task{Text: true, Flate: true, Takeover: mode == load.Takeover},
				stream: load.Stream{Kind: corpus.JSON, Size: n, Depth: 1, Text: true, Flate: mode},
				conns:  64,
				slice:  echoSlice,
			})
		}
	}
	return all
}

// slow is an echo with handlers that take their time now and then.
func slow() *scenario {
	return &scenario{
		name:   "slow/c64/d1/128B",
		about:  fmt.Sprintf("binary messages of 128 B on 64 connections; one handler in %d sleeps %v", contest.SlowEvery, contest.SlowTime),
		quick:  true,
		task:   contest.Task{Slow: true},
		stream: load.Stream{Kind: corpus.Random, Size: 128, Depth: 1},
		conns:  64,
		slice:  echoSlice,
	}
}

// echoSlice has the load send for the time of a slice.
func echoSlice(p *pair) (Figures, error) { return p.echo(0) }

// echo has it send so many messages a second, or if that is 0, as soon as answers come.
func (p *pair) echo(perSecond float64) (Figures, error) {
	s := new(load.Slice)
	err := p.load.Call("echo", load.Echo{PID: p.server.PID(), Duration: p.time, PerSecond: perSecond}, s, p.time+callLimit)
	if err != nil {
		return nil, err
	}
	f := figures(s)
	f[Wire] = p.verified.Wire // of the same messages for everybody
	return f, nil
}

// figures are those of a slice, per message where they can be.
func figures(s *load.Slice) Figures {
	n := float64(s.Messages)
	f := Figures{
		CPU:  float64(s.Server) / n,
		Rate: n / s.Elapsed.Seconds(),
		Busy: float64(s.Load) / float64(s.Elapsed),

		Waited: float64(s.Waited) / float64(s.Elapsed),

		Reads:  float64(s.Reads) / n,
		Writes: float64(s.Writes) / n,
	}
	if s.P50 > 0 {
		f[P50], f[P99] = float64(s.P50), float64(s.P99)
	}
	return f
}

// handshake is how much processor time it takes to open a connection.
func handshake(d contest.Door) *scenario {
	about := "opening handshakes on the socket, closed at once"
	if d == contest.HTTPDoor {
		about = "opening handshakes through net/http, closed at once"
	}
	return &scenario{
		name:  "handshake/" + string(d),
		about: about,
		quick: true,
		task:  contest.Task{Door: d, Handshake: true},
		slice: func(p *pair) (Figures, error) {
			s, err := p.handshakes(p.time)
			if err != nil {
				return nil, err
			}
			f := figures(s)
			f[PerCPU] = 1e9 / f[CPU]
			return f, nil
		},
		counted: func(p *pair) (int, error) {
			s, err := p.handshakes(p.countTime())
			return s.Messages, err
		},
	}
}

// handshakes has the load open connections for a time.
func (p *pair) handshakes(d time.Duration) (*load.Slice, error) {
	s := new(load.Slice)
	err := p.load.Call("handshakes", load.Handshakes{
		Addr: p.addr, PID: p.server.PID(), Parallel: 64, Duration: d,
	}, s, d+callLimit)
	return s, err
}

// fanOuts are messages for everybody.
func fanOuts(conns int) *scenario {
	return delivery("fanout", fmt.Sprintf("one message of %d B for %d connections, prepared once", pushed, conns), conns, 1)
}

// bursts are several messages for everybody that are there at the same time.
func bursts(conns int) *scenario {
	return delivery("burst", fmt.Sprintf("%d messages of %d B at once for each of %d connections, prepared once", burst, pushed, conns), conns, burst)
}

const (
	pushed = 128 // bytes of a message that the server sends by itself
	burst  = 8   // messages
)

func delivery(group, about string, conns, each int) *scenario {
	deliver := func(p *pair, rounds int) (Figures, error) {
		return p.fanOut(contest.FanOut{Size: pushed, Each: each}, rounds)
	}
	return &scenario{
		name:   fmt.Sprintf("%s/%d", group, conns),
		about:  about,
		quick:  true,
		task:   contest.Task{Members: true, Lean: true},
		stream: load.Stream{Kind: corpus.Random, Size: pushed, Depth: 1},
		conns:  conns,
		slice: func(p *pair) (Figures, error) {
			const about = 5 * time.Microsecond // a message
			return deliver(p, min(max(2, int(p.time/about)/(conns*each)), 20))
		},
		counted: func(p *pair) (int, error) {
			_, err := deliver(p, 1)
			return conns * each, err
		},
	}
}

// writers are goroutines that share one connection.
func writers(both bool) *scenario {
	const n = 8
	sc := &scenario{
		name:   "writers/8",
		about:  fmt.Sprintf("%d goroutines write messages of %d B to one connection", n, pushed),
		quick:  true,
		both:   both,
		task:   contest.Task{Members: true},
		stream: load.Stream{Kind: corpus.Random, Size: pushed, Depth: 1},
		conns:  1,
	}
	if both {
		sc.name = "writers-2p/8"
		sc.about += ", two processors for both"
	}
	sc.slice = func(p *pair) (Figures, error) {
		each := max(100, int(p.time/(2500*time.Nanosecond)/n))
		return p.push("shout", contest.Shout{Writers: n, Each: each, Size: pushed}, n*each)
	}
	return sc
}
