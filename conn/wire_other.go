//go:build !unix

package conn

import "net"

// newWire returns the wire for nc.
func newWire(nc net.Conn, keep bool) wire { return newAnyWire(nc) }
