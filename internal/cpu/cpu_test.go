//go:build !purego

package cpu

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What Linux says about the processor is what we found.
func TestVectorIsWhatLinuxSays(t *testing.T) {
	want := runtime.GOARCH == "arm64"
	if runtime.GOARCH == "amd64" {
		info, err := os.ReadFile("/proc/cpuinfo")
		if err != nil {
			t.Skip("no /proc/cpuinfo here: ", err)
		}
		want = slices.Contains(strings.Fields(string(info)), "avx2")
	}
	if Vector != want {
		t.Errorf("got %v, want %v", Vector, want)
	}
}
