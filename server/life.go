package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tidewire/websocket/conn"
)

// life is the context of a serve function: it ends with the connection, and its values are those of the request. It is
// what context.WithCancelCause would make, in a third of the memory: a connection that waits holds no channel, closure
// or table for it but its own Done.
type life struct {
	conn   *conn.Conn
	values context.Context // never ends

	mu    sync.Mutex
	ended bool
	after []*func() // wait for the end
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
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		go f()
		return func() bool { return false }
	}
	l.after = append(l.after, &f)
	return func() bool { return l.forget(&f) }
}

func (l *life) forget(f *func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.after, f)
	if i < 0 {
		return false
	}
	l.after = slices.Delete(l.after, i, i+1)
	return true
}

// end is the hook of the connection.
func (l *life) end(*conn.Conn, error) {
	l.mu.Lock()
	after := l.after
	l.after, l.ended = nil, true
	l.mu.Unlock()
	for _, f := range after {
		go (*f)()
	}
}
