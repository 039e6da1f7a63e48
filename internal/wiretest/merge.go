package wiretest

import (
	"net"
	"sync/atomic"
	"time"
)

// lingering is how long the Close of a [Merger] tries to deliver what it holds, when nobody makes room for it.
const lingering = time.Second

// A Merger is a connection whose written bytes arrive together, see [Merge].
type Merger struct {
	wrapper
	turn   turn
	size   int
	closed atomic.Bool
	held   []byte // under turn
}

// Merge returns nc with large Writes: written bytes are held until at least n are there, or until Flush; n <= 0 means until
// Flush alone. CloseWrite and Close deliver them first, as a network does.
func Merge(nc net.Conn, n int) *Merger {
	return &Merger{wrapper: wrapper{nc}, turn: newTurn(), size: n}
}

// Write holds p. If that makes enough bytes, it passes all of them on in one Write; n then counts the bytes of p that went
// out. What older Writes gave and did not go out stays held.
func (m *Merger) Write(p []byte) (n int, err error) {
	m.turn.lock()
	defer m.turn.unlock()
	if m.closed.Load() {
		return m.Conn.Write(p)
	}
	older := len(m.held)
	m.held = append(m.held, p...)
	if m.size <= 0 || len(m.held) < m.size {
		return len(p), nil
	}
	sent, err := m.flush()
	if err != nil {
		m.held = m.held[:max(0, older-sent)]
		return max(0, sent-older), err
	}
	return len(p), nil
}

// Flush passes on what is held, in one Write.
func (m *Merger) Flush() error {
	m.turn.lock()
	defer m.turn.unlock()
	_, err := m.flush()
	return err
}

func (m *Merger) flush() (sent int, err error) {
	if len(m.held) == 0 {
		return 0, nil
	}
	sent, err = m.Conn.Write(m.held)
	m.held = append(m.held[:0], m.held[sent:]...)
	return sent, err
}

// Held is the number of bytes that wait for a Flush.
func (m *Merger) Held() int {
	m.turn.lock()
	defer m.turn.unlock()
	return len(m.held)
}

// CloseWrite delivers what is held and ends the sending.
func (m *Merger) CloseWrite() error {
	if err := m.Flush(); err != nil {
		return err
	}
	return m.wrapper.CloseWrite()
}

// Close delivers what is held, if the peer makes room for it within a second, and closes. While a Write waits, it closes at
// once, as that Write is to fail.
func (m *Merger) Close() error {
	m.closed.Store(true)
	if m.turn.tryLock() {
		defer m.turn.unlock()
		if len(m.held) > 0 && m.SetWriteDeadline(time.Now().Add(lingering)) == nil {
			m.flush()
		}
		m.held = nil
	}
	return m.Conn.Close()
}
