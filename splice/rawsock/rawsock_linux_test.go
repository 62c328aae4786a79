package rawsock

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const limit = 20 * time.Second

// wait polls fd for events.
func wait(t *testing.T, fd int, events int16) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for end := time.Now().Add(limit); ; {
		n, err := unix.Poll(p, 1000)
		if n == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nothing happens on the descriptor: %v", err)
		}
	}
}

// listen makes a non-blocking listener and tells where it is.
func listen(t *testing.T, a Addr) (fd int, at Addr) {
	t.Helper()
	fd, errno := Socket(&a)
	if errno != 0 {
		t.Skip("no socket of this kind here:", errno)
	}
	t.Cleanup(func() { Close(fd) })
	var sa unix.Sockaddr
	switch a.family {
	case unix.AF_INET:
		sa = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	case unix.AF_INET6:
		sa = &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()}
	default:
		sa = &unix.SockaddrUnix{Name: fmt.Sprintf("@rawsock-%d-%d", os.Getpid(), fd)}
	}
	if err := unix.Bind(fd, sa); err != nil {
		t.Skip("no such address here:", err)
	}
	if err := unix.Listen(fd, 10); err != nil {
		t.Fatal(err)
	}
	got, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch got := got.(type) {
	case *unix.SockaddrInet4:
		at = TCPAddr(netip.AddrPortFrom(netip.AddrFrom4(got.Addr), uint16(got.Port)), 0)
	case *unix.SockaddrInet6:
		at = TCPAddr(netip.AddrPortFrom(netip.AddrFrom16(got.Addr), uint16(got.Port)), 0)
	case *unix.SockaddrUnix:
		var ok bool
		if at, ok = UnixAddr(got.Name); !ok {
			t.Fatal("the listener's own name is no address")
		}
	}
	return fd, at
}

var kinds = map[string]Addr{
	"tcp4": TCPAddr(netip.MustParseAddrPort("127.0.0.1:0"), 0),
	"tcp6": TCPAddr(netip.MustParseAddrPort("[::1]:0"), 0),
	"unix": func() Addr { a, _ := UnixAddr("@x"); return a }(),
}

// pair connects two sockets of a kind.
func pair(t *testing.T, kind string) (a, b int) {
	t.Helper()
	ln, at := listen(t, kinds[kind])
	a, errno := Socket(&at)
	if errno != 0 {
		t.Fatal(errno)
	}
	if errno := Connect(a, &at); errno != 0 && errno != unix.EINPROGRESS {
		t.Fatal(errno)
	}
	wait(t, ln, unix.POLLIN)
	b, peer, errno := Accept(ln)
	if errno != 0 {
		t.Fatal(errno)
	}
	wait(t, a, unix.POLLOUT)
	if errno := ConnectError(a); errno != 0 {
		t.Fatal(errno)
	}
	local, err := unix.Getsockname(a)
	if err != nil {
		t.Fatal(err)
	}
	want := netip.AddrPort{}
	switch local := local.(type) {
	case *unix.SockaddrInet4:
		want = netip.AddrPortFrom(netip.AddrFrom4(local.Addr), uint16(local.Port))
	case *unix.SockaddrInet6:
		want = netip.AddrPortFrom(netip.AddrFrom16(local.Addr), uint16(local.Port))
	}
	if peer != want {
		t.Errorf("accepted a connection from %v, wanted %v", peer, want)
	}
	return a, b
}

func TestConnectionOfEachKind(t *testing.T) {
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			a, b := pair(t, kind)
			defer Close(b)
			buf := make([]byte, 100)
			if n, errno := Read(b, buf); n != 0 || errno != unix.EAGAIN {
				t.Fatalf("read %d bytes and %v of nothing", n, errno)
			}
			if !Quiet(b) {
				t.Error("a peer that did nothing is not quiet")
			}
			if n, errno := Write(a, []byte("hello")); n != 5 || errno != 0 {
				t.Fatalf("wrote %d bytes and %v", n, errno)
			}
			wait(t, b, unix.POLLIN)
			if Quiet(b) {
				t.Error("a peer that has sent something is quiet")
			}
			if n, errno := Read(b, buf); errno != 0 || string(buf[:n]) != "hello" {
				t.Fatalf("read %q and %v", buf[:n], errno)
			}
			if errno := ShutdownWrite(a); errno != 0 {
				t.Fatal(errno)
			}
			wait(t, b, unix.POLLRDHUP)
			if Quiet(b) {
				t.Error("a peer that has sent a FIN is quiet")
			}
			if n, errno := Read(b, buf); n != 0 || errno != 0 {
				t.Fatalf("read %d bytes and %v, wanted the end", n, errno)
			}
			if n, errno := Write(b, []byte("back")); n != 4 || errno != 0 {
				t.Fatalf("wrote %d bytes and %v after the other side's FIN", n, errno)
			}
			wait(t, a, unix.POLLIN)
			if n, errno := Read(a, buf); errno != 0 || string(buf[:n]) != "back" {
				t.Fatalf("read %q and %v", buf[:n], errno)
			}
			Close(a)
		})
	}
}

// Descriptors must be non-blocking from birth and must not leak into children.
func TestDescriptorFlags(t *testing.T) {
	a, b := pair(t, "tcp4")
	for _, fd := range []int{a, b} {
		fl, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		fdfl, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if fl&unix.O_NONBLOCK == 0 || fdfl&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor with flags %#x and %#x", fl, fdfl)
		}
		Close(fd)
	}
}

func TestResetIsNoOrderlyEnd(t *testing.T) {
	a, b := pair(t, "tcp4")
	defer Close(b)
	Reset(a)
	wait(t, b, unix.POLLERR)
	if n, errno := Read(b, make([]byte, 1)); n != 0 || errno != unix.ECONNRESET {
		t.Errorf("read %d bytes and %v, wanted ECONNRESET", n, errno)
	}
	// The error is told once; writing is told EPIPE, without a signal.
	if n, errno := Write(b, []byte("x")); n != 0 || errno != unix.EPIPE {
		t.Errorf("wrote %d bytes and %v, wanted EPIPE", n, errno)
	}
}

func TestSpliceThroughAPipe(t *testing.T) {
	a, b := pair(t, "tcp4")
	c, d := pair(t, "tcp4")
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, fd := range []int{a, b, c, d, pipe[0], pipe[1]} {
			Close(fd)
		}
	}()
	if n, errno := Splice(b, pipe[1], 100); n != 0 || errno != unix.EAGAIN {
		t.Errorf("spliced %d bytes and %v of nothing", n, errno)
	}
	want := bytes.Repeat([]byte("splice"), 1000)
	Write(a, want)
	wait(t, b, unix.POLLIN)
	var got []byte
	buf := make([]byte, 10_000)
	for len(got) < len(want) {
		n, errno := Splice(b, pipe[1], 1<<20)
		if errno == unix.EAGAIN {
			wait(t, b, unix.POLLIN)
			continue
		}
		if m, errno2 := Splice(pipe[0], c, n); m != n || errno != 0 || errno2 != 0 {
			t.Fatalf("spliced %d bytes in and %d out: %v, %v", n, m, errno, errno2)
		}
		for rest := n; rest > 0; {
			wait(t, d, unix.POLLIN)
			k, _ := Read(d, buf)
			got, rest = append(got, buf[:k]...), rest-k
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("other bytes came out than went in")
	}
	ShutdownWrite(a)
	wait(t, b, unix.POLLRDHUP)
	if n, errno := Splice(b, pipe[1], 100); n != 0 || errno != 0 {
		t.Errorf("spliced %d bytes and %v at the end", n, errno)
	}
}

func TestUnsent(t *testing.T) {
	a, b := pair(t, "tcp4")
	defer Close(a)
	defer Close(b)
	SetInt(b, unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
	if v, err := unix.GetsockoptInt(b, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || v > 10_000 {
		t.Fatalf("the receive buffer is %d, %v", v, err)
	}
	if n := Unsent(a); n != 0 {
		t.Errorf("%d bytes unsent before the first", n)
	}
	total := 0
	for {
		n, errno := Write(a, make([]byte, 64<<10))
		total += n
		if errno == unix.EAGAIN {
			break
		}
	}
	if n := Unsent(a); n == 0 || n > total {
		t.Errorf("%d of %d bytes unsent to a reader that does not read", n, total)
	}
}

func TestEpoll(t *testing.T) {
	a, b := pair(t, "unix")
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { Close(a); Close(b); Close(ep) }()
	events := make([]unix.EpollEvent, 4)
	if n, errno := EpollWait(ep, events); n != 0 || errno != 0 {
		t.Errorf("%d events and %v of nothing", n, errno)
	}
	want := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: 7, Pad: -8}
	if errno := EpollCtl(ep, unix.EPOLL_CTL_ADD, b, &want); errno != 0 {
		t.Fatal(errno)
	}
	if errno := EpollCtl(ep, unix.EPOLL_CTL_ADD, b, &want); errno != unix.EEXIST {
		t.Errorf("adding twice: %v", errno)
	}
	Write(a, []byte("x"))
	wait(t, ep, unix.POLLIN)
	if n, errno := EpollWait(ep, events); n != 1 || errno != 0 || events[0].Fd != 7 || events[0].Pad != -8 || events[0].Events != unix.EPOLLIN {
		t.Errorf("%d events, %v: %+v", n, errno, events[0])
	}
	if errno := EpollCtl(ep, unix.EPOLL_CTL_DEL, b, nil); errno != 0 {
		t.Error(errno)
	}
	Write(a, []byte("y"))
	if n, _ := EpollWait(ep, events); n != 0 {
		t.Errorf("%d events of a descriptor that was taken out", n)
	}
}

// The calls of a message's way, and of a handshake's, allocate nothing.
func TestCallsAllocateNothing(t *testing.T) {
	a, b := pair(t, "tcp4")
	defer Close(a)
	defer Close(b)
	ln, at := listen(t, kinds["tcp4"])
	buf := make([]byte, 200)
	if n := testing.AllocsPerRun(100, func() {
		Write(a, buf)
		Read(b, buf)
		Quiet(b)
		Unsent(a)
		fd, _ := Socket(&at)
		Connect(fd, &at)
		nfd, _, _ := Accept(ln)
		ConnectError(fd)
		Close(fd)
		Close(nfd)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
