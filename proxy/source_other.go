//go:build !linux || portable

package proxy

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// dialUpstream connects to a, by the first of the ways there on which that can be done.
// That a redial of an address of this machine may meet with itself is known to package
// net.
func (x *exchange) dialUpstream(a *address, limit time.Duration, _ bool) error {
	p := x.p
	first := p.set.from.first(len(a.ways))
	end := time.Now().Add(min(limit, time.Hour))
	var worst error
	for i := range a.ways {
		s, err := p.dialBy(a, &a.ways[(first+i)%len(a.ways)], end)
		var errno syscall.Errno
		switch {
		case err == nil:
			x.setUpstream(s)
			return nil
		case !errors.As(err, &errno) || !notByWay(errno):
			return err
		case worst == nil || errno == syscall.EADDRNOTAVAIL:
			worst = err
		}
	}
	return worst
}

// dialBy is dialUpstream by one way.
func (p *Proxy) dialBy(a *address, w *way, end time.Time) (sock, error) {
	begun := time.Now()
	if w.barred(begun) {
		return nil, syscall.EADDRNOTAVAIL
	}
	network, addr := "tcp", a.ap.String()
	if a.path != "" {
		network, addr = "unix", a.path
	}
	d := net.Dialer{Deadline: end}
	if w.from != nil {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(w.from.ip, 0))
		d.Control = takeNoPort
	}
	c, err := d.DialContext(p.front.stopped, network, addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			w.ranOut(begun)
		}
		return nil, err
	}
	if t, ok := c.(*net.TCPConn); ok {
		p.setTCPOptions(t)
	}
	return netSock{c}, nil
}

// dialReason says what a failed connect means.
func dialReason(err error) reason {
	var ne net.Error
	switch {
	case errors.As(err, &ne) && ne.Timeout():
		return refusedDialSlow
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return refusedPorts
	}
	return refusedDial
}
