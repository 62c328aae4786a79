package splice

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// rig is a loop that runs for one test.
type rig struct {
	testing.TB
	loop    *Loop
	ended   chan End
	done    chan struct{} // closed once Run has returned
	segment int           // largest TCP segment of the tunnels' connections; 0: as the kernel has it
}

func newRig(t testing.TB, opt Options) *rig {
	t.Helper()
	r := &rig{TB: t, ended: make(chan End, 4096), done: make(chan struct{})}
	opt.Ended = func(e End) { r.ended <- e }
	if opt.Pipes == nil {
		opt.Pipes = NewPipes()
	}
	var err error
	if r.loop, err = NewLoop(opt); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		if err := r.loop.Run(); err != nil {
			t.Error("the loop stopped by itself:", err)
		}
	}()
	t.Cleanup(func() {
		r.stop()
		inUse, _ := opt.Pipes.Counts()
		opt.Pipes.Close()
		if inUse != 0 {
			t.Errorf("%d pipes are still lent out after the end", inUse)
		}
		if s := r.loop.Stats(); s.Tunnels != 0 || s.Guests != 0 {
			t.Errorf("after the end the loop counts %d tunnels and %d guests", s.Tunnels, s.Guests)
		}
	})
	return r
}

// stop closes the loop and waits until it is gone.
func (r *rig) stop() {
	r.loop.Close()
	select {
	case <-r.done:
	case <-time.After(limit):
		r.Fatal("the loop does not stop")
	}
}

// do runs f on the loop's goroutine and waits for it.
func (r *rig) do(f func()) {
	r.Helper()
	ran := make(chan struct{})
	if !r.loop.Post(func() { f(); close(ran) }) {
		r.Fatal("the loop has stopped")
	}
	select {
	case <-ran:
	case <-time.After(limit):
		r.Fatal("the loop does not run what was posted")
	}
}

// hold stops the loop's goroutine until the function it returns is called, so that
// what happens meanwhile comes to the loop all at once.
func (r *rig) hold() (goOn func()) {
	held := make(chan struct{})
	running := make(chan struct{})
	r.loop.Post(func() { close(running); <-held })
	<-running
	return func() { close(held) }
}

// end waits for the end of a tunnel.
func (r *rig) end() End {
	r.Helper()
	select {
	case e := <-r.ended:
		return e
	case <-time.After(limit):
		r.Fatal("no tunnel ended")
		return End{}
	}
}

// tied is a tunnel and the far ends of its sockets, by side.
type tied struct {
	*rig
	ref  Ref
	near [2]int
	far  [2]net.Conn
}

// tie makes a tunnel between two fresh connections. prepare may be nil; it sees the
// sockets before the loop does.
func (r *rig) tie(network string, h Handover, prepare func(*tied)) *tied {
	r.Helper()
	x := &tied{rig: r}
	for side := range 2 {
		x.near[side], x.far[side] = linkSegments(r, network, r.segment)
	}
	if prepare != nil {
		prepare(x)
	}
	r.do(func() {
		x.ref = r.loop.Add(silent{})
		for side, fd := range x.near {
			if err := r.loop.Watch(x.ref, Side(side), fd, In|FIN|Urgent); err != nil {
				r.Error("watch:", err)
			}
		}
		r.loop.Tunnel(x.ref, h)
	})
	return x
}

// silent is a guest that nothing happens to.
type silent struct{}

func (silent) Ready(Side, Events) {}
func (silent) Expire()            {}
func (silent) Drop()              {}

var linkNames atomic.Int64

// link makes a connection: near as a non-blocking descriptor, far as Go has it.
// Reading and writing at far fails the test after limit.
func link(t testing.TB, network string) (near int, far net.Conn) {
	t.Helper()
	return linkSegments(t, network, 0)
}

// linkSegments is link with a limit for the size of a TCP segment. On loopback it
// is 64 KiB, and a window that is smaller than a segment crawls.
func linkSegments(t testing.TB, network string, segment int) (near int, far net.Conn) {
	t.Helper()
	limitSegment := func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			if segment > 0 && network != "unix" {
				rawsock.SetInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, segment)
			}
		})
	}
	addr := map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "unix": fmt.Sprintf("@splice-%d-%d", syscall.Getpid(), linkNames.Add(1))}[network]
	listen := net.ListenConfig{Control: limitSegment}
	ln, err := listen.Listen(t.Context(), network, addr)
	if err != nil {
		if network == "tcp6" {
			t.Skip("no IPv6 here:", err)
		}
		t.Fatal(err)
	}
	defer ln.Close()
	dial := net.Dialer{Control: limitSegment}
	if far, err = dial.Dial(network, ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	far.SetDeadline(time.Now().Add(limit))
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	control(t, c, func(fd int) { near, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) })
	c.Close()
	if err != nil {
		t.Fatal("duplicate the descriptor:", err)
	}
	return near, far
}

func control(t testing.TB, c net.Conn, f func(fd int)) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
	if err != nil {
		t.Fatal("reach the descriptor:", err)
	}
}

// write has the far end of side write p.
func (x *tied) write(side Side, p []byte) {
	x.Helper()
	if n, err := x.far[side].Write(p); err != nil {
		x.Fatalf("write at side %d: %v after %d of %d bytes", side, err, n, len(p))
	}
}

// expect reads the part of stream s from off to off+n at the far end of side.
func (x *tied) expect(side Side, s stream, off, n int) {
	x.Helper()
	got := make([]byte, n)
	if k, err := io.ReadFull(x.far[side], got); err != nil {
		x.Fatalf("read at side %d: %v after %d of %d bytes", side, err, k, n)
	}
	if !bytes.Equal(got, s.bytes(off, n)) {
		x.Fatalf("side %d got other bytes than were sent", side)
	}
}

// expectText reads exactly text at the far end of side.
func (x *tied) expectText(side Side, text string) {
	x.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(x.far[side], got); err != nil || string(got) != text {
		x.Fatalf("read at side %d: %q, %v, wanted %q", side, got[:n], err, text)
	}
}

// expectEOF demands that the far end of side reads an orderly end now.
func (x *tied) expectEOF(side Side) {
	x.Helper()
	if n, err := x.far[side].Read(make([]byte, 1)); n != 0 || err != io.EOF {
		x.Fatalf("side %d read %d bytes and %v, wanted the end of the stream", side, n, err)
	}
}

// expectReset demands that the far end of side finds its connection reset now.
func (x *tied) expectReset(side Side) {
	x.Helper()
	if n, err := x.far[side].Read(make([]byte, 1)); n != 0 || !isReset(err) {
		x.Fatalf("side %d read %d bytes and %v, wanted a reset", side, n, err)
	}
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

func (x *tied) expectEnd(why Reason, by Side) End {
	x.Helper()
	e := x.end()
	if e.Reason != why || e.By != by {
		x.Fatalf("the tunnel ended as %s by %d, wanted %s by %d", e.Reason, e.By, why, by)
	}
	return e
}

// fin ends the direction that comes from side.
func (x *tied) fin(side Side) {
	x.Helper()
	if err := x.far[side].(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		x.Fatal("send a FIN:", err)
	}
}

// reset closes the far end of a TCP side with a reset.
func (x *tied) reset(side Side) {
	x.far[side].(*net.TCPConn).SetLinger(0)
	x.far[side].Close()
}

// taken waits until the loop's kernel has acknowledged all that side sent.
func (x *tied) taken(side Side) {
	x.Helper()
	control(x, x.far[side], func(fd int) {
		if !eventually(func() bool { return rawsock.Unsent(fd) == 0 }) {
			x.Fatalf("side %d: %d bytes are not taken", side, rawsock.Unsent(fd))
		}
	})
}

// shrink gives a socket the smallest buffers that the kernel allows, or size.
func shrink(fd, size int) {
	rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size)
	rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
}
