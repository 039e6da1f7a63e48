//go:build linux

package contest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"

	"github.com/tidewire/websocket/bench/ws/worker"
)

// What the child of Role can be asked, and with what.
type (
	// Serve starts a contestant; the answer is its address.
	Serve struct {
		Contestant string
		Task       Task
	}
	// FanOut sends messages to all connections, Each of them to every one at once.
	FanOut struct{ Size, Each int }
	// Shout sends messages from some goroutines to one connection.
	Shout struct{ Writers, Each, Size int }
	// Profile writes a profile of the processor to a file from now until it is asked for
	// with an empty name.
	Profile struct{ File string }
	// Nothing is no argument, or no answer.
	Nothing struct{}
)

// Role is a server in a process of its own: methods serve, forget, fanout, shout, collect
// and profile.
func Role() worker.Methods {
	r := &role{}
	return worker.Methods{
		"serve":   worker.Method(r.serve),
		"forget":  worker.Method(r.forget),
		"fanout":  worker.Method(r.fanOut),
		"shout":   worker.Method(r.shout),
		"collect": worker.Method(r.collect),
		"profile": worker.Method(r.profile),
	}
}

type role struct {
	contestant *Contestant
	job        *Job
	file       *os.File // of the profile
}

func (r *role) serve(s *Serve) (addr string, err error) {
	r.contestant, r.job = Find(s.Contestant), &Job{Task: s.Task}
	if r.contestant == nil {
		return "", fmt.Errorf("no contestant %q", s.Contestant)
	}
	dismissNbio()
	if !r.contestant.Has(s.Task.Door) {
		return "", fmt.Errorf("%s: no door %q", s.Contestant, s.Task.Door)
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		err := r.contestant.accept(ln, r.job)
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.Contestant, err)
		os.Exit(1)
	}()
	return ln.Addr().String(), nil
}

// accept serves what comes to ln, until that fails.
func (c *Contestant) accept(ln net.Listener, j *Job) error {
	switch {
	case j.Door != HTTPDoor && c.Listen != nil:
		return c.Listen(j)(ln)
	case j.Door != HTTPDoor && c.Raw != nil:
		return acceptAll(ln, c.Raw(j))
	}
	s := &http.Server{Handler: c.HTTP(j)}
	return s.Serve(ln)
}

// acceptAll serves every connection on a goroutine of its own, until accepting fails.
func acceptAll(ln net.Listener, serve func(net.Conn)) error {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return err
		}
		go serve(nc)
	}
}

// forget has the peers that have joined so far leave.
func (r *role) forget(Nothing) (Nothing, error) {
	r.job.crowd.forget()
	return Nothing{}, nil
}

func (r *role) fanOut(f FanOut) (Nothing, error) {
	return Nothing{}, r.job.crowd.fanOut(r.contestant, f.Size, f.Each)
}

func (r *role) shout(s Shout) (Nothing, error) {
	return Nothing{}, r.job.crowd.shout(s.Writers, s.Each, s.Size)
}

// collect gives all memory back that is not in use. What lies in a sync.Pool survives
// the first collection.
func (r *role) collect(Nothing) (Nothing, error) {
	for range 3 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	return Nothing{}, nil
}

func (r *role) profile(p Profile) (Nothing, error) {
	if p.File == "" {
		if r.file == nil {
			return Nothing{}, errors.New("there is no profile")
		}
		pprof.StopCPUProfile()
		return Nothing{}, r.file.Close()
	}
	var err error
	if r.file, err = os.Create(p.File); err != nil {
		return Nothing{}, err
	}
	return Nothing{}, pprof.StartCPUProfile(r.file)
}
