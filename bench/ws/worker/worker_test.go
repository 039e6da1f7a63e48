//go:build linux

package worker

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

const minute = time.Minute

// testRoles are those of children of the test.
var testRoles = map[string]func() Methods{"test": func() Methods {
	return Methods{
		"double": Method(func(n int) (int, error) { return 2 * n, nil }),
		"refuse": Method(func(string) (int, error) { return 0, errors.New("no such thing") }),
		"burn":   Method(burn),
		"hang":   Method(func(struct{}) (int, error) { select {} }),
		"write": Method(func(n int) (int, error) {
			f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			for range n {
				f.Write([]byte{1})
			}
			return n, nil
		}),
		"cpus": Method(func(struct{}) ([]int, error) { return CPUs(), nil }),
	}
}}

func burn(ms int) (sum int, err error) {
	for start, _ := CPUTime(os.Getpid()); ; sum++ {
		if now, err := CPUTime(os.Getpid()); now-start > time.Duration(ms)*time.Millisecond {
			return sum, err
		}
	}
}

func TestMain(m *testing.M) {
	Main(testRoles)
	os.Exit(m.Run())
}

func child(t *testing.T, p Place) *Worker {
	t.Helper()
	w, err := Start("test", p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

func TestCallsAndAnswers(t *testing.T) {
	w := child(t, Place{CPU: -1, Procs: 1})
	var got int
	if err := w.Call("double", 21, &got, minute); err != nil || got != 42 {
		t.Errorf("got %d, %v, want 42", got, err)
	}
	if err := w.Call("refuse", "x", nil, minute); err == nil || !strings.Contains(err.Error(), "refuse: no such thing") {
		t.Errorf("got %v", err)
	}
	if err := w.Call("nonsense", 1, nil, minute); err == nil || !strings.Contains(err.Error(), `no method "nonsense"`) {
		t.Errorf("got %v", err)
	}
	if err := w.Call("double", 4, &got, minute); err != nil || got != 8 {
		t.Errorf("after errors: got %d, %v, want 8", got, err)
	}
}

// A child that does not answer is ended, and its Worker says so for ever.
func TestSilentChildIsEnded(t *testing.T) {
	w := child(t, Place{CPU: -1, Procs: 1})
	if err := w.Call("hang", struct{}{}, nil, 50*time.Millisecond); err == nil {
		t.Fatal("no error")
	}
	if err := w.Call("double", 1, nil, minute); err == nil {
		t.Error("a later call has no error")
	}
	if _, err := CPUTime(w.PID()); err == nil {
		t.Error("the child lives")
	}
}

func TestKillEndsACall(t *testing.T) {
	w := child(t, Place{CPU: -1, Procs: 1})
	failed := make(chan error, 1)
	go func() { failed <- w.Call("hang", struct{}{}, nil, minute) }()
	w.Kill()
	if err := <-failed; err == nil {
		t.Error("no error")
	}
}

func TestChildEndsWithItsPipe(t *testing.T) {
	w := child(t, Place{CPU: -1, Procs: 1})
	if err := w.Call("double", 1, nil, minute); err != nil {
		t.Fatal(err)
	}
	w.in.Close()
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("got %v, want an end without an error", err)
	}
}

func TestPinnedChildHasOneCPU(t *testing.T) {
	for _, cpu := range CPUs() {
		var got []int
		if err := child(t, Place{CPU: cpu, Procs: 1}).Call("cpus", struct{}{}, &got, minute); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0] != cpu {
			t.Errorf("got CPUs %v, want %d", got, cpu)
		}
	}
}

func TestProcessorTimeOfAChild(t *testing.T) {
	w := child(t, Place{CPU: -1, Procs: 1})
	before, err := SettledCPUTime(w.PID())
	if err != nil {
		t.Fatal(err)
	}
	const ms = 30
	if err := w.Call("burn", ms, nil, minute); err != nil {
		t.Fatal(err)
	}
	after, err := SettledCPUTime(w.PID())
	if used := after - before; err != nil || used < ms*time.Millisecond {
		t.Errorf("got %v, %v, want at least %d ms", used, err, ms)
	}
	if rss, err := Resident(w.PID()); err != nil || rss < 1<<20 {
		t.Errorf("resident: got %d, %v, want at least 1 MiB", rss, err)
	}
}

// Two children that share a processor wait for each other.
func TestWaitedForAProcessor(t *testing.T) {
	cpu := CPUs()[0]
	a, b := child(t, Place{CPU: cpu, Procs: 1}), child(t, Place{CPU: cpu, Procs: 1})
	const ms = 60
	other := make(chan error, 1)
	go func() { other <- b.Call("burn", 20*ms, nil, minute) }()
	before, err := Waited(a.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Call("burn", ms, nil, minute); err != nil {
		t.Fatal(err)
	}
	after, err := Waited(a.PID())
	if got := after - before; err != nil || got < ms/4*time.Millisecond {
		t.Errorf("got %v, %v, want about %d ms: the other child has as much to do", got, err, ms)
	}
	if err := <-other; err != nil {
		t.Error(err)
	}
}

// A child that has just answered has its last milliseconds in its clock.
func TestSettledTimeMissesNothing(t *testing.T) {
	w := child(t, Place{CPU: -1, Procs: 1})
	for range 20 {
		before, err := SettledCPUTime(w.PID())
		if err != nil {
			t.Fatal(err)
		}
		const ms = 2
		if err := w.Call("burn", ms, nil, minute); err != nil {
			t.Fatal(err)
		}
		after, err := SettledCPUTime(w.PID())
		if used := after - before; err != nil || used < ms*time.Millisecond {
			t.Fatalf("got %v, %v, want at least %d ms", used, err, ms)
		}
	}
}

func TestSystemCallsAreCounted(t *testing.T) {
	w := child(t, Place{CPU: -1, Procs: 2})
	const n = 500
	calls, err := w.CountCalls(func() error { return w.Call("write", n, nil, minute) })
	if err != nil {
		t.Fatal(err)
	}
	if calls.Writes < n || calls.Writes > n+20 {
		t.Errorf("got %+v, want %d writes and a few more", calls, n)
	}
	_, before, err := FileCalls(w.PID())
	if err != nil {
		t.Fatal(err)
	}
	// The child goes on as before.
	if err := w.Call("write", n, nil, minute); err != nil {
		t.Fatal(err)
	}
	_, after, err := FileCalls(w.PID())
	if got := after - before; err != nil || got < n || got > n+20 {
		t.Errorf("in /proc: got %d, %v, want %d writes and a few more", got, err, n)
	}
}
