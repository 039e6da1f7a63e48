package frame

import (
	"errors"
	"fmt"
	"testing"
)

func TestErrorNamesItsSection(t *testing.T) {
	err := error(&Error{Code: CloseProtocolError, Section: "5.5", Msg: "ping frame is fragmented"})
	const want = "websocket: ping frame is fragmented (RFC 6455, section 5.5)"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	var e *Error
	if !errors.As(fmt.Errorf("reading: %w", err), &e) || e.Code != CloseProtocolError {
		t.Errorf("a wrapped *Error is not found: %v", err)
	}
}

// wantError fails the test unless err is an *Error with this code and section.
func wantError(t *testing.T, input any, err error, code CloseCode, section string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error %d of section %s; input %x", err, code, section, input)
	}
	if e.Code != code || e.Section != section {
		t.Fatalf("got code %d, section %s (%v), want %d, %s; input %x", e.Code, e.Section, err, code, section, input)
	}
}
