//go:build linux

package load

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/tidewire/websocket/bench/ws/worker"
)

// What the child of Role can be asked, and with what.
type (
	// Verify checks that a server gives back what it gets, and keeps the stream for what follows.
	Verify struct {
		Addr   string
		Stream Stream
	}
	// Verified is its answer.
	Verified struct {
		Extensions string  // that the server has agreed to
		Wire       float64 // bytes of an answer, frame header and all
	}
	// Open opens connections.
	Open struct {
		Addr  string
		Conns int
	}
	// Nothing is no argument, or no answer. Close closes all connections.
	Nothing struct{}
	// Echo sends and awaits messages on all connections.
	Echo struct {
		PID       int // the server
		Duration  time.Duration
		PerSecond float64 // messages of all connections together; 0: each follows an answer
	}
	// Collect waits for messages that the server sends by itself. Who asks it to measures:
	// here nobody knows when it begins.
	Collect struct{ Messages int }
	// Handshakes opens connections that the server closes at once.
	Handshakes struct {
		Addr     string
		PID      int
		Parallel int
		Duration time.Duration
	}
)

// Role is the load in a process of its own: methods verify, open, echo, collect,
// handshakes and close.
func Role() worker.Methods {
	// What is made here stays; the collector would only disturb.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	r := &role{spin: len(worker.CPUs()) == 1}
	return worker.Methods{
		"verify":     worker.Method(r.verify),
		"open":       worker.Method(r.open),
		"echo":       worker.Method(r.echo),
		"collect":    worker.Method(r.collect),
		"handshakes": worker.Method(r.handshakes),
		"close":      worker.Method(r.close),
	}
}

type role struct {
	client *client
	spin   bool
	stream Stream
}

func (r *role) verify(v Verify) (*Verified, error) {
	p, err := v.Stream.compile()
	if err != nil {
		return nil, err
	}
	if r.client, err = newClient(r.spin); err != nil {
		return nil, err
	}
	r.client.program, r.stream = p, v.Stream
	answer := new(Verified)
	answer.Extensions, answer.Wire, err = verify(v.Addr, v.Stream, p, patience)
	return answer, err
}

func (r *role) open(o Open) (Nothing, error) {
	if r.client == nil {
		return Nothing{}, errNotOpen
	}
	links, _, err := open(o.Addr, r.stream.Offer(), o.Conns)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, r.client.adopt(links)
}

func (r *role) close(Nothing) (Nothing, error) {
	if r.client == nil {
		return Nothing{}, errNotOpen
	}
	r.client.close()
	return Nothing{}, nil
}

func (r *role) echo(e Echo) (*Slice, error) {
	if r.client == nil {
		return nil, errNotOpen
	}
	return r.client.slice(e.PID, func() error {
		if e.PerSecond > 0 {
			return r.client.pace(e.Duration, e.PerSecond)
		}
		return r.client.echo(e.Duration)
	})
}

func (r *role) collect(o Collect) (Nothing, error) {
	if r.client == nil {
		return Nothing{}, errNotOpen
	}
	return Nothing{}, r.client.collect(o.Messages)
}

func (r *role) handshakes(h Handshakes) (*Slice, error) {
	if r.client == nil {
		var err error
		if r.client, err = newClient(r.spin); err != nil {
			return nil, err
		}
	}
	return r.client.slice(h.PID, func() error { return r.client.handshakes(h.Addr, h.Parallel, h.Duration) })
}

var errNotOpen = errors.New("the server has not been verified")
