//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A link is one connection of the load.
type link struct {
	fd      int
	index   int32  // among the links of its client
	out     []byte // not yet written of the current batch
	next    int    // the batch to send next
	awaited int    // messages that have been sent and not come back
	sent    time.Time
	scan    scanner
	armed   bool // epoll waits until the socket takes more
}

// patience is how long a server may be silent that owes an answer.
const patience = 10 * time.Second

// connect opens a TCP connection on this machine.
func connect(addr string) (fd int, err error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return 0, err
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, err
	}
	sa := &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	if err := again(func() error { return unix.Connect(fd, sa) }); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// again repeats a system call that a signal has interrupted.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// open opens links in groups, so that they wait for the server together, and gives the
// extensions that the last one has agreed on.
func open(addr string, offer string, n int) (links []*link, extensions string, err error) {
	const group = 256
	req := request(addr, offer)
	for len(links) < n {
		first := len(links)
		for range min(group, n-first) {
			fd, err := connect(addr)
			if err != nil {
				return links, "", fmt.Errorf("connection %d: %w", len(links)+1, err)
			}
			links = append(links, &link{fd: fd})
			if _, err := unix.Write(fd, req); err != nil {
				return links, "", err
			}
		}
		for _, l := range links[first:] {
			if extensions, err = l.opened(); err != nil {
				return links, "", fmt.Errorf("opening handshake: %w", err)
			}
		}
	}
	return links, extensions, nil
}

// opened waits for the response, and makes the socket non-blocking.
func (l *link) opened() (extensions string, err error) {
	wait := unix.NsecToTimeval(int64(patience))
	if err := unix.SetsockoptTimeval(l.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return "", err
	}
	var b [4096]byte
	for have := 0; ; {
		n, err := unix.Read(l.fd, b[have:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return "", err
		case n == 0:
			return "", errors.New("the server has closed the connection")
		}
		have += n
		extensions, end, err := checkResponse(b[:have])
		if errors.Is(err, errShort) && have < len(b) {
			continue
		}
		if err == nil && end < have {
			err = fmt.Errorf("%d bytes behind the response", have-end)
		}
		if err != nil {
			return "", err
		}
		return extensions, unix.SetNonblock(l.fd, true)
	}
}

// write writes what the socket takes.
func (l *link) write() error {
	for len(l.out) > 0 {
		n, err := unix.Write(l.fd, l.out)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return fmt.Errorf("write: %w", err)
		default:
			l.out = l.out[n:]
		}
	}
	return nil
}
