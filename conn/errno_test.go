//go:build !plan9

package conn

import "syscall"

// What the system says when a stream is broken.
const (
	errReset      = syscall.ECONNRESET
	errBrokenPipe = syscall.EPIPE
)
