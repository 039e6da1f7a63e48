package conn

import "syscall"

// Plan 9 has no numbers for these; its errors are texts.
const (
	errReset      = syscall.ErrorString("connection reset by peer")
	errBrokenPipe = syscall.ErrorString("broken pipe")
)
