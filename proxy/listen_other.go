//go:build !linux || portable

package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/wssplice/wssplice/splice"
)

// front is where connections come in. Without event loops it is listeners only:
// every connection has a goroutine, that of its exchange.
type front struct {
	addrs     []net.Addr
	listeners []net.Listener
	accepting sync.WaitGroup
	stopped   context.Context // done when everything has to end
	stop      context.CancelFunc
}

func (f *front) loopCount() int                  { return 0 }
func (f *front) loopStats(int) splice.Stats      { return splice.Stats{} }
func (f *front) pipeCounts() (inUse, idle int64) { return 0, 0 }

// place is where a connection came from; here there is nothing to say.
type place struct{}

func (p *Proxy) open() error {
	p.front.stopped, p.front.stop = context.WithCancel(context.Background())
	for _, addr := range p.set.Listen {
		network, address := "tcp", addr
		if path, ok := strings.CutPrefix(addr, "unix:"); ok {
			network, address = "unix", path
		}
		ln, err := net.Listen(network, address)
		if err != nil {
			p.closeListeners()
			return fmt.Errorf("listen on %s: %w", addr, err)
		}
		p.front.listeners = append(p.front.listeners, ln)
		p.front.addrs = append(p.front.addrs, ln.Addr())
	}
	return nil
}

func (p *Proxy) closeListeners() {
	for _, ln := range p.front.listeners {
		ln.Close()
	}
}

// Serve accepts until Drain or Close has ended every connection. It returns nil then.
func (p *Proxy) Serve() error {
	if !p.serving.CompareAndSwap(false, true) {
		return nil // closed before it began
	}
	for _, ln := range p.front.listeners {
		p.front.accepting.Go(func() { p.accept(ln) })
	}
	p.front.accepting.Wait()
	<-p.front.stopped.Done()
	p.running.Wait()
	return nil
}

func (p *Proxy) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			p.warner.warn("connections cannot be accepted: raise the descriptor limit or lower max-connections", slog.Any("err", err))
			time.Sleep(acceptPause)
		default:
			p.accepted(c)
		}
	}
}

// acceptPause keeps a listener that has no descriptors left from spinning.
const acceptPause = 200 * time.Millisecond

func (p *Proxy) accepted(c net.Conn) {
	var peer netip.AddrPort
	if t, ok := c.(*net.TCPConn); ok {
		peer = t.RemoteAddr().(*net.TCPAddr).AddrPort()
		p.setTCPOptions(t)
	}
	p.count.accepted.Add(1)
	p.count.now[StepHead].Add(1)
	why, ok := p.seats.enter(peer.Addr())
	x := &exchange{p: p, peer: peer, opened: time.Now(), client: netSock{c}, first: true}
	p.start(x, func() {
		if !ok {
			defer x.finish()
			x.refuse(why, "")
			x.end.seatless = true
			return
		}
		x.serve()
	})
}

func (p *Proxy) stopAccepting() {
	p.closeListeners()
	p.front.accepting.Wait()
}

func (p *Proxy) closeFront() {
	p.serving.Store(true)
	p.closeListeners()
	p.front.stop()
}

func (p *Proxy) setTCPOptions(c *net.TCPConn) {
	if p.set.KeepaliveIdle > 0 {
		c.SetKeepAliveConfig(net.KeepAliveConfig{
			Enable: true, Idle: p.set.KeepaliveIdle, Interval: p.set.KeepaliveInterval, Count: p.set.KeepaliveCount,
		})
	}
}

func (x *exchange) leave() {}

func descriptorLimit() int { return 0 }

type rawAddr struct{}

var zeroAddr netip.AddrPort

func makeAddress(ap netip.AddrPort, path string) (address, error) {
	if path == "" && !ap.IsValid() {
		return address{}, errors.New("the path of the unix socket is missing")
	}
	return address{ap: ap, path: path}, nil
}

// netSock is a sock over a connection of package net.
type netSock struct{ net.Conn }

func (s netSock) Fill(b *inbuf) (int, error) {
	n, err := s.Read(b.free())
	b.w += n
	return n, err
}

// WriteSome writes a small part: package net goes on until all of it is written.
func (s netSock) WriteSome(p []byte) (int, error) { return s.Write(p[:min(len(p), 4<<10)]) }

func (s netSock) CloseWrite() error {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (s netSock) Reset() {
	if c, ok := s.Conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	s.Close()
}

// carry is splice(2), which is Linux' own.
func (p *Proxy) carry(sock, sock, int64, func()) (n int64, slow bool, srcErr, dstErr error) {
	return 0, true, nil, nil
}
