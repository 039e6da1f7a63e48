//go:build linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tidewire/websocket/bench/internal/corpus"
	"github.com/tidewire/websocket/bench/ws/contest"
	"github.com/tidewire/websocket/bench/ws/load"
	"github.com/tidewire/websocket/bench/ws/worker"
)

// idles are connections that wait. What they hold is told in resident bytes for each.
func idles(conns int) []*scenario {
	all := []*scenario{idle(conns, contest.RawDoor, true), idle(conns, contest.HTTPDoor, true)}
	const most, reserve = 19_000, 500
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur >= most+reserve {
		all = append(all, idle(most, contest.RawDoor, false), idle(most, contest.HTTPDoor, false))
	}
	return all
}

func idle(conns int, d contest.Door, quick bool) *scenario {
	how := "accepted on the socket"
	if d == contest.HTTPDoor {
		how = "accepted through net/http"
	}
	return &scenario{
		name:   fmt.Sprintf("idle/%d/%s", conns, d),
		about:  fmt.Sprintf("%d connections, %s, that wait; before and after one message of 128 B on each", conns, how),
		quick:  quick,
		alone:  true,
		task:   contest.Task{Door: d, Lean: true},
		stream: load.Stream{Kind: corpus.Random, Size: 128, Depth: 1},
		slice:  func(p *pair) (Figures, error) { return p.idle(conns, 1) },
	}
}

// windows are connections with context takeover that wait: what they keep from message
// to message.
func windows(conns int) *scenario {
	const messages = 32
	return &scenario{
		name:   fmt.Sprintf("deflate-idle/%d", conns),
		about:  fmt.Sprintf("%d connections with context takeover that wait; before and after %d messages of 1 KiB JSON on each", conns, messages),
		quick:  true,
		alone:  true,
		task:   contest.Task{Lean: true, Text: true, Flate: true, Takeover: true},
		stream: load.Stream{Kind: corpus.JSON, Size: kib, Depth: 1, Text: true, Flate: load.Takeover},
		slice:  func(p *pair) (Figures, error) { return p.idle(conns, messages) },
	}
}

// idle opens connections and looks at the memory of the server. What does not grow with
// their number is there before: some connections have come, talked and gone.
func (p *pair) idle(conns, messages int) (Figures, error) {
	first := min(conns, 200)
	if err := p.open(first); err != nil {
		return nil, err
	}
	if err := p.once(); err != nil {
		return nil, err
	}
	if err := p.load.Call("close", load.Nothing{}, nil, callLimit); err != nil {
		return nil, err
	}
	base, err := p.resident(true)
	if err != nil {
		return nil, err
	}
	f := Figures{}
	if err := p.open(conns); err != nil {
		return nil, err
	}
	if err := p.weigh(f, base, conns, Found, Collected); err != nil {
		return nil, err
	}
	for range messages {
		if err := p.once(); err != nil {
			return nil, err
		}
	}
	return f, p.weigh(f, base, conns, FoundAfter, CollectedAfter)
}

// weigh sets two figures: the memory as it is found, and after a collection.
func (p *pair) weigh(f Figures, base int64, conns int, found, collected string) error {
	for _, look := range []struct {
		metric  string
		collect bool
	}{{found, false}, {collected, true}} {
		now, err := p.resident(look.collect)
		if err != nil {
			return err
		}
		f[look.metric] = float64(now-base) / float64(conns)
	}
	return nil
}

func (p *pair) resident(collect bool) (int64, error) {
	if collect {
		if err := p.server.Call("collect", contest.Nothing{}, nil, callLimit); err != nil {
			return 0, err
		}
	}
	return worker.Resident(p.server.PID())
}
