//go:build unix && !linux

package conn

import (
	"net"
	"syscall"
)

// takeOver does nothing: there is no poller of ours on this system.
func takeOver(*net.TCPConn, syscall.RawConn) wire { return nil }
