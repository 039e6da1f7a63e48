//go:build purego || !(amd64 || arm64)

package cpu

// Vector is false: no kernels are built in.
const Vector = false
