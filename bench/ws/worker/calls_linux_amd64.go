package worker

import "golang.org/x/sys/unix"

const epollWait = unix.SYS_EPOLL_WAIT
