//go:build linux && (386 || s390x)

package conn

// Here one call stands for all of a socket, and package syscall makes it.
const (
	sysRecvfrom = 0
	sysSendto   = 0
)
