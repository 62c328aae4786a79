package rawsock

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestConnectRefused(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := TCPAddr(netip.MustParseAddrPort(ln.Addr().String()), 0)
	ln.Close()
	fd, errno := Socket(&at)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer Close(fd)
	if errno = Connect(fd, &at); errno == unix.EINPROGRESS {
		wait(t, fd, unix.POLLOUT)
		errno = ConnectError(fd)
	}
	if errno != unix.ECONNREFUSED {
		t.Errorf("connecting to nobody: %v", errno)
	}
}

func TestAcceptOfNothing(t *testing.T) {
	ln, _ := listen(t, kinds["tcp4"])
	if fd, peer, errno := Accept(ln); fd != -1 || peer.IsValid() || errno != unix.EAGAIN {
		t.Errorf("accepted %d, %v, %v", fd, peer, errno)
	}
}

// A v4 client of a dual-stack listener is said as v4.
func TestAcceptMappedAddress(t *testing.T) {
	ln, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", ln.Addr().(*net.TCPAddr).Port))
	if err != nil {
		t.Skip("the listener is not dual-stack:", err)
	}
	defer c.Close()
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		wait(t, int(fd), unix.POLLIN)
		nfd, peer, errno := Accept(int(fd))
		if want := netip.MustParseAddrPort(c.LocalAddr().String()); errno != 0 || peer != want {
			t.Errorf("accepted a connection from %v, %v, wanted %v", peer, errno, want)
		}
		Close(nfd)
	})
}

func TestUnixAddrs(t *testing.T) {
	for _, bad := range []string{"", "/" + strings.Repeat("x", 107), strings.Repeat("x", 1000)} {
		if _, ok := UnixAddr(bad); ok {
			t.Errorf("a path of %d bytes is taken for an address", len(bad))
		}
	}
	for _, path := range []string{t.TempDir() + "/s", "@rawsock-abstract"} {
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		at, ok := UnixAddr(path)
		if !ok || at.TCP() {
			t.Fatalf("%s is no address of a unix socket", path)
		}
		fd, errno := Socket(&at)
		if errno != 0 {
			t.Fatal(errno)
		}
		if errno := Connect(fd, &at); errno != 0 {
			t.Errorf("connect to %s: %v", path, errno)
		}
		Close(fd)
	}
}
