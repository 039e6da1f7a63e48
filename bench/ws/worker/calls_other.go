//go:build linux && !amd64

package worker

const epollWait = 1<<63 - 1 // there is no such call
