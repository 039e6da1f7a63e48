//go:build unix

package server

import (
	"net"
	"syscall"
)

// A head is one segment, and so is the answer: mostly the one is there and the other fits, and no deadline is needed,
// which costs more than the call. What these two leave to do is for nc's own methods, and so are errors. They know
// exactly a TCP connection: a wrapper around one may count, limit or encrypt.

// readNow reads what has arrived; 0 if that is nothing, or nc cannot be tried.
func readNow(nc net.Conn, p []byte) (n int) {
	if nc, ok := nc.(*net.TCPConn); ok {
		if raw, err := nc.SyscallConn(); err == nil {
			raw.Read(func(fd uintptr) bool {
				n, _ = syscall.Read(int(fd), p)
				return true
			})
		}
	}
	return max(n, 0)
}

// writeNow writes what the socket takes; 0 if that is nothing, or nc cannot be tried.
func writeNow(nc net.Conn, p []byte) (n int) {
	if nc, ok := nc.(*net.TCPConn); ok {
		if raw, err := nc.SyscallConn(); err == nil {
			raw.Write(func(fd uintptr) bool {
				n, _ = syscall.Write(int(fd), p)
				return true
			})
		}
	}
	return max(n, 0)
}
