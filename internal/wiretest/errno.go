//go:build !plan9

package wiretest

import "syscall"

// What the system says when a stream is broken.
const (
	errReset        = syscall.ECONNRESET
	errBrokenPipe   = syscall.EPIPE
	errNotConnected = syscall.ENOTCONN
	errRefused      = syscall.ECONNREFUSED
)
