//go:build linux && !portable

package proxy

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// fdSock is a sock over a non-blocking descriptor of our own, in Go's poller.
// It is an os.File, not a net.Conn: that would duplicate the descriptor. The calls
// are raw, as on a loop: the file only waits.
type fdSock struct {
	*os.File
	raw syscall.RawConn

	in, out transfer
	// Made once, as they would be allocated with every call.
	readReady, writeReady func(fd uintptr) bool
	peek                  func(fd uintptr)
	quiet                 bool // what peek has found
}

// transfer is the read or the write under way.
type transfer struct {
	p     []byte // what is written
	buf   *inbuf // where a read goes
	n     int
	errno syscall.Errno
}

// newSock takes fd over.
func newSock(fd int) *fdSock {
	f := os.NewFile(uintptr(fd), "socket")
	raw, _ := f.SyscallConn()
	s := &fdSock{File: f, raw: raw}
	s.readReady, s.writeReady, s.peek = s.readOnce, s.writeSome, s.peekOnce
	return s
}

// Fill reads once behind what is in b. While it waits an empty b holds no memory: a
// connection that idles between requests, or listens to an event stream, is cheap.
func (s *fdSock) Fill(b *inbuf) (int, error) {
	s.in.buf = b
	err := s.raw.Read(s.readReady)
	t := s.in
	s.in = transfer{}
	switch {
	case err != nil:
		return 0, err
	case t.errno != 0:
		return 0, t.errno
	case t.n == 0:
		return 0, io.EOF
	}
	return t.n, nil
}

func (s *fdSock) readOnce(fd uintptr) bool {
	t := &s.in
	t.n, t.errno = rawsock.Read(int(fd), t.buf.free())
	t.buf.w += max(t.n, 0)
	if t.errno == unix.EAGAIN && t.buf.len() == 0 {
		t.buf.release()
	}
	return t.errno != unix.EAGAIN
}

func (s *fdSock) WriteSome(p []byte) (int, error) {
	s.out = transfer{p: p}
	err := s.raw.Write(s.writeReady)
	t := s.out
	s.out = transfer{}
	if err == nil && t.errno != 0 {
		err = t.errno
	}
	return t.n, err
}

func (s *fdSock) writeSome(fd uintptr) bool {
	t := &s.out
	for t.n < len(t.p) {
		n, errno := rawsock.Write(int(fd), t.p[t.n:])
		if errno == unix.EAGAIN {
			return t.n > 0
		}
		if errno != 0 {
			t.errno = errno
			return true
		}
		t.n += n
	}
	return true
}

func (s *fdSock) CloseWrite() error {
	return s.raw.Control(func(fd uintptr) { rawsock.ShutdownWrite(int(fd)) })
}

func (s *fdSock) Reset() {
	s.raw.Control(func(fd uintptr) {
		unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	s.Close()
}

func (s *fdSock) Quiet() bool {
	s.quiet = false
	s.raw.Control(s.peek)
	return s.quiet
}

func (s *fdSock) peekOnce(fd uintptr) { s.quiet = rawsock.Quiet(int(fd)) }

// duplicate makes another descriptor: an os.File cannot be closed without its own.
func (s *fdSock) duplicate() (fd int, err error) {
	cerr := s.raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if cerr != nil {
		err = cerr
	}
	return fd, err
}

// carry moves up to max bytes that need not be seen from one socket to another; with
// 0 and no error the caller has to read itself. See splice.Pipes.Carry.
func (p *Proxy) carry(dst, src sock, max int64, moved func()) (n int64, slow bool, srcErr, dstErr error) {
	return p.front.pipes.Carry(dst.(*fdSock).raw, src.(*fdSock).raw, max, moved)
}

type rawAddr = rawsock.Addr

var zeroAddr netip.AddrPort

var errLongPath = errors.New("the path is empty or too long for a unix socket (107 bytes at most)")

func makeAddress(ap netip.AddrPort, path string) (address, error) {
	if path == "" && ap.IsValid() {
		return address{ap: ap, raw: rawsock.TCPAddr(ap, zoneID(ap.Addr().Zone()))}, nil
	}
	raw, ok := rawsock.UnixAddr(path)
	if !ok {
		return address{}, errLongPath
	}
	return address{path: path, raw: raw}, nil
}

// dialUpstream connects to a in blocking style. The socket is the exchange's while it
// still connects, so that interrupt ends the wait.
func (x *exchange) dialUpstream(a *address, limit time.Duration, again bool) error {
	fd, up, err := x.p.reach(a, time.Now(), again)
	if err != nil {
		return err
	}
	s := newSock(fd)
	x.setUpstream(s)
	if up {
		return nil
	}
	x.mu.Lock()
	if x.gone.Load() || x.stop.Load() {
		s.SetWriteDeadline(past) // it may be newer than the interrupt
	} else {
		s.SetWriteDeadline(deadline(limit))
	}
	x.mu.Unlock()
	var errno syscall.Errno
	err = s.raw.Write(func(fd uintptr) bool {
		// Asked anew each time: the event may have come before the wait began.
		if errno = rawsock.ConnectError(int(fd)); errno != 0 {
			return true
		}
		_, err := unix.Getpeername(int(fd))
		return err == nil
	})
	if err == nil && errno != 0 {
		err = errno
	}
	if err != nil {
		x.dropUpstream()
	}
	return err
}

// prepare sets on a socket to the upstream what sockets from the clients inherit
// from their listener.
func (p *Proxy) prepare(fd int, a *address) {
	rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	if a.raw.TCP() {
		p.setTCPOptions(fd, !a.ap.Addr().IsLoopback())
		p.setCongestion(fd, a.ap.Addr())
		// A head follows connect at once: it carries the acknowledgement that completes
		// the connection, which the kernel would send on its own.
		rawsock.SetInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
	}
}

// setTCPOptions: no Nagle, since a push must not wait for the acknowledgement of
// the one before it; keepalive and user time-out, since a peer that vanished sends
// no FIN, and a tunnel may be silent for a day. A peer on this machine cannot vanish
// without its kernel saying so.
func (p *Proxy) setTCPOptions(fd int, far bool) {
	rawsock.SetInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if !far {
		return
	}
	if s := &p.set; s.KeepaliveIdle > 0 {
		rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		rawsock.SetInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(s.KeepaliveIdle/time.Second))
		rawsock.SetInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(max(s.KeepaliveInterval, time.Second)/time.Second))
		rawsock.SetInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, max(s.KeepaliveCount, 1))
	}
	if t := p.set.UserTimeout; t > 0 {
		rawsock.SetInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(t/time.Millisecond))
	}
}

// dialReason says what a failed connect means.
func dialReason(err error) reason {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, unix.ETIMEDOUT):
		return refusedDialSlow
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return refusedPorts
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		return refusedDescriptors
	}
	return refusedDial
}

func descriptorLimit() int {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil || r.Cur > 1<<30 {
		return 0
	}
	return int(r.Cur)
}
