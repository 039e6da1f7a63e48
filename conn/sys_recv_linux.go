//go:build linux && !386 && !s390x

package conn

import "syscall"

const (
	sysRecvfrom = syscall.SYS_RECVFROM
	sysSendto   = syscall.SYS_SENDTO
)
