//go:build linux && !portable

package proxy

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func congestionOf(t *testing.T, fd int) string {
	t.Helper()
	name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// A socket within this machine, and no other, gets the congestion control meant for
// those: one listening on loopback, whose connections inherit it, and one that
// connects to loopback.
func TestCongestionWithinThisMachine(t *testing.T) {
	system, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		t.Fatal(err)
	}
	own := strings.TrimSpace(string(system))
	other := "reno" // every kernel has it and lets everybody use it
	if own == other {
		t.Skip("the system uses reno: nothing would tell the sockets apart")
	}
	p, err := New(Config{Listen: []string{"127.0.0.1:0"}, Upstream: "http://127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.front.congestion = other
	if err := p.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := p.listen(":0"); err != nil {
		t.Fatal(err)
	}
	lns := p.front.workers[0].listeners
	if near, wide := congestionOf(t, lns[1].fd), congestionOf(t, lns[2].fd); near != other || wide != own {
		t.Errorf("listeners use %s on loopback and %s elsewhere, want %s and %s", near, wide, other, own)
	}
	for _, c := range []struct{ addr, want string }{
		{"127.0.0.1:9", other}, {"[::1]:9", other}, {"192.0.2.1:9", own}, {"[2001:db8::1]:9", own},
	} {
		a, err := makeAddress(netip.MustParseAddrPort(c.addr), "")
		if err != nil {
			t.Fatal(err)
		}
		family := unix.AF_INET
		if a.ap.Addr().Is6() {
			family = unix.AF_INET6
		}
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.prepare(fd, &a)
		if got := congestionOf(t, fd); got != c.want {
			t.Errorf("towards %s: %s, want %s", c.addr, got, c.want)
		}
		unix.Close(fd)
	}
}

// Only BBR is replaced: whatever else the system uses is its owner's choice.
func TestCongestionNear(t *testing.T) {
	system, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		t.Fatal(err)
	}
	name := congestionNear()
	if paced := strings.HasPrefix(string(system), "bbr"); paced != (name == "cubic" || name == "reno") || !paced && name != "" {
		t.Errorf("the system uses %q, connections within it %q", strings.TrimSpace(string(system)), name)
	}
}
