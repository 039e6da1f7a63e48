package wiretest

import (
	"net"
	"sync"
)

// After returns nc with an event: once exactly n bytes have passed in the direction of op ([OpRead] or [OpWrite]), it calls
// do, once, before the next byte passes. With n 0 that is before the first. So a connection can be cut, stalled or
// canceled at any byte. do may use nc.
func After(nc net.Conn, op Op, n int64, do func()) net.Conn {
	return &trigger{wrapper: wrapper{nc}, op: op, left: n, do: do, turn: newTurn()}
}

type trigger struct {
	wrapper
	op   Op
	turn turn // a Write's pieces stay together
	once sync.Once
	do   func()

	mu   sync.Mutex
	left int64
}

func (a *trigger) Read(p []byte) (int, error) {
	if a.op != OpRead || len(p) == 0 {
		return a.Conn.Read(p)
	}
	n, err := a.Conn.Read(p[:a.room(len(p))])
	a.passed(n)
	return n, err
}

func (a *trigger) Write(p []byte) (n int, err error) {
	if a.op != OpWrite {
		return a.Conn.Write(p)
	}
	a.turn.lock()
	defer a.turn.unlock()
	for {
		k, err := a.Conn.Write(p[n : n+a.room(len(p)-n)])
		a.passed(k)
		n += k
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// room is how many of want bytes may pass in one call. If the event is due, it happens first.
func (a *trigger) room(want int) int {
	a.mu.Lock()
	left := a.left
	a.mu.Unlock()
	if left > 0 {
		return int(min(int64(want), left))
	}
	if want > 0 {
		a.once.Do(a.do)
	}
	return want
}

func (a *trigger) passed(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = max(0, a.left-int64(n))
}
