package cpuclock

import (
	"runtime"
	"testing"
	"time"
)

func TestClocksRunWhileWorking(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, process, deadline := Thread(), Process(), time.Now().Add(10*time.Second)
	for Thread()-thread < 5*time.Millisecond {
		if time.Now().After(deadline) {
			t.Fatalf("10 s of work: got %v of thread time, want 5 ms", Thread()-thread)
		}
	}
	if got := Process() - process; got < 5*time.Millisecond {
		t.Errorf("process time: got %v, want at least that of its thread", got)
	}
}
