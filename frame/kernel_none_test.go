//go:build purego || !(amd64 || arm64)

package frame

import "testing"

// paths runs a test the one way there is.
func paths(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Run("portable", test)
}
