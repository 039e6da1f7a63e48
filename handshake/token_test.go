package handshake

import (
	"strings"
	"testing"
)

// Checklist: C12, S10
func TestIsTokenKnowsEachByte(t *testing.T) {
	const separators = "()<>@,;:\\\"/[]?={} \t" // RFC 2616, section 2.2
	for c := range 256 {
		s := string([]byte{byte(c)})
		want := c >= 0x21 && c <= 0x7e && !strings.Contains(separators, s)
		if got := IsToken("a" + s); got != want {
			t.Errorf("IsToken(%q) = %v, want %v", "a"+s, got, want)
		}
	}
	if IsToken("") {
		t.Error(`IsToken("") = true`)
	}
}

// Checklist: C15, R6
func TestValidHeaderValueKnowsEachByte(t *testing.T) {
	for c := range 256 {
		s := "a" + string([]byte{byte(c)}) + "b"
		want := c == '\t' || c >= 0x20 && c != 0x7f
		if got := ValidHeaderValue(s); got != want {
			t.Errorf("ValidHeaderValue(%q) = %v, want %v", s, got, want)
		}
	}
	if !ValidHeaderValue("") {
		t.Error(`ValidHeaderValue("") = false`)
	}
}

func TestEqualFoldIsASCIIOnly(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"WebSocket", "wEBsOCKET", true},
		{"upgrade", "upgrad", false},
		{"websocket", "webso\u212aet", false},
		{"k", "\u212a", false},
		{"[", "{", false}, // 32 apart, but no letters
		{"", "", true},
	} {
		if got := equalFold(tt.a, tt.b); got != tt.want {
			t.Errorf("equalFold(%q, %q) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
