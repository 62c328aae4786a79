//go:build linux && !portable

package proxy

import (
	"log/slog"
	"net/netip"
	"syscall"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// reach makes a socket and begins to connect it to a, by the first of the ways there
// on which that can be done. up: it is connected already. again says that an attempt
// has failed before.
func (p *Proxy) reach(a *address, now time.Time, again bool) (fd int, up bool, err error) {
	first := p.set.from.first(len(a.ways))
	var worst syscall.Errno
	for i := range a.ways {
		if i > 0 {
			now = time.Now()
		}
		fd, errno := p.reachBy(a, &a.ways[(first+i)%len(a.ways)], now)
		switch {
		case (errno == 0 || errno == unix.EINPROGRESS) && again && metItself(fd, a):
			rawsock.Reset(fd)
			return -1, false, unix.ECONNREFUSED
		case errno == 0 || errno == unix.EINPROGRESS:
			return fd, errno == 0, nil
		case !notByWay(errno):
			return -1, false, errno
		case worst == 0 || errno == unix.EADDRNOTAVAIL:
			worst = errno
		}
	}
	return -1, false, worst
}

// reachBy is reach by one way. There is a descriptor with errno 0 and EINPROGRESS only.
func (p *Proxy) reachBy(a *address, w *way, now time.Time) (fd int, errno syscall.Errno) {
	if w.barred(now) {
		return -1, unix.EADDRNOTAVAIL
	}
	if fd, errno = rawsock.Socket(&a.raw); errno != 0 {
		return -1, errno
	}
	p.prepare(fd, a)
	if a.raw.TCP() && p.seats.taken.Load() >= manyPorts {
		rawsock.SetInt(fd, unix.SOL_IP, unix.IP_LOCAL_PORT_RANGE, everyPort)
	}
	if w.from != nil {
		// Without it bind would take a port right away, and one that is free towards
		// every peer: there are no more of those than the range has ports.
		rawsock.SetInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if errno = rawsock.Bind(fd, &w.from.raw); errno != 0 {
			rawsock.Close(fd)
			p.warnSource(w.from, errno)
			return -1, unix.EADDRNOTAVAIL
		}
	}
	errno = rawsock.Connect(fd, &a.raw)
	if errno == 0 || errno == unix.EINPROGRESS {
		return fd, errno
	}
	rawsock.Close(fd)
	if errno == unix.EADDRNOTAVAIL {
		w.ranOut(now)
	}
	return -1, errno
}

// metItself says whether fd is connected to itself. That happens when nobody listens on
// an address of this machine and the kernel happens to choose its port as the local one:
// TCP lets two ends connect to each other at once (RFC 9293 section 3.5), also if they are
// the same. Such a socket would keep the port from the server that is to come. It takes
// some ten thousand connects to a server that is down, so only redials look.
func metItself(fd int, a *address) bool {
	switch sa, _ := unix.Getsockname(fd); sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)) == a.ap
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)) == netip.AddrPortFrom(a.ap.Addr().WithZone(""), a.ap.Port())
	}
	return false
}

// warnSource tells the operator that a source has been lost since the start; the
// others go on.
func (p *Proxy) warnSource(from *source, err error) {
	p.warner.warn("source cannot be bound to: is it still an address of this machine?", slog.String("source", from.ip.String()), slog.Any("err", err))
}

// Connect looks for a free port among the even ones first, all of them, and only
// then among the odd ones. So once half the range is in use towards an address every
// connect fails at fourteen thousand ports before it finds one, which takes about a
// millisecond. A socket with a range of its own is spared that: the kernel
// cuts this one, which is all ports, to the system's, and begins anywhere (seen with
// Linux 6.18; the option is there since 6.3). It is a call, so it waits until there
// are connections enough for it to matter.
const (
	everyPort = 1 - 1<<16 // the highest port, 65535, in the upper half, 1 in the lower
	manyPorts = 1024
)
