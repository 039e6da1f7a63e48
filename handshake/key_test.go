package handshake

import "testing"

// Checklist: R1
func TestAcceptKeyOfTheRFC(t *testing.T) {
	// RFC 6455, section 1.3.
	const key, want = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	if got := AcceptKey(key); got != want {
		t.Errorf("AcceptKey(%q) = %q, want %q", key, got, want)
	}
}
