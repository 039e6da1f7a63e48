package alone

import (
	"os"
	"strings"
	"testing"
)

func TestRunIsInAProcessOfItsOwn(t *testing.T) {
	before := os.Getenv(child)
	switch alone := Run(t); {
	case alone && before == "":
		t.Error("the test runs beside others")
	case !alone && before != "":
		t.Error("the test is alone and does not run")
	}
}

// A failure of the test alone is one, and what it says is kept.
func TestRunFailsAsTheTestDoes(t *testing.T) {
	const says = "this is the failure"
	if os.Getenv(child) != "" {
		t.Error(says)
		return
	}
	if out, err := run(t.Name()); err == nil || !strings.Contains(string(out), says) {
		t.Errorf("got %v, %q; want an error and %q", err, out, says)
	}
}

func TestStackBytesGrow(t *testing.T) {
	if !Run(t) {
		return
	}
	const goroutines, least = 1000, 1 << 10 // 2 KiB, but some are there already
	before := StackBytes()
	release := make(chan struct{})
	for range goroutines {
		go func() { <-release }()
	}
	if grown := StackBytes() - before; grown < goroutines*least {
		t.Errorf("%d goroutines have %d bytes of stack, want at least %d each", goroutines, grown, least)
	}
	close(release)
}
