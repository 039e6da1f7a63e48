package wiretest

import (
	"net"
	"sync"
)

// After returns nc with an event: as soon as exactly n bytes have passed in the direction of op ([OpRead] or [OpWrite]), it
// calls do, once, before the next byte passes and before the call returns. With n 0 that is before the first byte. So a
// connection can be cut, stalled or canceled at any byte. do may use nc, but not what After returns.
func After(nc net.Conn, op Op, n int64, do func()) net.Conn {
	return &trigger{wrapper: wrapper{nc}, op: op, left: n, do: do, turn: newTurn()}
}

type trigger struct {
	wrapper
	op   Op
	do   func()
	turn turn // a Write's pieces stay together

	mu   sync.Mutex
	left int64
	done bool
}

func (a *trigger) Read(p []byte) (int, error) {
	if a.op != OpRead || len(p) == 0 {
		return a.Conn.Read(p)
	}
	n, err := a.Conn.Read(p[:a.passed(0, len(p))])
	a.passed(n, 0)
	return n, err
}

func (a *trigger) Write(p []byte) (n int, err error) {
	if a.op != OpWrite || len(p) == 0 {
		return a.Conn.Write(p)
	}
	a.turn.lock()
	defer a.turn.unlock()
	room := a.passed(0, len(p))
	for {
		k, err := a.Conn.Write(p[n : n+room])
		n += k
		room = a.passed(k, len(p)-n)
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// passed counts n bytes, lets the event happen if it is due, and says how many of want bytes may pass in the next call.
func (a *trigger) passed(n, want int) (room int) {
	a.mu.Lock()
	a.left = max(0, a.left-int64(n))
	left, due := a.left, a.left == 0 && !a.done
	a.done = a.done || due
	a.mu.Unlock()
	if due {
		a.do()
	}
	if left > 0 {
		return int(min(int64(want), left))
	}
	return want
}
