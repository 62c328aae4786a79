// Package rawsock holds the few socket calls of the hot path, made raw: without
// telling Go's scheduler, since a call that cannot block need not give up its
// processor. That saves a fifth of the cost of a message. Every descriptor that
// comes in here must be non-blocking; a call that blocked would stop a whole
// processor of the program.
//
// A result is (value, errno) with errno 0 for success; EINTR is retried here.
package rawsock

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads from a socket. n is 0 with errno 0 at the end of the stream. It is recv(2),
// which costs a third less than read(2): it does not go through the file layer.
func Read(fd int, p []byte) (n int, errno syscall.Errno) {
	for {
		r, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		if e == 0 {
			return int(r), 0
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

// Write writes to a socket. MSG_NOSIGNAL: a peer that has gone is an EPIPE here,
// not a SIGPIPE for the runtime to catch.
func Write(fd int, p []byte) (n int, errno syscall.Errno) {
	return send(fd, p, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

// WriteMore is Write for bytes that another write, a shutdown or a close follows at
// once: they may travel with it. Without one they are kept back for 200 ms.
func WriteMore(fd int, p []byte) (n int, errno syscall.Errno) {
	return send(fd, p, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT|unix.MSG_MORE)
}

func send(fd int, p []byte, flags uintptr) (n int, errno syscall.Errno) {
	for {
		r, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		if e == 0 {
			return int(r), 0
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

// Splice moves at most max bytes between a socket and a pipe, in the kernel.
// No SPLICE_F_MORE: it corks, and a lone message would wait 200 ms for company.
func Splice(from, to, max int) (n int, errno syscall.Errno) {
	for {
		r, _, e := syscall.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(max),
			unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if e == 0 {
			return int(r), 0
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

// EpollWait returns the events that are there now; it never waits.
// It is epoll_pwait without a mask, since newer architectures lack epoll_wait.
func EpollWait(ep int, events []unix.EpollEvent) (n int, errno syscall.Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	return int(r), e
}

// EpollCtl adds, modifies or deletes a registration.
func EpollCtl(ep, op, fd int, ev *unix.EpollEvent) (errno syscall.Errno) {
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(ev)), 0, 0)
	return e
}

// Accept takes a connection from a listener: non-blocking, close-on-exec. peer is
// the zero AddrPort for a unix socket. It does not allocate.
func Accept(fd int) (nfd int, peer netip.AddrPort, errno syscall.Errno) {
	var rsa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	for {
		r, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&rsa)), uintptr(unsafe.Pointer(&size)),
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if e == 0 {
			return int(r), addrPort(&rsa), 0
		}
		if e != unix.EINTR {
			return -1, netip.AddrPort{}, e
		}
	}
}

func addrPort(rsa *unix.RawSockaddrAny) netip.AddrPort {
	switch rsa.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(rsa))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), ntohs(sa.Port))
	case unix.AF_INET6:
		// A v4 client of a dual-stack listener is said as v4. The zone is dropped:
		// naming it would allocate.
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(rsa))
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), ntohs(sa.Port))
	}
	return netip.AddrPort{}
}

// ntohs turns a port as the kernel wrote it, big-endian in memory, into a number.
func ntohs(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}

// Addr is an address in the kernel's own form, made once and connected to often.
type Addr struct {
	raw    unix.RawSockaddrAny
	size   uint32
	family int
}

// TCPAddr is the Addr of a TCP address. A zone must be numeric or absent.
func TCPAddr(ap netip.AddrPort, zone uint32) Addr {
	var a Addr
	port := [2]byte{byte(ap.Port() >> 8), byte(ap.Port())}
	if ip := ap.Addr().Unmap(); ip.Is4() {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.raw))
		sa.Family, sa.Addr, a.size, a.family = unix.AF_INET, ip.As4(), unix.SizeofSockaddrInet4, unix.AF_INET
		sa.Port = *(*uint16)(unsafe.Pointer(&port))
	} else {
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&a.raw))
		sa.Family, sa.Addr, a.size, a.family = unix.AF_INET6, ip.As16(), unix.SizeofSockaddrInet6, unix.AF_INET6
		sa.Port, sa.Scope_id = *(*uint16)(unsafe.Pointer(&port)), zone
	}
	return a
}

// UnixAddr is the Addr of a unix socket. ok is false if path is too long for one.
func UnixAddr(path string) (a Addr, ok bool) {
	sa := (*unix.RawSockaddrUnix)(unsafe.Pointer(&a.raw))
	if len(path) == 0 || len(path) >= len(sa.Path) {
		return a, false
	}
	sa.Family, a.family = unix.AF_UNIX, unix.AF_UNIX
	for i := range len(path) {
		sa.Path[i] = int8(path[i])
	}
	a.size = uint32(2 + len(path) + 1)
	if path[0] == '@' { // abstract, unix(7): a NUL first, and no NUL at the end
		sa.Path[0] = 0
		a.size--
	}
	return a, true
}

// TCP says whether a is a TCP address, not a unix socket's.
func (a *Addr) TCP() bool { return a.family != unix.AF_UNIX }

// Socket makes a stream socket fit for a: non-blocking, close-on-exec.
func Socket(a *Addr) (fd int, errno syscall.Errno) {
	r, _, e := syscall.RawSyscall(unix.SYS_SOCKET, uintptr(a.family), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}

// Connect begins to connect fd. EINPROGRESS is no failure: EPOLLOUT tells when it is done.
func Connect(fd int, a *Addr) (errno syscall.Errno) {
	for {
		_, _, e := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.size))
		if e != unix.EINTR {
			return e
		}
	}
}

// ConnectError is how a connect that was in progress came out: 0 if it is connected.
func ConnectError(fd int) (errno syscall.Errno) {
	var v int32
	size := uint32(4)
	_, _, e := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return e
	}
	return syscall.Errno(v)
}

// SetInt sets an integer socket option.
func SetInt(fd, level, opt, value int) (errno syscall.Errno) {
	v := int32(value)
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt), uintptr(unsafe.Pointer(&v)), 4, 0)
	return e
}

// SetString sets a socket option that is a name; s must not be empty.
func SetString(fd, level, opt int, s string) (errno syscall.Errno) {
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt), uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(len(s)), 0)
	return e
}

// ShutdownWrite sends a FIN behind what was written; reading goes on.
func ShutdownWrite(fd int) (errno syscall.Errno) {
	_, _, e := syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return e
}

// Unsent is how many written bytes the peer has not acknowledged yet.
func Unsent(fd int) int {
	var v int32
	if _, _, e := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCOUTQ, uintptr(unsafe.Pointer(&v))); e != 0 {
		return 0
	}
	return int(v)
}

// Close closes fd. An error is of no use: the descriptor is gone in any case (close(2)).
func Close(fd int) { syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// Reset closes fd so that the peer sees a reset, not an orderly end; written bytes
// that the peer has not taken yet are thrown away.
func Reset(fd int) {
	l := unix.Linger{Onoff: 1, Linger: 0}
	syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER, uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0)
	Close(fd)
}

// Peek asks what a read would say, and reads nothing: EAGAIN if the peer has neither
// sent anything nor closed; n 1 if there is a byte, 0 at the end of the stream. An
// error of the socket is told once, here as by read: whoever peeks has to act on it.
func Peek(fd int) (n int, errno syscall.Errno) {
	var b [1]byte
	r, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// Quiet says whether the peer of fd has neither sent anything nor closed. See Peek
// for what becomes of an error.
func Quiet(fd int) bool {
	_, errno := Peek(fd)
	return errno == unix.EAGAIN
}
