//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/tidewire/websocket/bench/ws/contest"
	"github.com/tidewire/websocket/bench/ws/load"
	"github.com/tidewire/websocket/bench/ws/worker"
)

// callLimit is how much longer than its work a call to a child may take: opening 19,000
// connections is the longest.
const callLimit = 40 * time.Second

// A pair is a contestant at work in a scenario: its server and its load.
type pair struct {
	contestant *contest.Contestant
	scenario   *scenario
	server     *worker.Worker
	load       *worker.Worker
	addr       string
	conns      int
	time       time.Duration // of a slice
	verified   load.Verified
}

// places are where the two processes run: each on a processor of its own with one P, or
// both on all with two.
func places(both bool) (server, load worker.Place, err error) {
	cpus := worker.CPUs()
	switch {
	case len(cpus) < 2:
		return server, load, fmt.Errorf("it takes two processors, and there are %d", len(cpus))
	case both:
		return worker.Place{CPU: -1, Procs: 2}, worker.Place{CPU: -1, Procs: 1}, nil
	}
	return worker.Place{CPU: cpus[0], Procs: 1}, worker.Place{CPU: cpus[1], Procs: 1}, nil
}

// start starts the two, has the server verified, opens the connections and warms them up.
// The caller stops the pair, also after an error.
func start(c *contest.Contestant, sc *scenario, s *settings) (p *pair, err error) {
	p = &pair{contestant: c, scenario: sc, conns: sc.conns, time: s.slice}
	server, load, err := places(sc.both)
	if err != nil {
		return p, err
	}
	if p.server, err = worker.Start("server", server); err != nil {
		return p, err
	}
	if p.load, err = worker.Start("load", load); err != nil {
		return p, err
	}
	if err := p.server.Call("serve", contest.Serve{Contestant: c.Name, Task: sc.task}, &p.addr, callLimit); err != nil {
		return p, err
	}
	return p, p.ready()
}

func (p *pair) ready() error {
	if p.scenario.task.Handshake {
		return nil
	}
	err := p.load.Call("verify", load.Verify{Addr: p.addr, Stream: p.scenario.stream}, &p.verified, callLimit)
	if err != nil {
		return fmt.Errorf("answers wrongly: %w", err)
	}
	// The connection that verified may have joined those that get messages.
	if err := p.server.Call("forget", contest.Nothing{}, nil, callLimit); err != nil {
		return err
	}
	if p.conns == 0 {
		return nil
	}
	if err := p.open(p.conns); err != nil {
		return err
	}
	return p.once()
}

func (p *pair) stop() {
	for _, w := range []*worker.Worker{p.load, p.server} {
		if w != nil {
			w.Stop()
		}
	}
}

// open opens connections.
func (p *pair) open(n int) error {
	return p.load.Call("open", load.Open{Addr: p.addr, Conns: n}, nil, callLimit)
}

// once sends one batch on each connection and waits for the answers. Behind it every
// handler runs that a connection has.
func (p *pair) once() error {
	return p.load.Call("echo", load.Echo{PID: p.server.PID()}, nil, callLimit)
}

// fanOut sends messages to everybody, and the next ones when all have got them.
func (p *pair) fanOut(f contest.FanOut, rounds int) (Figures, error) {
	sum := Figures{}
	for range rounds {
		part, err := p.push("fanout", f, p.conns*f.Each)
		if err != nil {
			return nil, err
		}
		for metric, value := range part {
			sum[metric] += value / float64(rounds)
		}
	}
	return sum, nil
}

// push has the server send messages by itself, and waits until the load has got them.
func (p *pair) push(method string, arg any, messages int) (Figures, error) {
	before, err := worker.SettledCPUTime(p.server.PID())
	if err != nil {
		return nil, err
	}
	_, writes, err := worker.FileCalls(p.server.PID())
	if err != nil {
		return nil, err
	}
	start := time.Now()
	got := make(chan error, 1)
	go func() {
		got <- p.load.Call("collect", load.Collect{Messages: messages}, nil, callLimit)
	}()
	sendErr := p.server.Call(method, arg, nil, callLimit)
	if err := <-got; err != nil {
		return nil, err
	}
	if sendErr != nil {
		return nil, sendErr
	}
	elapsed := time.Since(start)
	after, err := worker.SettledCPUTime(p.server.PID())
	if err != nil {
		return nil, err
	}
	_, written, err := worker.FileCalls(p.server.PID())
	return Figures{
		CPU:    float64(after-before) / float64(messages),
		Rate:   float64(messages) / elapsed.Seconds(),
		Writes: float64(written-writes) / float64(messages),
	}, err
}
