//go:build unix && !linux

package conn

import "net"

// borrow does nothing: there is no poller of ours on this system.
func borrow(*net.TCPConn) wire { return nil }
