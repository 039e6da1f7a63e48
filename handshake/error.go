package handshake

import (
	"errors"
	"fmt"
)

// ErrShort says that a head is right as far as it goes, and not complete: read more and ask again.
var ErrShort = errors.New("websocket: the head is not complete yet")

// Error is a handshake that broke a rule, or a handshake of ours that would have broken one.
type Error struct {
	// Status is the HTTP status with which a server refuses (400 to 599). 0 on the client's side.
	Status int
	// Place is where the rule stands: "RFC 6455, section 4.2.1".
	Place string
	// Msg says what was wrong, in lower case; text from the peer is quoted and cut at 123 bytes.
	Msg string
	// Header is what the refusal must carry besides its status: Allow; Sec-WebSocket-Version and Upgrade. May be nil.
	Header Header
}

// Error is "websocket: <Msg> (<Place>)".
func (e *Error) Error() string {
	return "websocket: " + e.Msg + " (" + e.Place + ")"
}

// Append appends the complete HTTP response that refuses with e: [AppendRefusal] with the text of e as its body.
func (e *Error) Append(b []byte) []byte {
	return AppendRefusal(b, e.Status, e.Header, e.Error()+"\n")
}

// failf makes an error for the client's side.
func failf(place, format string, args ...any) *Error {
	return &Error{Place: place, Msg: fmt.Sprintf(format, args...)}
}

// refusef makes an error for the server's side.
func refusef(status int, place, format string, args ...any) *Error {
	return &Error{Status: status, Place: place, Msg: fmt.Sprintf(format, args...)}
}

// maxQuoted is how much of the peer's text an error repeats, in bytes: what fits in a close reason.
const maxQuoted = 123

// cut shortens text of the peer before it is quoted with %q.
func cut(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted]
	}
	return s
}
