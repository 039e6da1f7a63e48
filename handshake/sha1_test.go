package handshake

import (
	"crypto/sha1"
	"math/rand/v2"
	"testing"
)

func TestSHA1EqualsTheStandardOne(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for i := range 2000 {
		var m [60]byte
		random.Read(m[:])
		if i < 60 {
			m = [60]byte{}
			m[i] = 0x80 // one bit set, at each byte
		}
		if got, want := sha1Of60(&m), sha1.Sum(m[:]); got != want {
			t.Fatalf("sha1Of60(%x) = %x, want %x", m, got, want)
		}
	}
}
