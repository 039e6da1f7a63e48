// Package load is the other end of the connections that are measured: one thread, one
// epoll descriptor and frames made beforehand, the same for every server. It checks
// once, byte by byte, that a server answers with what it was sent; while it measures it
// reads no more than the frame headers.
package load
