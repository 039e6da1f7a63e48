// Package cpuclock reads how much processor time was used. On a machine that others use
// too that is what a piece of work costs; the time on the wall is not.
package cpuclock

import "time"

// Thread is the processor time of the calling thread, user and system: the caller holds
// it with runtime.LockOSThread. The collector's own threads are not in it.
func Thread() time.Duration { return thread() }

// Process is the processor time of all threads of the process.
func Process() time.Duration { return process() }
