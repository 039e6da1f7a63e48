package wiretest

import (
	"io"
	"net"
	"os"
	"sync"
)

// DefaultSize is what each direction of a [Pipe] holds when the caller does not say: 64 KiB, about a loopback socket's
// share before it begins to push back.
const DefaultSize = 64 << 10

// A Conn is one end of a [Pipe], a [net.Conn]. All methods are safe for concurrent use; like a socket's, a Write is
// never mixed with another Write.
//
// Its errors are those of a TCP connection: [io.EOF] bare, anything else a *[net.OpError] that wraps
// [os.ErrDeadlineExceeded], [net.ErrClosed], syscall.EPIPE or syscall.ECONNRESET.
type Conn struct {
	peer    *Conn
	local   Addr
	remote  Addr
	mu      *sync.Mutex // one for both ends; held for moments only
	in, out *flow       // in is peer.out

	// Under mu.
	manners    Manners
	closed     bool // Close was called here
	readShut   bool // CloseRead was called here
	reset      bool // a reset has come
	resetTold  bool // and a call has reported it
	counts     counts
	readLimit  deadline
	writeLimit deadline
}

// A flow is one direction. Everything in it is under the mutex of the pipe.
type flow struct {
	ring    ring
	changed *sync.Cond // any change that a waiting Read or Write of this direction must look at
	ended   bool       // the writing end will send no more: EOF comes after the ring
	ignored bool       // the reading end wants no more: bytes vanish
	stalled bool       // the reading end gets nothing
	writing bool       // a Write is between its first and last byte
}

type counts struct {
	reads, writes, deadlines int
	bytesRead, bytesWritten  int64
}

// Pipe returns the two ends of a byte stream in memory. Each direction holds up to size bytes; 0 means [DefaultSize].
// A Write waits only while its direction is full. A pipe has no goroutine, and a timer only while a deadline is set: made
// inside a testing/synctest bubble it works there, and whoever waits for it is durably blocked.
func Pipe(size int) (a, b *Conn) { return pipe(size, "pipe:a", "pipe:b") }

func pipe(size int, nameA, nameB Addr) (a, b *Conn) {
	if size <= 0 {
		size = DefaultSize
	}
	mu := new(sync.Mutex)
	ab, ba := newFlow(mu, size), newFlow(mu, size)
	a = &Conn{mu: mu, in: ba, out: ab, local: nameA, remote: nameB}
	b = &Conn{mu: mu, in: ab, out: ba, local: nameB, remote: nameA}
	a.peer, b.peer = b, a
	return a, b
}

func newFlow(mu *sync.Mutex, size int) *flow {
	return &flow{ring: ring{limit: size}, changed: sync.NewCond(mu)}
}

// Read waits until there are bytes, the end of the stream, or an error. A deadline that has passed wins over bytes that
// are there, as in package net.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.reads++
	for {
		n, done, err := c.tryRead(p)
		if done {
			c.counts.bytesRead += int64(n)
			return n, err
		}
		c.in.changed.Wait()
	}
}

// tryRead is Read without the waiting. The order of its questions is that of package net and the kernel below it.
func (c *Conn) tryRead(p []byte) (n int, done bool, err error) {
	switch {
	case c.closed:
		return 0, true, c.fail("read", net.ErrClosed)
	case len(p) == 0:
		return 0, true, nil
	case c.readLimit.passed:
		return 0, true, c.fail("read", os.ErrDeadlineExceeded)
	case c.in.stalled && !c.reset && !c.readShut:
		return 0, false, nil
	case c.in.ring.n > 0:
		n = c.in.ring.get(p)
		c.in.changed.Broadcast()
		return n, true, nil
	case c.reset && c.tellReset():
		return 0, true, c.fail("read", os.NewSyscallError("read", errReset))
	case c.reset || c.in.ended || c.readShut:
		return 0, true, io.EOF
	}
	return 0, false, nil
}

// Write waits until the pipe has taken all of p. When a deadline, a close or a reset comes in between, n says how many
// bytes the pipe took before.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.writes++
	// 1. Our turn: a Write's bytes stay together. What would fail us ends the Write before us too.
	for c.out.writing {
		c.out.changed.Wait()
	}
	c.out.writing = true
	defer c.endWrite(&n)
	// 2. The deadline is looked at before the first byte and then only when waiting, as in package net.
	for {
		if err := c.cannotWrite(); err != nil {
			return n, err
		}
		n += c.take(p[n:])
		if n == len(p) {
			return n, nil
		}
		c.out.changed.Wait()
	}
}

func (c *Conn) endWrite(n *int) {
	c.counts.bytesWritten += int64(*n)
	c.out.writing = false
	c.out.changed.Broadcast()
}

// cannotWrite returns why no byte may be written now, or nil.
func (c *Conn) cannotWrite() error {
	switch {
	case c.closed:
		return c.fail("write", net.ErrClosed)
	case c.writeLimit.passed:
		return c.fail("write", os.ErrDeadlineExceeded)
	case c.reset && c.tellReset():
		return c.fail("write", os.NewSyscallError("write", errReset))
	case c.reset || c.out.ended || c.peer.closed && !c.manners.LateReset:
		return c.fail("write", os.NewSyscallError("write", errBrokenPipe))
	}
	return nil
}

// take moves bytes into the pipe and says how many it took.
func (c *Conn) take(p []byte) int {
	switch {
	case c.peer.closed: // LateReset
		if len(p) > 0 {
			c.gotReset()
		}
		return len(p)
	case c.out.ignored:
		return len(p)
	}
	n := c.out.ring.put(p)
	if n > 0 {
		c.out.changed.Broadcast()
	}
	return n
}

// tellReset reports whether a call that meets the reset says so, see Manners.ErrorOnce.
func (c *Conn) tellReset() bool {
	first := !c.resetTold
	c.resetTold = true
	return first || !c.manners.ErrorOnce
}

// LocalAddr is the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "pipe", Source: c.local, Addr: c.remote, Err: err}
}
