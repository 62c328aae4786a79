//go:build portable

package proxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// takeNoPort keeps bind from taking a port, which connect can choose better: it has
// to be free towards one peer only.
func takeNoPort(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
}
