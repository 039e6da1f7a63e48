//go:build race

package conn

// poison overwrites memory that is no longer lent, so that a program that keeps
// it sees garbage in its tests and not in production.
func poison(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}
