package wiretest

import (
	"net"
	"os"
	"time"
)

// NoDeadlines returns nc as a foreign connection without deadlines: setting one fails with os.ErrNoDeadline.
func NoDeadlines(nc net.Conn) net.Conn { return noDeadlines{wrapper{nc}} }

type noDeadlines struct {
	wrapper
}

func (c noDeadlines) SetDeadline(time.Time) error      { return c.refuse() }
func (c noDeadlines) SetReadDeadline(time.Time) error  { return c.refuse() }
func (c noDeadlines) SetWriteDeadline(time.Time) error { return c.refuse() }

func (c noDeadlines) refuse() error {
	return &net.OpError{Op: "set", Net: "pipe", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.ErrNoDeadline}
}
