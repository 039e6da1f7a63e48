//go:build race

package conn

const raceDetector = true

// poison overwrites memory that is no longer lent, so that a program that keeps
// it sees garbage in its tests and not in production.
func poison(p []byte) {
	if len(p) == 0 {
		return
	}
	p[0] = 0xDB
	// The race detector looks at a copy once, at a loop byte by byte.
	for n := 1; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}
