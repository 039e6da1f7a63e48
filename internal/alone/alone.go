// Package alone runs a test in a process of its own: one that measures what all tests of a process have in common, such
// as stacks and descriptors, or that uses it up.
//
// Such a test begins with
//
//	if !alone.Run(t) {
//		return
//	}
//
// The package knows nothing of what is tested.
package alone

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"testing"
)

// child is set in the process of one test.
const child = "TIDEWIRE_TEST_ALONE"

// Run has the test that calls it, which is no subtest, run in a process of its own, and reports whether this is that
// process. In the other one it has waited for the end: t has failed if the test alone did.
func Run(t *testing.T) bool {
	t.Helper()
	if os.Getenv(child) != "" {
		return true
	}
	if out, err := run(t.Name()); err != nil {
		t.Errorf("alone: %v\n%s", err, out)
	}
	return false
}

func run(name string) (out []byte, err error) {
	test := exec.Command(os.Args[0], "-test.run=^"+name+"$", "-test.count=1", "-test.v")
	// Goroutines begin with the smallest stack, whatever others have grown to.
	test.Env = append(os.Environ(), child+"=1", "GODEBUG=adaptivestackstart=0")
	return test.CombinedOutput()
}

// StackBytes is what all stacks of goroutines take, behind a collection.
func StackBytes() int {
	runtime.GC()
	s := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(s)
	return int(s[0].Value.Uint64())
}
