//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// handshakes opens connections for d, some at a time. The server closes each of them
// behind its response, and so does the load, with a reset that leaves nothing behind.
func (c *client) handshakes(addr string, parallel int, d time.Duration) error {
	req := request(addr, "")
	until := time.Now().Add(d)
	c.close()
	for i := range parallel {
		l := &link{}
		c.links = append(c.links, l)
		if err := c.knock(i, addr, req); err != nil {
			return err
		}
	}
	for busy := parallel; busy > 0; {
		n, err := c.wait()
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("epoll: %w", err)
		case n > 0:
			c.heard = time.Now()
		case time.Since(c.heard) > patience:
			return errors.New("the server does not answer handshakes")
		}
		for _, event := range c.events[:max(n, 0)] {
			i := int(event.Fd)
			now := time.Now()
			if err := c.answered(c.links[i], now); err != nil {
				return err
			}
			if now.After(until) {
				busy--
			} else if err := c.knock(i, addr, req); err != nil {
				return err
			}
		}
	}
	c.links = nil
	return nil
}

// knock opens the connection of slot i.
func (c *client) knock(i int, addr string, req []byte) error {
	l := c.links[i]
	l.sent = time.Now()
	fd, err := connect(addr)
	if err != nil {
		return err
	}
	l.fd = fd
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	if _, err := unix.Write(fd, req); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

// answered reads the response, which is one segment, and closes.
func (c *client) answered(l *link, now time.Time) error {
	n, err := unix.Read(l.fd, c.buffer)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if b := c.buffer[:n]; !bytes.HasPrefix(b, []byte("HTTP/1.1 101")) || !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
		return fmt.Errorf("the server answers %.40q", b)
	}
	c.messages++
	c.bytes += int64(n)
	c.times.add(now.Sub(l.sent))
	return unix.Close(l.fd)
}
