//go:build linux

package contest

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Inline is the name of the event loop whose handlers run one after the other.
const Inline = "raw inline"

// rawInline is one goroutine with an epoll descriptor for all connections. It reads, runs
// the handler and writes before it looks at the next connection, so everybody waits for a
// handler that takes its time. Otherwise it is like raw TCP: whole reads go back as they are.
func rawInline() *Contestant {
	return &Contestant{
		Name: Inline,
		Uses: "one goroutine for all connections: epoll_wait, read, handler, write; knows nothing of frames",
		Listen: func(j *Job) func(net.Listener) error {
			return func(ln net.Listener) error { return serveInline(j, ln) }
		},
		Groups: []string{"echo", "slow"},
	}
}

func serveInline(j *Job, ln net.Listener) error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	l := &eventLoop{job: j, epoll: epoll, buffer: make([]byte, 64<<10)}
	failed := make(chan error, 2)
	go func() { failed <- l.run() }()
	go func() { failed <- acceptAll(ln, l.adopt) }()
	return <-failed
}

type eventLoop struct {
	job    *Job
	epoll  int
	buffer []byte
}

// adopt answers the handshake and gives the loop a descriptor of its own.
func (l *eventLoop) adopt(nc net.Conn) {
	defer nc.Close()
	if answerBarely(nc) != nil || l.job.Handshake {
		return
	}
	sc, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return
	}
	rc.Control(func(fd uintptr) {
		own, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(own)}
		if unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, own, &event) != nil {
			unix.Close(own)
		}
	})
}

func (l *eventLoop) run() error {
	const forever = -1
	events := make([]unix.EpollEvent, 512)
	for {
		n, err := unix.EpollWait(l.epoll, events, forever)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			if !l.serve(int(event.Fd)) {
				unix.Close(int(event.Fd))
			}
		}
	}
}

// serve serves what has come for a connection. It says whether the connection goes on;
// what does not fit into its socket at once ends it, because the load leaves room.
func (l *eventLoop) serve(fd int) bool {
	n, err := unix.Read(fd, l.buffer)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return true
	}
	if err != nil || n == 0 {
		return false
	}
	l.job.Work()
	written, err := unix.Write(fd, l.buffer[:n])
	return err == nil && written == n
}
