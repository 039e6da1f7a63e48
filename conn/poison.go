//go:build !race

package conn

// raceDetector says whether the race detector watches.
const raceDetector = false

func poison([]byte) {}
