//go:build !race

package main

// A sync.Pool forgets things under the race detector, on purpose.
const poolsForget = false
