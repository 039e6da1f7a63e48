package handshake

import (
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const (
	rfcKey    = "dGhlIHNhbXBsZSBub25jZQ==" // RFC 6455, section 1.3
	rfcAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// Checklist: R1
func TestAcceptKeyOfTheRFC(t *testing.T) {
	if got := AcceptKey(rfcKey); got != rfcAccept {
		t.Errorf("AcceptKey(%q) = %q, want %q", rfcKey, got, rfcAccept)
	}
	if got := NewKey([16]byte([]byte("the sample nonce"))); got != rfcKey {
		t.Errorf("NewKey = %q, want %q", got, rfcKey)
	}
}

// The key is taken as the string received: other pad bits are another string, and so another answer.
//
// Checklist: E1, R1
func TestAcceptKeyIsNotReencoded(t *testing.T) {
	const sample, canonical = "AQIDBAUGBwgJCgsMDQ4PEC==", "AQIDBAUGBwgJCgsMDQ4PEA=="
	if got := NewKey([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}); got != canonical {
		t.Errorf("NewKey = %q, want %q", got, canonical)
	}
	if !validKey(sample) || !validKey(canonical) {
		t.Errorf("validKey(%q), validKey(%q) = %v, %v, want both", sample, canonical, validKey(sample), validKey(canonical))
	}
	if AcceptKey(sample) == AcceptKey(canonical) {
		t.Errorf("AcceptKey is the same for %q and %q", sample, canonical)
	}
}

// Checklist: E1
func TestNewKeyIsCanonical(t *testing.T) {
	for i := range 256 {
		key := NewKey([16]byte{15: byte(i)})
		if last := key[21]; !strings.ContainsRune("AQgw", rune(last)) {
			t.Errorf("NewKey ends in %q, want A, Q, g or w: %q", last, key)
		}
		if b, err := base64.StdEncoding.Strict().DecodeString(key); err != nil || len(b) != 16 {
			t.Errorf("strict base64 of %q: %d bytes, %v", key, len(b), err)
		}
	}
}

func TestAcceptKeyOfAnotherLengthIsEmpty(t *testing.T) {
	for _, key := range []string{"", rfcKey[:23], rfcKey + "="} {
		if got := AcceptKey(key); got != "" {
			t.Errorf("AcceptKey(%q) = %q, want none", key, got)
		}
	}
}

// crypto/sha1 would panic in the child.
//
// Checklist: Z6
func TestAcceptKeyWorksUnderFIPS(t *testing.T) {
	const child = "HANDSHAKE_FIPS_CHILD"
	if os.Getenv(child) != "" {
		os.Stdout.WriteString("accept=" + AcceptKey(rfcKey) + "\n")
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAcceptKeyWorksUnderFIPS$")
	cmd.Env = append(os.Environ(), child+"=1", "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "accept="+rfcAccept) {
		t.Errorf("under fips140=only: %v\n%s", err, out)
	}
}
