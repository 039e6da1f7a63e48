package wiretest

import (
	"errors"
	"net"
)

// A wrapper passes everything on to the connection inside, half closes included.
type wrapper struct {
	net.Conn
}

// CloseWrite ends the sending of the connection inside; errors.ErrUnsupported if that cannot be done there.
func (w wrapper) CloseWrite() error {
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Unwrap returns the connection inside. It is not called NetConn, so that no code under test goes round the fault.
func (w wrapper) Unwrap() net.Conn { return w.Conn }

// A turn is a lock whose waiters are durably blocked in the sense of testing/synctest.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) lock() { t <- struct{}{} }

func (t turn) unlock() { <-t }

func (t turn) tryLock() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}
