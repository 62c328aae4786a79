//go:build linux && !portable

package proxy

import (
	"net"
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// With many connections, ports of both parities are tried from the start: else the
// kernel goes through all the even ones before it looks at an odd one.
func TestManyConnectionsTakeAnyPort(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p, err := New(Config{Listen: []string{"127.0.0.1:0"}, Upstream: "http://" + ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	to := &p.set.up.addresses(time.Now())[0]

	// parities counts the even and the odd ports of some connections.
	parities := func(connect func() int) (n [2]int) {
		for range 32 { // by chance, all even once in 4,000,000,000 times
			fd := connect()
			sa, err := unix.Getsockname(fd)
			if err != nil {
				t.Fatal(err)
			}
			n[sa.(*unix.SockaddrInet4).Port%2]++
			rawsock.Reset(fd)
		}
		return n
	}
	able := parities(func() int {
		fd, _ := rawsock.Socket(&to.raw)
		rawsock.SetInt(fd, unix.SOL_IP, unix.IP_LOCAL_PORT_RANGE, everyPort)
		rawsock.Connect(fd, &to.raw)
		return fd
	})
	if able[0] == 0 || able[1] == 0 {
		t.Skip("this kernel prefers one parity whatever range it is given")
	}
	reach := func() int {
		fd, _, err := p.reach(to, time.Now(), false)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	p.seats.taken.Store(manyPorts - 1)
	if few := parities(reach); few[0] > 0 && few[1] > 0 {
		t.Errorf("with few connections the ports are %d even and %d odd: a call more than is needed", few[0], few[1])
	}
	p.seats.taken.Store(manyPorts)
	if many := parities(reach); many[0] == 0 || many[1] == 0 {
		t.Errorf("with many connections the ports are %d even and %d odd", many[0], many[1])
	}
	p.seats.taken.Store(0)
}
