//go:build linux && !portable

package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A source that stops being an address of this machine is passed over, and logged.
func TestLostSource(t *testing.T) {
	if !alone(t, "40000 40003") {
		return
	}
	alias := [4]byte{192, 0, 2, 7} // RFC 5737
	if err := addAlias(alias); err != nil {
		t.Fatal("give loopback another address:", err)
	}
	c := gather(t, "http://127.0.0.1:900", []string{"192.0.2.7", "127.0.0.7"}, []string{"127.0.0.1"})
	defer func() {
		for c.endOne() { // what comes from the lost address cannot be told: Close ends it
		}
	}()
	c.add(0)
	c.add(1)
	if got := c.ends()["192.0.2.7 127.0.0.1"]; got != 1 {
		t.Fatalf("%d of two tunnels come from each of two sources", got)
	}
	if err := dropAlias(); err != nil {
		t.Fatal("take it away again:", err)
	}
	for i := range 3 {
		c.add(2 + i)
	}
	if got, want := fmt.Sprint(c.ends()), "map[127.0.0.7 127.0.0.1:4 192.0.2.7 127.0.0.1:1]"; got != want {
		t.Errorf("the tunnels are %s, wanted %s", got, want)
	}
	const phrase = `"msg":"source cannot be bound to: is it still an address of this machine?","source":"192.0.2.7"`
	if text := c.log.String(); strings.Count(text, phrase) != 1 {
		t.Errorf("want one line with %s, got %s", phrase, text)
	}
	c.wantRefused(2, 1)
}

// addAlias gives loopback a second IPv4 address, dropAlias takes it away.
func addAlias(ip [4]byte) error {
	return alias(func(fd int, r *unix.Ifreq) error {
		if err := r.SetInet4Addr(ip[:]); err != nil {
			return err
		}
		return unix.IoctlIfreq(fd, unix.SIOCSIFADDR, r)
	})
}

func dropAlias() error {
	return alias(func(fd int, r *unix.Ifreq) error {
		r.SetUint16(0) // not IFF_UP: an alias goes by that
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
	})
}

func alias(do func(fd int, r *unix.Ifreq) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq("lo:1")
	if err != nil {
		return err
	}
	return do(fd, r)
}
