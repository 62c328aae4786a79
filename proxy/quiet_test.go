//go:build linux && !portable

package proxy_test

import (
	"bytes"
	"net/netip"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/wssplice/wssplice/proxy"
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// A quiet is clients and an upstream in one goroutine that allocate nothing: all of
// what the process allocates while it plays is the proxy's.
type quiet struct {
	testing.TB
	*running
	addr  rawsock.Addr // the proxy's
	ln    int          // the upstream's listener
	pairs []pair
	pfd   [1]unix.PollFd
	buf   [4096]byte
}

// A pair is the two far ends of what the proxy ties together.
type pair struct{ client, upstream int }

func newQuiet(t testing.TB, width int, cfg proxy.Config) *quiet {
	t.Helper()
	q := &quiet{TB: t, pairs: make([]pair, width)}
	var err error
	if q.ln, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		t.Fatal("make the upstream:", err)
	}
	t.Cleanup(func() { rawsock.Close(q.ln) })
	if err = unix.Bind(q.ln, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		err = unix.Listen(q.ln, width)
	}
	if err != nil {
		t.Fatal("listen as the upstream:", err)
	}
	sa, err := unix.Getsockname(q.ln)
	if err != nil {
		t.Fatal("name the upstream:", err)
	}
	own := sa.(*unix.SockaddrInet4)
	cfg.Upstream = "http://" + netip.AddrPortFrom(netip.AddrFrom4(own.Addr), uint16(own.Port)).String()
	q.running = serve(t, cfg)
	q.addr = rawsock.TCPAddr(netip.MustParseAddrPort(q.running.addr), 0)
	return q
}

// wait waits until fd is ready for ev. It is no raw call: the proxy's goroutines get
// the processor meanwhile.
func (q *quiet) wait(fd int, ev int16) {
	q.pfd[0] = unix.PollFd{Fd: int32(fd), Events: ev}
	for {
		n, err := unix.Poll(q.pfd[:], int(limit.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if n != 1 {
			q.Fatalf("nothing happens on a socket: %v", err)
		}
		return
	}
}

// dial connects the clients, and has each send p.
func (q *quiet) dial(pairs []pair, p []byte) {
	for i := range pairs {
		fd, errno := rawsock.Socket(&q.addr)
		if errno == 0 {
			errno = rawsock.Connect(fd, &q.addr)
		}
		if errno != 0 && errno != unix.EINPROGRESS {
			q.Fatal("connect to the proxy:", errno)
		}
		pairs[i].client = fd
		q.write(fd, p)
	}
}

// accept plays the upstream's part of the handshakes, and reads the clients' 101.
func (q *quiet) accept(pairs []pair) {
	for i := range pairs {
		pairs[i].upstream = q.acceptOne()
		q.readHead(pairs[i].upstream)
		q.write(pairs[i].upstream, quietAnswer)
	}
	for i := range pairs {
		q.want(pairs[i].client, quietAnswer)
	}
}

func (q *quiet) acceptOne() int {
	for {
		fd, _, errno := rawsock.Accept(q.ln)
		switch errno {
		case 0:
			return fd
		case unix.EAGAIN:
			q.wait(q.ln, unix.POLLIN)
		default:
			q.Fatal("accept as the upstream:", errno)
		}
	}
}

// talk sends a message up each tunnel and one down. Which client belongs to which
// upstream does not matter, as all do the same.
func (q *quiet) talk(pairs []pair) {
	for i := range pairs {
		q.write(pairs[i].client, quietMessage)
	}
	for i := range pairs {
		q.want(pairs[i].upstream, quietMessage)
		q.write(pairs[i].upstream, quietMessage)
	}
	for i := range pairs {
		q.want(pairs[i].client, quietMessage)
	}
}

// end ends the tunnels in order, the upstream first (RFC 6455 section 7.1.1). The
// proxy's FIN to the upstream is its close, so that it holds nothing more afterwards.
func (q *quiet) end(pairs []pair) {
	for i := range pairs {
		rawsock.ShutdownWrite(pairs[i].upstream)
	}
	for i := range pairs {
		q.wantEnd(pairs[i].client)
	}
	for i := range pairs {
		q.wantEnd(pairs[i].upstream)
	}
}

// send has every client send p.
func (q *quiet) send(pairs []pair, p []byte) {
	for i := range pairs {
		q.write(pairs[i].client, p)
	}
}

// write writes all of p, which is shorter than any socket's buffer.
func (q *quiet) write(fd int, p []byte) {
	for {
		switch n, errno := rawsock.Write(fd, p); {
		case n == len(p):
			return
		case errno == unix.EAGAIN: // it is not connected yet
			q.wait(fd, unix.POLLOUT)
		default:
			q.Fatalf("write: %v after %d of %d bytes", errno, n, len(p))
		}
	}
}

// read reads once.
func (q *quiet) read(fd int, p []byte) int {
	for {
		n, errno := rawsock.Read(fd, p)
		switch errno {
		case 0:
			return n
		case unix.EAGAIN:
			q.wait(fd, unix.POLLIN)
		default:
			q.Fatal("read:", errno)
		}
	}
}

// readHead reads a request, up to the empty line or the five bytes behind it, and
// leaves nothing: the client waits for the answer.
func (q *quiet) readHead(fd int) {
	n := 0
	for n == 0 || !bytes.Contains(q.buf[:n], quietHeadEnd) {
		m := q.read(fd, q.buf[n:])
		if m == 0 {
			q.Fatalf("want a head, got %s and the end", quote(q.buf[:n]))
		}
		n += m
	}
}

var quietHeadEnd = []byte("\r\n\r\n")

// want reads exactly p.
func (q *quiet) want(fd int, p []byte) {
	for n := 0; n < len(p); {
		m := q.read(fd, q.buf[n:len(p)])
		if m == 0 {
			q.Fatalf("want %s, got %s and the end", quote(p), quote(q.buf[:n]))
		}
		n += m
	}
	if !bytes.Equal(q.buf[:len(p)], p) {
		q.Fatalf("want %s, got %s", quote(p), quote(q.buf[:len(p)]))
	}
}

// wantEnd reads the end of the stream and closes fd.
func (q *quiet) wantEnd(fd int) {
	if n := q.read(fd, q.buf[:]); n != 0 {
		q.Fatalf("want the end, got %s", quote(q.buf[:n]))
	}
	rawsock.Close(fd)
}

// allocationsMost is the slack for what does not grow with the number of connections:
// the runtime's own bookkeeping, and the calibration of a pool every 42,000 buffers.
// What a handshake or a request leaves behind would be a whole one each.
const allocationsMost = 0.01

// wantNoAllocations has play do something width times, for many rounds, and demands
// that nothing is allocated once as much was under way before. The collector is off,
// since it empties the pools.
func (q *quiet) wantNoAllocations(width, rounds int, play func()) {
	q.Helper()
	if underRace() {
		rounds = 5
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range rounds {
		play()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		play()
	}
	runtime.ReadMemStats(&after)
	each := float64(after.Mallocs-before.Mallocs) / float64(width*rounds)
	q.Logf("%.4f allocations each", each)
	if each > allocationsMost && !underRace() {
		q.Errorf("%.2f allocations each, wanted none", each)
	}
}

// underRace says whether the race detector is on: it has sync.Pool lose things on
// purpose, so nothing can be said of allocations then.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}
