package conntest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// failingT is a test that is expected to fail: it keeps what it was told.
type failingT struct {
	testing.TB
	fatal    string
	logged   strings.Builder
	cleanups []func()
}

func (f *failingT) Helper()          {}
func (f *failingT) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

func (f *failingT) Logf(format string, args ...any) { fmt.Fprintf(&f.logged, format, args...) }

func (f *failingT) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (f *failingT) end() {
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
}

// failure runs a test and returns what it failed with, "" if it passed.
func failure(t *testing.T, test func(t testing.TB)) string {
	f := &failingT{TB: t}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer f.end()
		test(f)
	}()
	<-over
	return f.fatal
}

// wantFailure wants the test to fail with a text that has all the parts.
func wantFailure(t *testing.T, test func(t testing.TB), parts ...string) {
	t.Helper()
	got := failure(t, test)
	for _, part := range append(parts, "conntest: ") {
		if !strings.Contains(got, part) {
			t.Errorf("the test failed with %q, want %q in it", got, part)
		}
	}
}
