//go:build unix

package server

import (
	"net"
	"syscall"
)

// A head is one segment, and so is the answer: mostly the one is there and the other fits, and no deadline is needed,
// which costs more than the call. What readNow and writeNow leave to do is for nc's own methods, and so are errors. They
// know exactly a TCP connection: a wrapper around one may count, limit or encrypt.

// trial is what an opening tries the socket with. It is pooled with it: closures made for each call would lie between
// what stays of many connections, in memory of the same size.
type trial struct {
	b               []byte
	n               int
	onRead, onWrite func(fd uintptr) bool // made once
}

// readNow reads what has arrived; 0 if that is nothing, or nc cannot be tried.
func (p *opening) readNow(b []byte) int {
	if raw := p.try(b); raw != nil {
		raw.Read(p.trial.onRead)
	}
	return p.trial.outcome()
}

// writeNow writes what the socket takes; 0 if that is nothing, or nc cannot be tried.
func (p *opening) writeNow(b []byte) int {
	if raw := p.try(b); raw != nil {
		raw.Write(p.trial.onWrite)
	}
	return p.trial.outcome()
}

// try is nil if nc is no TCP connection, or closed.
func (p *opening) try(b []byte) syscall.RawConn {
	nc, ok := p.nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil
	}
	t := &p.trial
	if t.onRead == nil {
		t.onRead, t.onWrite = t.read, t.write
	}
	t.b = b
	return raw
}

// outcome is how many bytes the trial has moved, and its end.
func (t *trial) outcome() int {
	n := max(t.n, 0)
	t.b, t.n = nil, 0
	return n
}

func (t *trial) read(fd uintptr) bool {
	t.n, _ = syscall.Read(int(fd), t.b)
	return true
}

func (t *trial) write(fd uintptr) bool {
	t.n, _ = syscall.Write(int(fd), t.b)
	return true
}
