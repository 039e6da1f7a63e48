package wiretest

import (
	"net"
	"slices"
	"sync"
)

// An Event is one call that a [Recorder] saw: OpRead and OpWrite with the bytes that passed, OpCloseWrite or OpClose.
type Event struct {
	Op   Op
	Data []byte
	Err  error
}

// A Recorder is a connection that remembers what passed, see [Record].
type Recorder struct {
	wrapper
	mu     sync.Mutex
	events []Event
}

// Record returns nc with a memory: all bytes read and written and all closes, in the order in which the calls returned.
func Record(nc net.Conn) *Recorder { return &Recorder{wrapper: wrapper{nc}} }

func (r *Recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.add(OpRead, p[:n], err)
	return n, err
}

func (r *Recorder) Write(p []byte) (int, error) {
	n, err := r.Conn.Write(p)
	r.add(OpWrite, p[:n], err)
	return n, err
}

// CloseWrite is recorded, then passed on.
func (r *Recorder) CloseWrite() error {
	err := r.wrapper.CloseWrite()
	r.add(OpCloseWrite, nil, err)
	return err
}

// Close is recorded, then passed on.
func (r *Recorder) Close() error {
	err := r.Conn.Close()
	r.add(OpClose, nil, err)
	return err
}

func (r *Recorder) add(op Op, data []byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, Event{Op: op, Data: slices.Clone(data), Err: err})
}

// Events returns what was recorded so far. The slice and its bytes are the caller's.
func (r *Recorder) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := slices.Clone(r.events)
	for i := range events {
		events[i].Data = slices.Clone(events[i].Data)
	}
	return events
}

// In returns all bytes read so far.
func (r *Recorder) In() []byte { return r.all(OpRead) }

// Out returns all bytes written so far.
func (r *Recorder) Out() []byte { return r.all(OpWrite) }

func (r *Recorder) all(op Op) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b []byte
	for _, e := range r.events {
		if e.Op == op {
			b = append(b, e.Data...)
		}
	}
	return b
}
