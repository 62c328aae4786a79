//go:build linux && !portable

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wssplice/wssplice/httphead"
	"github.com/wssplice/wssplice/splice"
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// front is where connections come in: listeners and loops.
type front struct {
	addrs   []net.Addr
	workers []*worker
	pipes   *splice.Pipes
	// congestion is for sockets within this machine: see congestionNear.
	congestion string
	unlink     []string // unix sockets to remove when accepting ends
	once       sync.Once
}

func (f *front) loopCount() int                  { return len(f.workers) }
func (f *front) loopStats(i int) splice.Stats    { return f.workers[i].loop.Stats() }
func (f *front) pipeCounts() (inUse, idle int64) { return f.pipes.Counts() }

// worker is what belongs to one loop. All of it is used on the loop's goroutine only.
type worker struct {
	p         *Proxy
	loop      *splice.Loop
	listeners []*listener
	req       httphead.Request
	res       httphead.Response
	out       []byte       // a head being rewritten
	spare     []*handshake // for the next ones
	refusing  int          // connections over the limit that are being told so
	streams   streams      // event streams
}

// open makes the loops and their listeners.
func (p *Proxy) open() (err error) {
	f := &p.front
	f.pipes = splice.NewPipes()
	f.congestion = congestionNear()
	for range p.set.Loops {
		l, err := splice.NewLoop(splice.Options{
			IdleTimeout: timeLimit(p.set.TunnelIdleTimeout), HalfCloseTimeout: p.set.HalfCloseTimeout,
			Lifetime: timeLimit(p.set.TunnelLifetime), Pipes: f.pipes, Ended: p.tunnelEnded,
		})
		if err != nil {
			p.abandon()
			return err
		}
		w := &worker{p: p, loop: l}
		w.streams.w = w
		l.SetKeeper(&w.streams)
		f.workers = append(f.workers, w)
	}
	loops := make([]*splice.Loop, len(f.workers))
	for i, w := range f.workers {
		loops[i] = w.loop
	}
	splice.Balance(loops...)
	for _, addr := range p.set.Listen {
		if err := p.listen(addr); err != nil {
			p.abandon()
			return fmt.Errorf("listen on %s: %w", addr, err)
		}
	}
	return nil
}

// abandon closes what open made before it failed: the loops run once, to end at once.
func (p *Proxy) abandon() {
	for _, w := range p.front.workers {
		for _, ln := range w.listeners {
			rawsock.Close(ln.fd)
		}
		w.loop.Close()
		w.loop.Run()
	}
	p.removeSockets()
}

func (p *Proxy) removeSockets() {
	p.front.once.Do(func() {
		for _, path := range p.front.unlink {
			os.Remove(path)
		}
	})
}

// listen binds addr. The first loop accepts for all: it keeps what it can serve, and
// the others get what it cannot (see splice.Balance).
func (p *Proxy) listen(addr string) error {
	network, address := "tcp", addr
	path, isUnix := strings.CutPrefix(addr, "unix:")
	if isUnix {
		network, address = "unix", path
		if err := removeStale(path); err != nil {
			return err
		}
	}
	lc := net.ListenConfig{Control: func(_, at string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { p.setListenerOptions(int(fd), at, isUnix) })
	}}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), network, address)
	if err != nil {
		return err
	}
	p.front.addrs = append(p.front.addrs, ln.Addr())
	fd, err := takeListener(ln)
	if err != nil {
		return err
	}
	// Again, for the backlog: package net asks for the system's most.
	if err := unix.Listen(fd, max(p.set.Backlog, 1)); err != nil {
		rawsock.Close(fd)
		return err
	}
	w := p.front.workers[0]
	w.listeners = append(w.listeners, &listener{w: w, fd: fd})
	if isUnix && !strings.HasPrefix(path, "@") {
		p.front.unlink = append(p.front.unlink, path)
	}
	return nil
}

// setListenerOptions sets what every accepted socket inherits, so that nothing has
// to be set on it. SO_OOBINLINE: an urgent byte stays in its place in the stream.
func (p *Proxy) setListenerOptions(fd int, at string, isUnix bool) {
	if isUnix {
		return
	}
	rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	p.setTCPOptions(fd, true)
	if at, err := netip.ParseAddrPort(at); err == nil {
		p.setCongestion(fd, at.Addr())
	}
}

// takeListener takes the descriptor out of package net, which would wait for it in
// a goroutine.
func takeListener(ln net.Listener) (fd int, err error) {
	defer ln.Close()
	var c syscall.RawConn
	switch ln := ln.(type) {
	case *net.TCPListener:
		c, err = ln.SyscallConn()
	case *net.UnixListener:
		ln.SetUnlinkOnClose(false)
		c, err = ln.SyscallConn()
	}
	if err != nil {
		return -1, err
	}
	cerr := c.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(cerr, err)
}

// removeStale removes a unix socket that nobody listens on any more.
func removeStale(path string) error {
	if strings.HasPrefix(path, "@") {
		return nil
	}
	st, err := os.Lstat(path)
	if err != nil || st.Mode()&os.ModeSocket == 0 {
		return nil // not there, or bind says what is wrong with it
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
		return errors.New("another program listens there")
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	return os.Remove(path)
}

// Serve runs the event loops until Drain or Close has ended every connection.
// It returns nil then, and an error if a loop had to stop.
func (p *Proxy) Serve() error {
	if !p.serving.CompareAndSwap(false, true) {
		return nil // closed before it began
	}
	errs := make(chan error, len(p.front.workers))
	for _, w := range p.front.workers {
		for _, ln := range w.listeners {
			w.loop.Post(ln.start)
		}
		go func() { errs <- w.run() }()
	}
	var err error
	for range p.front.workers {
		if e := <-errs; e != nil && err == nil {
			err = e
			p.Close()
		}
	}
	p.running.Wait()
	p.front.pipes.Close()
	return err
}

func (w *worker) run() error {
	if err := w.loop.Run(); err != nil {
		return fmt.Errorf("run loop: %w", err)
	}
	return nil
}

// stopAccepting takes the connections that the kernel has accepted already, and
// closes the listeners.
func (p *Proxy) stopAccepting() {
	if !p.serving.Load() {
		return // nobody would run what is posted; the listeners are closed by Close
	}
	var done sync.WaitGroup
	for _, w := range p.front.workers {
		done.Add(1)
		if !w.loop.Post(func() { w.stopAccepting(); done.Done() }) {
			done.Done()
		}
	}
	done.Wait()
	p.removeSockets() // now, not at the end: a successor may have made its own by then
}

func (w *worker) stopAccepting() {
	for _, ln := range w.listeners {
		if ln.ref != 0 {
			ln.accept(1 << 20)
			w.loop.Remove(ln.ref)
			ln.Drop()
		}
	}
	w.loop.EachGuest(func(g splice.Handler) {
		// Who has not begun to speak may be on the point of it.
		if h, ok := g.(*handshake); ok && h.stage == atHead && h.in == nil {
			w.loop.SetDeadline(h.ref, drainIdle)
		}
	})
}

// drainIdle is how long a connection without a byte is kept when draining begins.
const drainIdle = time.Second

func (p *Proxy) closeFront() {
	if p.serving.CompareAndSwap(false, true) {
		p.abandon() // Serve never ran: nothing else will close them
		return
	}
	for _, w := range p.front.workers {
		w.loop.Close()
	}
	p.removeSockets()
}
