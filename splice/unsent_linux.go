package splice

import (
	"net"
	"syscall"

	"github.com/wssplice/wssplice/splice/rawsock"
)

// unsent is how many written bytes c's peer has not acknowledged yet.
func unsent(c net.Conn) (n int) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	if raw, err := s.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { n = rawsock.Unsent(int(fd)) })
	}
	return n
}
