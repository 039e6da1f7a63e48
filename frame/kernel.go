//go:build (amd64 || arm64) && !purego

package frame

import "github.com/tidewire/websocket/internal/cpu"

// vector says that the kernels in mask_*.s and utf8_*.s are used. Tests turn it
// off to see what is left.
var vector = cpu.Vector

// maskVector XORs the first bytes of p with key, whose lowest byte is that of p[0],
// and returns how many: all but the last 31 at most, a multiple of 32.
//
//go:noescape
func maskVector(p []byte, key uint64) int

// goodVector returns how many bytes of p, counted from its start, are surely good:
// none of them is impossible, but perhaps the last, if that is a head; whether a
// head may be there is judged with the byte behind it. Less than len(p) means that
// there is an impossible byte: that one, or among the next 64.
//
// The first three bytes are taken on trust: whatever was open before p ends in
// them. p has at least goodMin bytes.
//
//go:noescape
func goodVector(p []byte, pairs *[3][16]byte) int
