package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

var (
	// ErrClosed is the error of writing behind our own Close, and the cause of what
	// CloseNow leaves. It matches net.ErrClosed.
	ErrClosed = fmt.Errorf("websocket: closed by this side: %w", net.ErrClosed)

	// ErrQueueFull refuses a Post that Options.QueueBytes has no room for. The
	// connection goes on.
	ErrQueueFull = errors.New("websocket: queue of posted messages is full")

	// ErrAbandoned is the error of a Reader whose message a later read call dropped.
	ErrAbandoned = errors.New("websocket: message was abandoned for a later read")
)

// What ends a connection of ours without the peer breaking a rule.
var (
	errNoClose     = errors.New("websocket: peer did not end the connection within the close timeout")
	errDead        = errors.New("websocket: peer is silent and answers no ping")
	errNoProgress  = errors.New("websocket: peer sends an unfinished message too slowly")
	errStuck       = errors.New("websocket: socket took nothing for the whole write timeout")
	errHalfWritten = errors.New("websocket: a write was canceled inside a frame")
	errHalfMessage = errors.New("websocket: a message was given up after its first frame")
	errPingLate    = errors.New("websocket: no pong, and nobody reads the data that came first")
)

// CloseError says how a connection ended. Every error that ends reading is one,
// and every failure of writing; find it with errors.As.
type CloseError struct {
	// Code is that of the first Close received: 1005 if it held none, 1006 if no
	// Close came (RFC 6455, section 7.1.5).
	Code CloseCode

	// Sent is the code of our Close, 1005 if that was empty, 0 if none was sent.
	Sent CloseCode

	// Reason is what the peer's Close said: text from a stranger, not for display.
	Reason string

	// Remote tells their end from ours: the peer sent the first Close, broke a
	// rule, or its stream ended. It is false if this side closed or gave up.
	Remote bool

	cause error
}

// Error tells what ended the connection.
func (e *CloseError) Error() string {
	switch {
	case e.cause != nil:
		return e.cause.Error()
	case e.Remote && e.Reason != "":
		return fmt.Sprintf("websocket: closed by peer: %v: %q", e.Code, e.Reason)
	case e.Remote:
		return fmt.Sprintf("websocket: closed by peer: %v", e.Code)
	}
	return fmt.Sprintf("websocket: closed by this side: %v, answered by %v", e.Sent, e.Code)
}

// Unwrap returns the cause: a *frame.Error for a broken rule, or deflate.ErrCorrupt
// for a compressed message that cannot be inflated; io.EOF or io.ErrUnexpectedEOF
// for a stream that ended; the system's error otherwise; nil after a closing
// handshake. It never matches a context's error.
func (e *CloseError) Unwrap() error { return e.cause }

// IsNormal reports whether err is a normal end: a Close received with 1000, 1001
// or no code, or our own Close, answered.
func IsNormal(err error) bool {
	var e *CloseError
	if !errors.As(err, &e) {
		return errors.Is(err, ErrClosed)
	}
	switch {
	case e.Code == CloseAbnormal:
		return false
	case !e.Remote:
		return true
	}
	return e.Code == CloseNormal || e.Code == CloseGoingAway || e.Code == CloseNoStatus
}

// canceled is the error of one call whose context ended.
func canceled(doing string, err error) error {
	return fmt.Errorf("websocket: %s: %w", doing, err)
}

// cause makes of an I/O error what a permanent error may carry. The stream of a
// connection that ends inside a frame or message did not simply end.
func cause(doing string, err error, inside bool) error {
	if err == io.EOF && inside {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("websocket: %s: %v", doing, err)
	}
	return fmt.Errorf("websocket: %s: %w", doing, err)
}

// isTimeout reports whether a deadline ended a read or write. ETIMEDOUT is not
// that: it is a dead connection.
func isTimeout(err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, os.ErrDeadlineExceeded):
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() && !errors.Is(err, syscall.ETIMEDOUT)
}
