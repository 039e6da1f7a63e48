package measure

import "runtime"

// Allocations is how often a unit of work allocates, once n of them have warmed it up.
func Allocations(n int, work Work) float64 {
	defer Quiet()()
	work(n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work(n)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n)
}

// Held is how many bytes of the heap each of n values holds that create returned, when
// all that is not in use has been collected, what lies in pools too.
func Held[T any](n int, create func() T) float64 {
	values := make([]T, 0, n+1)
	values = append(values, create()) // and what is made once for all of them
	before := heap()
	for range n {
		values = append(values, create())
	}
	after := heap()
	runtime.KeepAlive(values)
	runtime.KeepAlive(create) // and what it refers to
	return (float64(after) - float64(before)) / float64(n)
}

func heap() uint64 {
	for range 3 { // a pool lets go of what it has at the second collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
