package conn

import (
	"syscall"
	"time"
	"unsafe"
)

// The system calls of the fast path, and those that package syscall does not have.
// This is the only file that imports unsafe.
//
// A call on a non-blocking socket does not wait, so it need not tell the scheduler
// that it might: RawSyscall saves some 145 ns each time. The race detector sees only
// what goes through package syscall, and learns from it who wrote before whom.
//
// They stand at the deep end of goroutines that shall keep the 2 KiB of stack that they
// were born with. go:nosplit lets them use the part of it that the runtime keeps free.

// plainCalls has read and write go through package syscall.
const plainCalls = raceDetector || sysRecvfrom == 0

// recv is recv(2): what has arrived, EAGAIN if that is nothing, 0 at the end of the
// stream. p is not empty.
//
//go:nosplit
func recv(fd int32, p []byte) (int, error) {
	for {
		n, err := recvOnce(fd, p)
		if err != syscall.EINTR {
			return n, err
		}
	}
}

//go:nosplit
func recvOnce(fd int32, p []byte) (int, error) {
	if plainCalls {
		n, err := syscall.Read(int(fd), p)
		return max(n, 0), err
	}
	n, _, errno := syscall.RawSyscall6(sysRecvfrom, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if errno != 0 {
		return 0, errnoError(errno)
	}
	return int(n), nil
}

// waiting is ioctl(2) with SIOCINQ, which package syscall knows by its other name: how
// many bytes recv could have now.
func waiting(fd int32) int {
	var n int32
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCINQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0
	}
	return int(n)
}

// send is send(2): how much the socket took, EAGAIN if that is nothing. p is not
// empty.
//
//go:nosplit
func send(fd int32, p []byte) (int, error) {
	for {
		n, err := sendOnce(fd, p)
		if err != syscall.EINTR {
			return n, err
		}
	}
}

//go:nosplit
func sendOnce(fd int32, p []byte) (int, error) {
	if plainCalls {
		n, err := syscall.Write(int(fd), p)
		return max(n, 0), err
	}
	n, _, errno := syscall.RawSyscall6(sysSendto, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errnoError(errno)
	}
	return int(n), nil
}

// sendBoth is send for two pieces of memory behind each other, not empty both.
func sendBoth(fd int32, head, body []byte) (int, error) {
	if plainCalls {
		return sendInTurn(fd, head, body)
	}
	v := [2]syscall.Iovec{{Base: &head[0]}, {Base: &body[0]}}
	v[0].SetLen(len(head))
	v[1].SetLen(len(body))
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v)), uintptr(len(v)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errnoError(errno)
		}
	}
}

func sendInTurn(fd int32, head, body []byte) (int, error) {
	n, err := send(fd, head)
	if err != nil || n < len(head) {
		return n, err
	}
	m, err := send(fd, body)
	if err == syscall.EAGAIN {
		err = nil
	}
	return n + m, err
}

// errnoError is errno as an error, without an allocation for the usual one.
func errnoError(errno syscall.Errno) error {
	if errno == syscall.EAGAIN {
		return errAgain
	}
	return errno
}

var errAgain error = syscall.EAGAIN

// epollWait is epoll_wait(2) without waiting.
func epollWait(fd uintptr, events []syscall.EpollEvent) int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// dup is fcntl(2) with F_DUPFD_CLOEXEC, or -1.
func dup(fd uintptr) int {
	n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1
	}
	return int(n)
}

// sysTimerfd is timerfd_create(2) of the monotonic clock.
func sysTimerfd() (uintptr, error) {
	const clockMonotonic = 1
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return 0, errno
	}
	return fd, nil
}

// sysSetTimerfd is timerfd_settime(2): it rings once, after d.
func sysSetTimerfd(fd uintptr, d time.Duration) {
	spec := [2]syscall.Timespec{1: syscall.NsecToTimespec(int64(d))} // no interval, then the value
	syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}
