package conn

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// sweeps: this system has an alarm that is precise enough for FlushDelay. The
// runtime's timers are rounded up to 1 ms when nothing else happens.
const sweeps = true

// alarm wakes one goroutine: a timerfd in Go's poller, or, where there is no
// descriptor to be had, some sleep.
type alarm struct {
	f   *os.File // nil: none
	raw syscall.RawConn
}

const (
	clockMonotonic = 1
	tfdNonblock    = syscall.O_NONBLOCK
	tfdCloexec     = syscall.O_CLOEXEC
)

func newAlarm() *alarm {
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, tfdNonblock|tfdCloexec, 0)
	if errno != 0 {
		return &alarm{}
	}
	f := os.NewFile(fd, "timerfd")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return &alarm{}
	}
	return &alarm{f, raw}
}

// set has the alarm ring after d, which is positive, and not at another time.
func (a *alarm) set(d time.Duration) {
	if a.f == nil {
		return
	}
	spec := [2]syscall.Timespec{1: syscall.NsecToTimespec(int64(d))} // no interval, then the value
	a.raw.Control(func(fd uintptr) {
		syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	})
}

// wait returns when the alarm has rung.
func (a *alarm) wait() {
	if a.f == nil {
		time.Sleep(defaultFlushDelay)
		return
	}
	var rings [8]byte
	a.f.Read(rings[:])
}

func (a *alarm) close() {
	if a.f != nil {
		a.f.Close()
	}
}
