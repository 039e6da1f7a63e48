//go:build !purego

package cpu

// Vector is true: NEON belongs to every arm64 processor that Go runs on.
const Vector = true
