package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// HandshakeError is what every failed [Dial] returns. When a response came, it is here; no connection is left open, and
// for the closing codes of a connection that never was there is only 1006 (RFC 6455, section 7.1.5).
type HandshakeError struct {
	// Status and Header are those of the last response; 0 and nil if none came. Status is 101 if the server agreed, but
	// not as RFC 6455 has it.
	Status int
	Header http.Header

	// Body is the beginning of the response's body, at most 1 KiB, without transfer coding. It is text from the peer.
	Body []byte

	// Proxy says that the response is a proxy's, who did not connect us.
	Proxy bool

	// Err is the reason: a *handshake.Error that names a section of an RFC, an error of net or crypto/tls, or that
	// of the context.
	Err error
}

// Error is the text of Err. It shows no credentials and, of what the peer sent, little and only in quotes.
func (e *HandshakeError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("websocket: handshake failed with status %d", e.Status)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

// refusal makes err a *HandshakeError if it is none.
func refusal(err error) error {
	var e *HandshakeError
	if errors.As(err, &e) {
		return e
	}
	return &HandshakeError{Err: err}
}

// during says what we were doing when I/O failed. If ctx has ended, that is the reason: the socket was closed under us.
func during(ctx context.Context, err error, format string, args ...any) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("websocket: %s: %w", fmt.Sprintf(format, args...), err)
}

// maxQuoted is how much of the peer's text an error repeats, in bytes: what fits in a close reason.
const maxQuoted = 123

// quoted is an error whose text may hold names that the peer chose, such as those of a certificate.
type quoted struct{ error }

func (q quoted) Error() string {
	s := q.error.Error()
	return fmt.Sprintf("%q", s[:min(len(s), maxQuoted)])
}

func (q quoted) Unwrap() error { return q.error }
