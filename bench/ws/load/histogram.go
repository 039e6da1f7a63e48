//go:build linux

package load

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets that are at most 3 % wide.
type histogram struct {
	counts [64 * steps]uint64
	n      uint64
}

const steps = 32 // buckets for each doubling

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.n++
}

func bucket(ns uint64) int {
	if ns < steps {
		return int(ns)
	}
	shift := bits.Len64(ns) - 6 // ns>>shift is in 32..63
	return shift*steps + int(ns>>shift)
}

// quantile is the upper edge of the bucket that holds it.
func (h *histogram) quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n-1))
	for i, n := range h.counts {
		if rank < n {
			return time.Duration(upper(i))
		}
		rank -= n
	}
	return time.Duration(upper(len(h.counts) - 1))
}

func upper(i int) uint64 {
	if i < 2*steps {
		return uint64(i)
	}
	shift := i/steps - 1
	return uint64(i%steps+steps+1)<<shift - 1
}
