package server

import (
	"context"
	"sync"
	"time"

	"github.com/tidewire/websocket/conn"
)

// life is the context of a serve function: it ends with the connection, and its values are those of the request. It is
// what context.WithCancelCause would make, in a third of the memory: a connection that waits holds no channel, closure
// or table for it but its own Done. The connection does not know it, only its tail: so the request and its context are
// gone when serve has returned and nobody holds them.
type life struct {
	conn   *conn.Conn
	values context.Context // never ends
	tail   *tail
}

// tail is what the end of a connection is told to.
type tail struct {
	group *Group // to be left in a plain place; nil: none

	mu    sync.Mutex
	ended bool
	after map[*func()]struct{} // wait for the end; nil: nobody
}

func (*life) Deadline() (time.Time, bool) { return time.Time{}, false }

func (l *life) Done() <-chan struct{} { return l.conn.Done() }

func (l *life) Err() error {
	select {
	case <-l.conn.Done():
		return context.Canceled
	default:
		return nil
	}
}

// Value is asked by package context for the context that tells the cause of the end; until then there is none.
func (l *life) Value(key any) any {
	if l.Err() == nil {
		return l.values.Value(key)
	}
	told, cancel := context.WithCancelCause(l.values)
	cancel(l.conn.Err())
	return told.Value(key)
}

// AfterFunc is what package context calls for every context made of this one, instead of starting a goroutine that
// waits: f runs on its own goroutine when the connection has ended, unless stop comes first and reports true.
func (l *life) AfterFunc(f func()) (stop func() bool) {
	t := l.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		go f()
		return func() bool { return false }
	}
	if t.after == nil {
		t.after = make(map[*func()]struct{})
	}
	t.after[&f] = struct{}{}
	return func() bool { return t.forget(&f) }
}

func (t *tail) forget(f *func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, waits := t.after[f]
	delete(t.after, f)
	return waits
}

// end is the hook of the connection.
func (t *tail) end(*conn.Conn, error) {
	place{g: t.group}.leave()
	t.mu.Lock()
	after := t.after
	t.after, t.ended = nil, true
	t.mu.Unlock()
	for f := range after {
		go (*f)()
	}
}
