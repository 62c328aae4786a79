package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// sources are the local addresses that connections to the upstream come from. With
// none the kernel chooses the one that its routes name.
type sources struct {
	all  []source
	turn atomic.Uint32
}

type source struct {
	ip  netip.Addr // an IPv4 address is never a mapped one
	raw rawAddr
}

// way is how to get to one upstream address: from a source, or from where the kernel
// likes. Ports run out way by way: only two connections of the same way cannot
// have the same local port.
type way struct {
	from *source      // nil: the kernel chooses
	full atomic.Int64 // time since epoch until which no port is looked for; 0: has not run out
}

// parseSources reads IP addresses.
func parseSources(list []string) (*sources, error) {
	s := &sources{}
	for _, text := range list {
		ip, err := netip.ParseAddr(text)
		ip = ip.Unmap()
		switch {
		case err != nil:
			return nil, fmt.Errorf("source %q: write an IP address of this machine, without a port", text)
		case ip.IsUnspecified() || ip.IsMulticast():
			return nil, fmt.Errorf("source %q cannot be where a connection comes from: write one of this machine's own addresses", text)
		case s.has(ip):
			return nil, fmt.Errorf("source %v is there twice: it has its ports only once", ip)
		}
		a, err := makeAddress(netip.AddrPortFrom(ip, 0), "")
		if err != nil {
			return nil, fmt.Errorf("source %v: %w", ip, err)
		}
		s.all = append(s.all, source{ip, a.raw})
	}
	return s, nil
}

func (s *sources) has(ip netip.Addr) bool {
	for i := range s.all {
		if s.all[i].ip == ip {
			return true
		}
	}
	return false
}

// waysTo are the ways to an upstream address: those from the sources of its family.
// There is none if there are sources, but none of that family.
func (s *sources) waysTo(ip netip.Addr) []way {
	if len(s.all) == 0 {
		return make([]way, 1)
	}
	var of []*source
	for i := range s.all {
		if from := &s.all[i]; from.ip.Is4() == ip.Is4() {
			of = append(of, from)
		}
	}
	ways := make([]way, len(of))
	for i, from := range of {
		ways[i].from = from
	}
	return ways
}

// first is the way to begin with, of n. The sources take turns.
func (s *sources) first(n int) int {
	if n < 2 {
		return 0
	}
	return int(s.turn.Add(1) % uint32(n))
}

// barred says that ports ran out on w a moment ago.
func (w *way) barred(now time.Time) bool {
	until := w.full.Load()
	return until != 0 && now.Sub(epoch) < time.Duration(until)
}

// ranOut notes that a look for a free port, begun at the given time, found none. The
// kernel tries every port before it says so, with some milliseconds of a loop's time
// for the usual range, and each client in want of an upstream makes another try every
// few hundred. So the next look is put off for as long as keeps looking below a
// hundredth of the time; it is for the port of a tunnel that ends meanwhile, and a
// dial lasts longer than that.
func (w *way) ranOut(begun time.Time) {
	now := time.Now()
	w.full.Store(int64(now.Sub(epoch) + min(100*now.Sub(begun), time.Second)))
}

// notByWay says of the error of a connect that another way may fare better: no
// port is left on this one, or no route leads from its source to the upstream.
func notByWay(errno syscall.Errno) bool {
	switch errno {
	case syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.ENETUNREACH, syscall.EHOSTUNREACH:
		return true
	}
	return false
}

// CheckSources finds out whether every address of c.Source is one of this machine,
// by binding a socket to each. The error says which is not. New does this as well.
func (c Config) CheckSources() error {
	s, err := parseSources(c.Source)
	if err != nil {
		return err
	}
	for i := range s.all {
		ip := s.all[i].ip
		// UDP: a TCP socket would take a port from those that are to be saved.
		sock, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
		switch {
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return fmt.Errorf("source %v is no address of this machine; ip -brief address shows those: %w", ip, err)
		case err != nil:
			return fmt.Errorf("bind to source %v: %w", ip, err)
		}
		sock.Close()
	}
	return nil
}
