//go:build linux

package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls is how often a process called the system: read and its kin, recvfrom and its kin,
// the same for writing, epoll_wait and its kin, and all others.
type Calls struct{ Reads, Receives, Writes, Sends, Waits, Others int }

// CountCalls counts the system calls of the child while work runs, as a debugger sees
// them. That slows the child down a lot: it is for what FileCalls does not see.
func (w *Worker) CountCalls(work func() error) (Calls, error) {
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	t := &tracer{pid: w.PID(), threads: map[int]bool{}}
	if err := t.attach(); err != nil {
		return Calls{}, errors.Join(fmt.Errorf("counting system calls: %w", err), t.detach())
	}
	done := make(chan error, 1)
	go func() {
		err := work()
		t.over.Store(true)
		unix.Kill(t.pid, unix.SIGURG) // means nothing to a Go program, and wakes the tracer
		done <- err
	}()
	err := t.count()
	return t.calls, errors.Join(err, t.detach(), <-done)
}

type tracer struct {
	pid     int
	threads map[int]bool // those that run under the tracer
	calls   Calls
	over    atomic.Bool
}

const traceOptions = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESYSGOOD

// attach takes all threads, until there is no new one.
func (t *tracer) attach() error {
	for found := true; found; {
		found = false
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", t.pid))
		if err != nil {
			return err
		}
		for _, task := range tasks {
			id, _ := strconv.Atoi(task.Name())
			if id == 0 || t.threads[id] {
				continue
			}
			if err := ptrace(unix.PTRACE_SEIZE, id, traceOptions); err != nil {
				return err
			}
			found, t.threads[id] = true, true
			// So that it stops, and goes on from system call to system call.
			if err := ptrace(unix.PTRACE_INTERRUPT, id, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// count lets the threads run from stop to stop until the work is over.
func (t *tracer) count() error {
	for !t.over.Load() {
		id, status, err := t.wait(-t.pid)
		if err != nil {
			return err
		}
		if !status.Stopped() {
			delete(t.threads, id)
			continue
		}
		t.threads[id] = true
		if err := t.goOn(id, status); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

func (t *tracer) goOn(id int, status unix.WaitStatus) error {
	const systemCall = unix.SIGTRAP | 0x80 // PTRACE_O_TRACESYSGOOD
	switch sig := status.StopSignal(); {
	case sig == systemCall:
		t.see(id)
		return ptrace(unix.PTRACE_SYSCALL, id, 0)
	case status>>16 != 0: // an event of the tracer, no signal
		return ptrace(unix.PTRACE_SYSCALL, id, 0)
	default:
		return ptrace(unix.PTRACE_SYSCALL, id, uintptr(sig))
	}
}

// syscallInfo is struct ptrace_syscall_info, as far as it is needed here.
type syscallInfo struct {
	op     uint8 // 1: entry
	_      [3]uint8
	arch   uint32
	ip, sp uint64
	nr     uint64
	_      [7]uint64
}

func (t *tracer) see(id int) {
	const getSyscallInfo = 0x420e
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(id),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	const entry = 1
	if errno != 0 || info.op != entry {
		return
	}
	switch info.nr {
	case unix.SYS_READ, unix.SYS_READV:
		t.calls.Reads++
	case unix.SYS_RECVFROM, unix.SYS_RECVMSG:
		t.calls.Receives++
	case unix.SYS_WRITE, unix.SYS_WRITEV:
		t.calls.Writes++
	case unix.SYS_SENDTO, unix.SYS_SENDMSG:
		t.calls.Sends++
	case unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, epollWait:
		t.calls.Waits++
	default:
		t.calls.Others++
	}
}

// detach lets the child go. Each thread has to stop for that.
func (t *tracer) detach() error {
	for id := range t.threads {
		ptrace(unix.PTRACE_INTERRUPT, id, 0)
		for {
			_, status, err := t.wait(id)
			if err != nil || !status.Stopped() {
				break // it is gone
			}
			var sig uintptr
			if status>>16 == 0 && status.StopSignal() != unix.SIGTRAP|0x80 {
				sig = uintptr(status.StopSignal())
			}
			if ptrace(unix.PTRACE_DETACH, id, sig) == nil {
				break
			}
		}
	}
	return nil
}

func (t *tracer) wait(who int) (id int, status unix.WaitStatus, err error) {
	err = again(func() error {
		id, err = unix.Wait4(who, &status, unix.WALL, nil)
		return err
	})
	return id, status, err
}

func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func ptrace(request, id int, data uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(id), 0, data, 0, 0)
	if errno != 0 {
		return fmt.Errorf("ptrace: %w", errno)
	}
	return nil
}
