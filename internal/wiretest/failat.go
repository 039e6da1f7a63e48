package wiretest

import (
	"net"
	"sync"
	"time"
)

// An Op is a kind of call on a connection.
type Op string

// The kinds of calls. OpDeadline stands for all three that set one.
const (
	OpRead       Op = "read"
	OpWrite      Op = "write"
	OpDeadline   Op = "deadline"
	OpCloseWrite Op = "closewrite"
	OpClose      Op = "close"
)

// A Failer is a connection with one call that fails, see [FailAt].
type Failer struct {
	wrapper
	op   Op
	call int
	err  error

	mu      sync.Mutex
	partial int
	calls   map[Op]int
}

// FailAt returns nc with one fault: the call-th call of kind op, counted from 1, fails with err and does nothing (but Close
// closes all the same, as close(2) does). All other calls are nc's. With call 0 nothing fails and [Failer.Calls] tells
// how many calls there are to be failed.
func FailAt(nc net.Conn, op Op, call int, err error) *Failer {
	return &Failer{wrapper: wrapper{nc}, op: op, call: call, err: err, calls: make(map[Op]int)}
}

// Partial makes the failing Read or Write move up to n bytes and return their number with the error. It returns f.
func (f *Failer) Partial(n int) *Failer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.partial = n
	return f
}

// Calls is the number of calls of kind op so far.
func (f *Failer) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// Failed reports whether the fault has happened.
func (f *Failer) Failed() bool { return f.call > 0 && f.Calls(f.op) >= f.call }

// count counts a call and says whether it fails.
func (f *Failer) count(op Op) (fails bool, partial int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	return op == f.op && f.calls[op] == f.call, f.partial
}

func (f *Failer) Read(p []byte) (int, error) { return f.move(OpRead, f.Conn.Read, p) }

func (f *Failer) Write(p []byte) (int, error) { return f.move(OpWrite, f.Conn.Write, p) }

func (f *Failer) move(op Op, real func([]byte) (int, error), p []byte) (int, error) {
	fails, partial := f.count(op)
	if !fails {
		return real(p)
	}
	if partial = min(partial, len(p)); partial <= 0 {
		return 0, f.err
	}
	n, err := real(p[:partial])
	if err != nil {
		return n, err // the real trouble came first
	}
	return n, f.err
}

// CloseWrite is OpCloseWrite.
func (f *Failer) CloseWrite() error {
	return f.do(OpCloseWrite, f.wrapper.CloseWrite)
}

// Close is OpClose.
func (f *Failer) Close() error {
	fails, _ := f.count(OpClose)
	err := f.Conn.Close()
	if fails {
		return f.err
	}
	return err
}

// SetDeadline is an OpDeadline.
func (f *Failer) SetDeadline(t time.Time) error {
	return f.do(OpDeadline, func() error { return f.Conn.SetDeadline(t) })
}

// SetReadDeadline is an OpDeadline.
func (f *Failer) SetReadDeadline(t time.Time) error {
	return f.do(OpDeadline, func() error { return f.Conn.SetReadDeadline(t) })
}

// SetWriteDeadline is an OpDeadline.
func (f *Failer) SetWriteDeadline(t time.Time) error {
	return f.do(OpDeadline, func() error { return f.Conn.SetWriteDeadline(t) })
}

func (f *Failer) do(op Op, real func() error) error {
	if fails, _ := f.count(op); fails {
		return f.err
	}
	return real()
}
