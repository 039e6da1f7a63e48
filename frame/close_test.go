package frame

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// legalCodes is the rule as the checklist words it (row L2), for a model.
var legalCodes = [][2]int{{1000, 1003}, {1007, 1011}, {1012, 1014}, {3000, 3999}, {4000, 4999}}

func legalCode(c int) bool {
	for _, r := range legalCodes {
		if r[0] <= c && c <= r[1] {
			return true
		}
	}
	return false
}

// Checklist: L2, L3
func TestCloseCodesAll(t *testing.T) {
	for i := range 1 << 16 {
		c, legal := CloseCode(i), legalCode(i)
		if c.Sendable() != legal {
			t.Fatalf("Sendable(%d) = %v, want %v", i, !legal, legal)
		}
		in := []byte{byte(i >> 8), byte(i), 'b', 'y', 'e'}
		got, reason, err := ParseClose(in)
		wire, sendErr := AppendClose([]byte("in front"), c, "bye")
		if !legal {
			wantError(t, in, err, CloseProtocolError, "7.4")
			if got != 0 || reason != "" {
				t.Fatalf("ParseClose(% x) = %d, %q with an error", in, got, reason)
			}
			if sendErr == nil || string(wire) != "in front" {
				t.Fatalf("AppendClose(%d) = %q, %v, want an error and nothing written", i, wire, sendErr)
			}
			continue
		}
		if err != nil || got != c || reason != "bye" {
			t.Fatalf("ParseClose(% x) = %d, %q, %v", in, got, reason, err)
		}
		if sendErr != nil || string(wire) != "in front"+string(in) {
			t.Fatalf("AppendClose(%d) = %q, %v", i, wire, sendErr)
		}
	}
}

// Checklist: L1
func TestParseCloseLengths(t *testing.T) {
	long := strings.Repeat("x", MaxReason)
	for _, tt := range []struct {
		in     []byte
		code   CloseCode
		reason string
	}{
		{nil, CloseNoStatus, ""},
		{[]byte{}, CloseNoStatus, ""},
		{[]byte{0x03, 0xE8}, CloseNormal, ""},
		{[]byte{0x03, 0xE9, '!'}, CloseGoingAway, "!"},
		{append([]byte{0x0F, 0xA1}, long...), 4001, long},
	} {
		code, reason, err := ParseClose(tt.in)
		if code != tt.code || reason != tt.reason || err != nil {
			t.Errorf("got %d, %q, %v, want %d, %q; input % x", code, reason, err, tt.code, tt.reason, tt.in)
		}
	}
	for i := range 256 {
		in := []byte{byte(i)}
		_, _, err := ParseClose(in)
		wantError(t, in, err, CloseProtocolError, "5.5.1")
	}
}

var badReasons = []string{
	"\xff\xfe",             // no UTF-8 at all
	"a\xc3",                // ends inside a code point
	"\xe2\x82",             // the same, of three bytes
	"\xed\xa0\x80",         // a surrogate
	"\xc0\xaf",             // overlong
	"\xf4\x90\x80\x80",     // above U+10FFFF
	"good until here \x80", // a tail without a head
}

// Checklist: L4, T5
func TestCloseReasonIsUTF8(t *testing.T) {
	for _, reason := range badReasons {
		in := append([]byte{0x03, 0xE8}, reason...)
		_, _, err := ParseClose(in)
		wantError(t, in, err, CloseInvalidPayload, "5.5.1")
		if b, err := AppendClose(nil, CloseNormal, reason); err == nil || b != nil {
			t.Errorf("AppendClose(%q) = % x, %v, want an error", reason, b, err)
		}
	}
	for _, reason := range []string{"κόσμε", "\x00", "\ufeff", "\U0010ffff", "\uffff"} {
		b, err := AppendClose(nil, CloseNormal, reason)
		if err != nil {
			t.Errorf("AppendClose(%q): %v", reason, err)
		}
		if _, got, err := ParseClose(b); err != nil || got != reason {
			t.Errorf("ParseClose(% x) = %q, %v, want %q", b, got, err, reason)
		}
	}
}

// Checklist: L5
func TestCloseReasonIsAtMost123Bytes(t *testing.T) {
	for n := range 201 {
		reason := strings.Repeat("é", n) // two bytes each: 123 falls inside of one
		b, err := AppendClose([]byte{1}, ClosePolicyViolation, reason)
		if fits := 2*n <= 123; fits != (err == nil) {
			t.Fatalf("%d bytes: got %v", len(reason), err)
		}
		if err != nil && !bytes.Equal(b, []byte{1}) {
			t.Fatalf("%d bytes: % x was written with the error %v", len(reason), b, err)
		}
		if len(b)-1 > MaxControlPayload {
			t.Fatalf("%d bytes of reason make a payload of %d", len(reason), len(b)-1)
		}
	}
	if _, err := AppendClose(nil, CloseNormal, strings.Repeat("x", 123)); err != nil {
		t.Errorf("123 bytes: %v", err)
	}
	if _, err := AppendClose(nil, CloseNormal, strings.Repeat("x", 124)); err == nil {
		t.Error("124 bytes: no error")
	}
}

// Checklist: L3
func TestAppendCloseWithoutCode(t *testing.T) {
	b, err := AppendClose([]byte{1}, CloseNoStatus, "")
	if err != nil || !bytes.Equal(b, []byte{1}) {
		t.Errorf("got % x, %v, want nothing appended", b, err)
	}
	if b, err := AppendClose([]byte{1}, CloseNoStatus, "but why"); err == nil || !bytes.Equal(b, []byte{1}) {
		t.Errorf("with a reason: got % x, %v, want an error", b, err)
	}
}

func TestAppendCloseErrorsAreOurs(t *testing.T) {
	for _, tt := range []struct {
		code   CloseCode
		reason string
		want   string
	}{
		{CloseAbnormal, "", "websocket: close code 1006 must not be sent (RFC 6455, section 7.4)"},
		{CloseNoStatus, "x", "websocket: a close frame without a code has no reason (RFC 6455, section 5.5.1)"},
		{CloseNormal, strings.Repeat("x", 200), "websocket: close reason is 200 bytes, limit 123 (RFC 6455, section 5.5)"},
		{CloseNormal, "\xff", "websocket: close reason is not UTF-8 (RFC 6455, section 5.5.1)"},
	} {
		_, err := AppendClose(nil, tt.code, tt.reason)
		if err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %q", err, tt.want)
		}
		// An *Error would be turned into a close frame that blames the peer.
		if e := (*Error)(nil); errors.As(err, &e) {
			t.Errorf("%v is an *Error", err)
		}
	}
}

func TestCloseCodeString(t *testing.T) {
	for c, want := range map[CloseCode]string{
		CloseNormal:             "1000 (normal closure)",
		CloseGoingAway:          "1001 (going away)",
		CloseProtocolError:      "1002 (protocol error)",
		CloseUnsupportedData:    "1003 (unsupported data)",
		1004:                    "1004 (reserved)",
		CloseNoStatus:           "1005 (no status received)",
		CloseAbnormal:           "1006 (abnormal closure)",
		CloseInvalidPayload:     "1007 (invalid payload data)",
		ClosePolicyViolation:    "1008 (policy violation)",
		CloseTooBig:             "1009 (message too big)",
		CloseMandatoryExtension: "1010 (mandatory extension missing)",
		CloseInternalError:      "1011 (internal error)",
		CloseServiceRestart:     "1012 (service restart)",
		CloseTryAgainLater:      "1013 (try again later)",
		CloseBadGateway:         "1014 (bad gateway)",
		CloseTLSHandshake:       "1015 (TLS handshake failed)",
		0:                       "0 (reserved)",
		2999:                    "2999 (reserved)",
		3000:                    "3000 (registered)",
		3999:                    "3999 (registered)",
		4000:                    "4000 (private use)",
		4999:                    "4999 (private use)",
		5000:                    "5000 (reserved)",
	} {
		if got := c.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCloseAllocatesOnlyTheReason(t *testing.T) {
	b := make([]byte, 0, MaxControlPayload)
	if n := testing.AllocsPerRun(100, func() {
		for _, p := range [][]byte{nil, {0x03, 0xE8}} {
			if _, _, err := ParseClose(p); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if b, err = AppendClose(b[:0], CloseGoingAway, "restarting"); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := ParseClose(b); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("with a reason: %v allocations, want 1", n)
	}
}

// What ParseClose accepts, AppendClose writes in the same bytes; its errors
// carry nothing of the peer's text.
func FuzzClose(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x03})
	f.Add([]byte("\x03\xe8bye"))
	f.Add([]byte("\x03\xed"))
	for _, reason := range badReasons {
		f.Add([]byte("\x03\xe8" + reason))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > MaxControlPayload {
			return // ParseHeader has refused it
		}
		code, reason, err := ParseClose(p)
		if err != nil {
			if s := err.Error(); len(s) > 100 || !utf8.ValidString(s) {
				t.Fatalf("error %q; input % x", s, p)
			}
			return
		}
		if b, err := AppendClose(nil, code, reason); err != nil || !bytes.Equal(b, p) {
			t.Fatalf("%d, %q is written as % x, %v, want % x", code, reason, b, err, p)
		}
	})
}
