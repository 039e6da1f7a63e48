//go:build unix

package conn

import (
	"io"
	"net"
	"syscall"
)

// newWire returns the wire for nc. Only exactly a TCP or unix connection is
// driven by its descriptor; a wrapper around one may count, limit or encrypt. A TCP
// connection that need not be kept is taken over by a poller of ours where there is
// one, when it is first used, and closed.
func newWire(nc net.Conn, keep bool) wire {
	var raw syscall.RawConn
	var err error
	switch nc := nc.(type) {
	case *net.TCPConn:
		if !keep {
			if w := borrow(nc); w != nil {
				return w
			}
		}
		raw, err = nc.SyscallConn()
	case *net.UnixConn:
		raw, err = nc.SyscallConn()
	}
	if raw == nil || err != nil {
		return newAnyWire(nc)
	}
	w := &tcpWire{anyWire: anyWire{nc: nc, below: nc}, raw: raw}
	w.onRead, w.onTryRead = w.doRead, w.doTryRead
	w.onWrite, w.onTryWrite = w.doWrite, w.doTryWrite
	return w
}

// tcpWire tries the system call first and waits in Go's poller only when it must.
// Nothing but the call and its buffer runs inside a RawConn callback: anything
// else can deadlock with Close.
type tcpWire struct {
	anyWire
	raw syscall.RawConn

	onRead, onTryRead, onWrite, onTryWrite func(fd uintptr) bool // made once

	in     []byte // where doRead puts bytes; nil: into a pooled buffer of inSize
	inSize int
	pooled *buffer // of doRead
	inN    int
	inErr  error

	outs net.Buffers // of writev
	vec  [2][]byte   // its memory
	out  []byte      // what doWrite sends
	outN int
	outE error
}

func (w *tcpWire) tries() bool { return true }

func (w *tcpWire) read(p []byte) (int, error) {
	w.in = p
	return w.result(w.raw.Read(w.onRead))
}

func (w *tcpWire) foresee() {}

func (w *tcpWire) tryRead(p []byte) (int, error) {
	w.in = p
	n, err := w.result(w.raw.Read(w.onTryRead))
	if err == syscall.EAGAIN || isTimeout(err) {
		return 0, nil
	}
	return n, err
}

func (w *tcpWire) readPooled(size int) (*buffer, error) {
	w.in, w.inSize = nil, size
	n, err := w.result(w.raw.Read(w.onRead))
	b := w.pooled
	w.pooled = nil
	if b != nil {
		b.b = b.b[:n]
	}
	return b, err
}

func (w *tcpWire) drain(n int) { drainTried(w, n) }

// drainTried is drain for a wire that can be tried.
func drainTried(w wire, n int) {
	b := getBuffer(bigBuffer)
	defer putBuffer(b)
	for n > 0 {
		m, err := w.tryRead(b.b[:cap(b.b)])
		if m == 0 || err != nil {
			return
		}
		n -= m
	}
}

func (w *tcpWire) result(err error) (int, error) {
	n := w.inN
	if err == nil {
		err = w.inErr
	}
	w.in, w.inN, w.inErr = nil, 0, nil
	return n, err
}

// doRead holds a pooled buffer only while a read can fill it, so that a waiting
// connection has none.
func (w *tcpWire) doRead(fd uintptr) bool {
	p := w.in
	if p == nil {
		w.pooled = getBuffer(w.inSize)
		p = w.pooled.b[:cap(w.pooled.b)]
	}
	w.inN, w.inErr = sysRead(fd, p)
	if w.inErr != syscall.EAGAIN {
		return true
	}
	w.inN, w.inErr = 0, nil
	putBuffer(w.pooled)
	w.pooled = nil
	return false
}

func (w *tcpWire) doTryRead(fd uintptr) bool {
	w.inN, w.inErr = sysRead(fd, w.in)
	return true
}

func (w *tcpWire) write(p []byte) (int, error) {
	w.out = p
	return w.sent(w.raw.Write(w.onWrite))
}

func (w *tcpWire) tryWrite(p []byte) (int, error) {
	w.out = p
	n, err := w.sent(w.raw.Write(w.onTryWrite))
	if err == syscall.EAGAIN || isTimeout(err) {
		return 0, nil
	}
	return n, err
}

func (w *tcpWire) sent(err error) (int, error) {
	n := w.outN
	if err == nil {
		err = w.outE
	}
	w.out, w.outN, w.outE = nil, 0, nil
	return n, err
}

func (w *tcpWire) doWrite(fd uintptr) bool {
	w.outN, w.outE = sysWrite(fd, w.out)
	if w.outE != syscall.EAGAIN {
		return true
	}
	w.outN, w.outE = 0, nil
	return false
}

func (w *tcpWire) doTryWrite(fd uintptr) bool {
	w.outN, w.outE = sysWrite(fd, w.out)
	return true
}

func (w *tcpWire) writev(head, body []byte) (int, error) {
	w.vec = [2][]byte{head, body}
	w.outs = w.vec[:]
	n, err := w.outs.WriteTo(w.nc)
	w.vec = [2][]byte{}
	return int(n), err
}

// sysRead is read(2); no bytes and no error are the end of the stream.
func sysRead(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// sysWrite is write(2).
func sysWrite(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		}
		return n, nil
	}
}
