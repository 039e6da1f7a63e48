//go:build !unix

package conn

import "net"

// newWire returns the wire for nc.
func newWire(nc net.Conn) wire { return newAnyWire(nc) }
