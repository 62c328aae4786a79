package rawsock

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// A bound socket's connection comes from the address that it was bound to.
func TestBind(t *testing.T) {
	for kind, from := range map[string]string{"tcp4": "127.0.0.77", "tcp6": "::1"} {
		t.Run(kind, func(t *testing.T) {
			ln, at := listen(t, kinds[kind])
			fd, errno := Socket(&at)
			if errno != 0 {
				t.Fatal(errno)
			}
			defer Close(fd)
			if errno := SetInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); errno != 0 {
				t.Fatal("put the port off:", errno)
			}
			ip := netip.MustParseAddr(from)
			local := TCPAddr(netip.AddrPortFrom(ip, 0), 0)
			if errno := Bind(fd, &local); errno != 0 {
				t.Fatal(errno)
			}
			if sa, err := unix.Getsockname(fd); err != nil || port(sa) != 0 {
				t.Errorf("bind took port %d already, %v", port(sa), err)
			}
			if errno := Connect(fd, &at); errno != 0 && errno != unix.EINPROGRESS {
				t.Fatal(errno)
			}
			wait(t, ln, unix.POLLIN)
			nfd, peer, errno := Accept(ln)
			if errno != 0 {
				t.Fatal(errno)
			}
			Close(nfd)
			if peer.Addr() != ip || peer.Port() == 0 {
				t.Errorf("the connection comes from %v, wanted %v", peer, ip)
			}
		})
	}
}

func TestBindToNoAddressOfThisMachine(t *testing.T) {
	to := TCPAddr(netip.MustParseAddrPort("192.0.2.1:0"), 0) // RFC 5737: nobody's
	fd, errno := Socket(&to)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer Close(fd)
	if errno := Bind(fd, &to); errno != unix.EADDRNOTAVAIL {
		t.Errorf("got %v, wanted EADDRNOTAVAIL", errno)
	}
}

func port(sa unix.Sockaddr) int {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port
	case *unix.SockaddrInet6:
		return sa.Port
	}
	return -1
}
