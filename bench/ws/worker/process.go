//go:build linux

package worker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// pin leaves this process one CPU. The threads that there are get it one by one, later
// ones inherit it.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	for range 2 { // a thread may have started between the two
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			id, _ := strconv.Atoi(task.Name())
			if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("CPU %d: %w", cpu, err)
			}
		}
	}
	return nil
}

// CPUs are those that this process may use.
func CPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var all []int
	for cpu := range len(set) * strconv.IntSize {
		if set.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	return all
}

// SettledCPUTime is CPUTime when the process has nothing more to do: what a thread has
// used that is still running may not be in its clock for some milliseconds. A process
// that goes on and on is looked at after 50 ms.
func SettledCPUTime(pid int) (time.Duration, error) {
	const (
		pause, most = 300 * time.Microsecond, 50 * time.Millisecond
		nothing     = 10 * time.Microsecond
	)
	before, err := CPUTime(pid)
	for start := time.Now(); err == nil && time.Since(start) < most; {
		time.Sleep(pause)
		now, err := CPUTime(pid)
		if err != nil || now-before < nothing {
			return now, err
		}
		before = now
	}
	return before, err
}

// CPUTime is the processor time that a process has used, user and system. It costs the
// process nothing, and is exact for threads that do not run.
func CPUTime(pid int) (time.Duration, error) {
	const wholeProcess = 2 // CPUCLOCK_SCHED, clock_getcpuclockid(3)
	var now unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|wholeProcess), &now); err != nil {
		return 0, fmt.Errorf("the processor clock of %d: %w", pid, err)
	}
	return time.Duration(now.Nano()), nil
}

// FileCalls is how often a process has called read, write and their kin, on sockets too.
// The kernel does not count recvfrom and sendto there.
func FileCalls(pid int) (reads, writes int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		n, _ := strconv.Atoi(string(value)) // the kernel wrote it
		switch string(name) {
		case "syscr":
			reads = n
		case "syscw":
			writes = n
		}
	}
	return reads, writes, nil
}

// Waited is how long the threads of a process have waited for a processor that others had,
// each of them for itself.
func Waited(pid int) (sum time.Duration, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // the thread has ended
		}
		var ran, waited int64
		if err == nil {
			_, err = fmt.Sscan(string(text), &ran, &waited)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", task, err)
		}
		sum += time.Duration(waited)
	}
	return sum, nil
}

// Resident is the physical memory that a process holds, in bytes.
func Resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) == 3 && string(fields[0]) == "Rss:" {
			kib, err := strconv.ParseInt(string(fields[1]), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no Rss in smaps_rollup of %d", pid)
}
