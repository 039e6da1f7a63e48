package frame

// Error is a rule of RFC 6455 that the bytes of the peer have broken. It may
// allocate; accepted input never makes one.
type Error struct {
	Code    CloseCode // what the connection is failed with (RFC 6455, section 7.1.7)
	Section string    // of RFC 6455, as "5.5.1"
	Msg     string    // what was wrong: lower case, no full stop, no text of the peer
}

// Error returns the message with the section that was broken.
func (e *Error) Error() string {
	return "websocket: " + e.Msg + " (RFC 6455, section " + e.Section + ")"
}

func broken(code CloseCode, section, msg string) *Error {
	return &Error{Code: code, Section: section, Msg: msg}
}
