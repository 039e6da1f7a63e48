//go:build purego || !(amd64 || arm64)

package frame

// vector is false: only portable code is built in.
const vector = false

func maskVector([]byte, uint64) int { return 0 }

func goodVector([]byte, *[3][16]byte) int { return trusted }
