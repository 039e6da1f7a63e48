package wiretest

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// backlog is how many dialed connections wait for Accept before Dial waits too.
const backlog = 128

// A Listener is a [net.Listener] in memory, see [Listen].
type Listener struct {
	addr   Addr
	size   int
	queue  chan *Conn
	closed chan struct{}
	once   sync.Once
	dialed atomic.Int64
}

// Listen returns a listener whose connections are pipes that hold size bytes in each direction; 0 means [DefaultSize].
// It has no goroutine; made inside a testing/synctest bubble it works there.
func Listen(size int) *Listener {
	return &Listener{
		addr:   "pipe:server",
		size:   size,
		queue:  make(chan *Conn, backlog),
		closed: make(chan struct{}),
	}
}

// Dial connects: it returns when the connection waits for Accept, as with TCP, and not when it is accepted. A closed
// listener refuses it with ECONNREFUSED. What it returns is a *[Conn], and so is what Accept returns.
func (l *Listener) Dial(ctx context.Context) (*Conn, error) {
	if ctx.Err() != nil {
		return nil, l.fail("dial", ctx.Err())
	}
	name := Addr(fmt.Sprintf("pipe:client-%d", l.dialed.Add(1)))
	client, server := pipe(l.size, name, l.addr)
	select {
	case l.queue <- server:
	case <-l.closed:
		return nil, l.refuse()
	case <-ctx.Done():
		return nil, l.fail("dial", ctx.Err())
	}
	if l.isClosed() { // select may choose the queue all the same, and Close may have emptied it before
		l.abandon()
		return nil, l.refuse()
	}
	return client, nil
}

// DialContext is Dial in the form that http.Transport and dialer options want; network and address are not looked at.
func (l *Listener) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := l.Dial(ctx)
	if err != nil {
		return nil, err // and not a nil *Conn in a net.Conn
	}
	return c, nil
}

// Accept waits for a connection. After Close it fails with net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	if l.isClosed() {
		return nil, l.fail("accept", net.ErrClosed)
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, l.fail("accept", net.ErrClosed)
	}
}

// Close refuses new connections and resets those that nobody accepted. Accepted ones go on. A second Close fails with
// net.ErrClosed.
func (l *Listener) Close() error {
	err := l.fail("close", net.ErrClosed)
	l.once.Do(func() {
		close(l.closed)
		l.abandon()
		err = nil
	})
	return err
}

// Addr is the address of the listener and of the server's ends.
func (l *Listener) Addr() net.Addr { return l.addr }

func (l *Listener) abandon() {
	for {
		select {
		case c := <-l.queue:
			c.Reset()
			c.Close()
		default:
			return
		}
	}
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

func (l *Listener) refuse() error { return l.fail("dial", os.NewSyscallError("connect", errRefused)) }

func (l *Listener) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "pipe", Addr: l.addr, Err: err}
}
