//go:build linux && !portable

package proxy

import (
	"net/netip"
	"strings"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// congestionNear is the congestion control for connections within this machine; empty
// where the system's will do.
//
// BBR sends each 64 KiB by a timer, at the rate of the bottleneck that it has found.
// On loopback there is none: with the timers bulk is half as fast and costs twice as
// much (docs/operations.md, Congestion control).
func congestionNear() string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	if system, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); err != nil || !strings.HasPrefix(system, "bbr") {
		return ""
	}
	for _, name := range []string{"cubic", "reno"} { // reno is in every kernel
		if rawsock.SetString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name) == 0 {
			return name
		}
	}
	return ""
}

// setCongestion is for a socket that is not connected yet: pacing, once begun, stays.
func (p *Proxy) setCongestion(fd int, ip netip.Addr) {
	if name := p.front.congestion; name != "" && ip.IsLoopback() {
		rawsock.SetString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	}
}
