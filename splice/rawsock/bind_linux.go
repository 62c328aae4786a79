package rawsock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bind gives fd the local address a. With port 0 the kernel takes a port at once,
// which is then taken towards every peer; after IP_BIND_ADDRESS_NO_PORT it waits for
// connect, which only needs one that is free towards that peer.
func Bind(fd int, a *Addr) (errno syscall.Errno) {
	_, _, e := syscall.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.size))
	return e
}
