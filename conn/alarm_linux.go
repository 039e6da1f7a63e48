package conn

import (
	"os"
	"syscall"
	"time"
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

func newAlarm() *alarm {
	fd, err := sysTimerfd()
	if err != nil {
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
	a.raw.Control(func(fd uintptr) { sysSetTimerfd(fd, d) })
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
