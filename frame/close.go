package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// MaxReason is the longest reason that fits behind the code of a close frame,
// in bytes of UTF-8 (RFC 6455, sections 5.5 and 5.5.1).
const MaxReason = MaxControlPayload - 2

// CloseCode says why a connection ends (RFC 6455, section 7.4). 3000 to 3999
// are registered by libraries and frameworks, 4000 to 4999 are free for
// private use.
type CloseCode uint16

// The codes of RFC 6455, section 7.4.1, and those that IANA added later (1012
// to 1014).
const (
	CloseNormal             CloseCode = 1000
	CloseGoingAway          CloseCode = 1001
	CloseProtocolError      CloseCode = 1002
	CloseUnsupportedData    CloseCode = 1003
	CloseNoStatus           CloseCode = 1005 // never sent: the close frame had no code
	CloseAbnormal           CloseCode = 1006 // never sent: there was no close frame
	CloseInvalidPayload     CloseCode = 1007
	ClosePolicyViolation    CloseCode = 1008
	CloseTooBig             CloseCode = 1009
	CloseMandatoryExtension CloseCode = 1010
	CloseInternalError      CloseCode = 1011
	CloseServiceRestart     CloseCode = 1012
	CloseTryAgainLater      CloseCode = 1013
	CloseBadGateway         CloseCode = 1014
	CloseTLSHandshake       CloseCode = 1015 // never sent: TLS could not be established
)

// Sendable reports whether c may stand in a close frame: 1000 to 1003, 1007 to
// 1014, and 3000 to 4999. The same codes are accepted from a peer.
func (c CloseCode) Sendable() bool {
	switch {
	case c < CloseNormal:
		// 0 to 999 are not used (RFC 6455, section 7.4.2).
		return false
	case c <= CloseUnsupportedData:
		return true
	case c < CloseInvalidPayload:
		// 1004 has no meaning yet; 1005 and 1006 must not be set in a close frame
		// (RFC 6455, section 7.4.1).
		return false
	case c <= CloseBadGateway:
		return true
	default:
		// 1015 must not be set in a close frame (RFC 6455, section 7.4.1). Up to
		// 2999 nothing else is defined, above 4999 there are no codes at all; what
		// is between needs nobody's leave (RFC 6455, section 7.4.2).
		return 3000 <= c && c <= 4999
	}
}

// String returns the number of c and what it stands for, as "1000 (normal closure)".
func (c CloseCode) String() string {
	return strconv.Itoa(int(c)) + " (" + c.meaning() + ")"
}

func (c CloseCode) meaning() string {
	switch c {
	case CloseNormal:
		return "normal closure"
	case CloseGoingAway:
		return "going away"
	case CloseProtocolError:
		return "protocol error"
	case CloseUnsupportedData:
		return "unsupported data"
	case CloseNoStatus:
		return "no status received"
	case CloseAbnormal:
		return "abnormal closure"
	case CloseInvalidPayload:
		return "invalid payload data"
	case ClosePolicyViolation:
		return "policy violation"
	case CloseTooBig:
		return "message too big"
	case CloseMandatoryExtension:
		return "mandatory extension missing"
	case CloseInternalError:
		return "internal error"
	case CloseServiceRestart:
		return "service restart"
	case CloseTryAgainLater:
		return "try again later"
	case CloseBadGateway:
		return "bad gateway"
	case CloseTLSHandshake:
		return "TLS handshake failed"
	}
	switch {
	case 3000 <= c && c <= 3999:
		return "registered"
	case 4000 <= c && c <= 4999:
		return "private use"
	default:
		return "reserved"
	}
}

// ParseClose reads the unmasked payload of a close frame: nothing, or a code
// and a reason. The reason is a copy, and the only thing that allocates here.
// An empty payload is CloseNoStatus (RFC 6455, section 7.1.5).
//
// The error is an *Error: code 1002 for a lone byte or a code that must not be
// received, 1007 for a reason that is not UTF-8.
func ParseClose(p []byte) (CloseCode, string, error) {
	if len(p) == 0 {
		return CloseNoStatus, "", nil
	}
	// If there is a body, its first two bytes are the code (RFC 6455, section 5.5.1).
	if len(p) == 1 {
		return 0, "", broken(CloseProtocolError, "5.5.1", "close payload is 1 byte")
	}
	code := CloseCode(binary.BigEndian.Uint16(p))
	if !code.Sendable() {
		return 0, "", broken(CloseProtocolError, "7.4", "close code "+strconv.Itoa(int(code))+" must not be sent")
	}
	// The reason is UTF-8 (RFC 6455, section 5.5.1), and what is not is failed
	// like a text message: 1007 (RFC 6455, section 8.1).
	if !utf8.Valid(p[2:]) {
		return 0, "", broken(CloseInvalidPayload, "5.5.1", "close reason is not UTF-8")
	}
	return code, string(p[2:]), nil
}

// AppendClose appends the payload of a close frame to b and returns the longer
// slice. CloseNoStatus without a reason appends nothing: that is how it is
// sent. With an error b comes back as it was: c is not Sendable, or reason is
// longer than MaxReason bytes or not UTF-8. These are mistakes of the caller,
// so the error is not an *Error.
func AppendClose(b []byte, c CloseCode, reason string) ([]byte, error) {
	switch {
	case c == CloseNoStatus && reason == "":
		return b, nil
	case c == CloseNoStatus:
		return b, errors.New("websocket: a close frame without a code has no reason (RFC 6455, section 5.5.1)")
	case !c.Sendable():
		return b, fmt.Errorf("websocket: close code %d must not be sent (RFC 6455, section 7.4)", uint16(c))
	case len(reason) > MaxReason:
		return b, fmt.Errorf("websocket: close reason is %d bytes, limit %d (RFC 6455, section 5.5)", len(reason), MaxReason)
	case !utf8.ValidString(reason):
		return b, errors.New("websocket: close reason is not UTF-8 (RFC 6455, section 5.5.1)")
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(c)), reason...), nil
}
