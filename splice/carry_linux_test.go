package splice

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// ferry is two connections with Carry between them, as a caller with a goroutine of
// its own has it: near are the ends that it holds, far those of its peers.
type ferry struct {
	*testing.T
	pipes     *Pipes
	near, far [2]*net.TCPConn
	raw       [2]syscall.RawConn
}

func newFerry(t *testing.T) *ferry {
	t.Helper()
	f := &ferry{T: t, pipes: NewPipes()}
	t.Cleanup(f.pipes.Close)
	for i := range 2 {
		fd, far := link(t, "tcp4")
		file := os.NewFile(uintptr(fd), "near")
		near, err := net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { near.Close() })
		near.SetDeadline(time.Now().Add(limit))
		f.near[i], f.far[i] = near.(*net.TCPConn), far.(*net.TCPConn)
		if f.raw[i], err = f.near[i].SyscallConn(); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *ferry) carry(max int64) (n int64, slow bool, srcErr, dstErr error) {
	f.Helper()
	n, slow, srcErr, dstErr = f.pipes.Carry(f.raw[1], f.raw[0], max, nil)
	if inUse, _ := f.pipes.Counts(); inUse != 0 {
		f.Errorf("%d pipes are lent after Carry", inUse)
	}
	return
}

func TestCarryMovesNoMoreThanItMay(t *testing.T) {
	f := newFerry(t)
	const n = 300_000
	go func() {
		f.far[0].Write(stream(0).bytes(0, n))
		f.far[0].CloseWrite()
	}()
	got := make(chan []byte)
	go func() {
		p, _ := io.ReadAll(onlyReader{f.far[1]})
		got <- p
	}()
	for left := int64(n); left > 0; {
		max := min(left, 70_000)
		k, _, srcErr, dstErr := f.carry(max)
		if srcErr != nil || dstErr != nil || k > max {
			t.Fatalf("carried %d of at most %d bytes: %v, %v", k, max, srcErr, dstErr)
		}
		if k == 0 { // they came when Carry had just found none: it leaves them to the caller
			var err error
			if k, err = io.CopyN(f.near[1], onlyReader{f.near[0]}, 1); err != nil {
				t.Fatal(err)
			}
		}
		left -= k
	}
	if k, _, srcErr, dstErr := f.carry(100); k != 0 || srcErr != nil || dstErr != nil {
		t.Errorf("at the end: %d bytes, %v, %v", k, srcErr, dstErr)
	}
	f.near[1].Close()
	if !bytes.Equal(<-got, stream(0).bytes(0, n)) {
		t.Error("other bytes arrived than were sent")
	}
	if _, idle := f.pipes.Counts(); idle != 1 {
		t.Errorf("%d pipes are kept", idle)
	}
}

// While it waits for its source Carry has no pipe.
func TestCarryWaitsWithoutAPipe(t *testing.T) {
	f := newFerry(t)
	done := make(chan int64)
	go func() {
		n, _, _, _ := f.pipes.Carry(f.raw[1], f.raw[0], 100, nil)
		done <- n
	}()
	if !eventually(func() bool { inUse, idle := f.pipes.Counts(); return inUse == 0 && idle == 1 }) {
		t.Error("Carry keeps its pipe while it waits")
	}
	f.far[0].Write([]byte("x"))
	if n := <-done; n != 1 {
		t.Errorf("carried %d bytes", n)
	}
}

// All pipes are lent to others by the time the source has something. That is no error
// of the source: the caller reads.
func TestCarryFindsThePipesLentAfterItsWait(t *testing.T) {
	f := newFerry(t)
	type result struct {
		n              int64
		srcErr, dstErr error
	}
	done := make(chan result)
	go func() {
		n, _, srcErr, dstErr := f.pipes.Carry(f.raw[1], f.raw[0], 100, nil)
		done <- result{n, srcErr, dstErr}
	}()
	if !eventually(func() bool { inUse, idle := f.pipes.Counts(); return inUse == 0 && idle == 1 }) {
		t.Error("Carry keeps its pipe while it waits")
	}
	f.pipes.inUse.Add(pipesMost)
	f.far[0].Write([]byte("x"))
	if got := <-done; got != (result{}) {
		t.Errorf("carried %d bytes: %v, %v", got.n, got.srcErr, got.dstErr)
	}
	f.pipes.inUse.Add(-pipesMost)
	if n, _, srcErr, dstErr := f.carry(100); n != 1 || srcErr != nil || dstErr != nil {
		t.Errorf("carried %d bytes once there were pipes again: %v, %v", n, srcErr, dstErr)
	}
}

// A pipeful is more than the destination takes at once, and the caller is told when
// it took some: a deadline for the whole would cut a slow reader off. This one does
// not read at all until then.
func TestCarryTellsThatBytesMove(t *testing.T) {
	f := newFerry(t)
	control(t, f.near[0], func(fd int) { rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 2<<20) })
	control(t, f.near[1], func(fd int) { rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 20_000) })
	const n = 600 << 10
	f.far[0].Write(stream(0).bytes(0, n))
	waitTaken(t, f.far[0]) // a pipe takes all of it at once
	told, got := make(chan struct{}), make(chan []byte)
	go func() {
		<-told
		p := make([]byte, n)
		k, _ := io.ReadFull(onlyReader{f.far[1]}, p)
		got <- p[:k]
	}()
	var once sync.Once
	tell := func() { once.Do(func() { close(told) }) }
	for left := int64(n); left > 0; {
		k, _, srcErr, dstErr := f.pipes.Carry(f.raw[1], f.raw[0], left, tell)
		if srcErr != nil || dstErr != nil || k == 0 {
			tell()
			f.near[1].Close()
			t.Errorf("carried %d of %d bytes: %v, %v", k, left, srcErr, dstErr)
			break
		}
		left -= k
	}
	if !bytes.Equal(<-got, stream(0).bytes(0, n)) {
		t.Error("other bytes arrived than were sent")
	}
}

func TestCarryErrors(t *testing.T) {
	t.Run("source resets", func(t *testing.T) {
		f := newFerry(t)
		f.far[0].SetLinger(0)
		f.far[0].Close()
		if n, _, srcErr, dstErr := f.carry(100); n != 0 || !errors.Is(srcErr, syscall.ECONNRESET) || dstErr != nil {
			t.Errorf("carried %d bytes: %v, %v", n, srcErr, dstErr)
		}
	})
	t.Run("source is late", func(t *testing.T) {
		f := newFerry(t)
		f.near[0].SetReadDeadline(time.Now().Add(-time.Second))
		if n, _, srcErr, dstErr := f.carry(100); n != 0 || !errors.Is(srcErr, os.ErrDeadlineExceeded) || dstErr != nil {
			t.Errorf("carried %d bytes: %v, %v", n, srcErr, dstErr)
		}
	})
	t.Run("destination resets", func(t *testing.T) {
		f := newFerry(t)
		f.far[1].SetLinger(0)
		f.far[1].Close()
		f.far[0].Write(stream(0).bytes(0, 1000))
		n, _, srcErr, dstErr := f.carry(1000)
		for n > 0 && dstErr == nil { // the reset was not there yet
			f.far[0].Write(stream(0).bytes(0, 1000))
			n, _, srcErr, dstErr = f.carry(1000)
		}
		if srcErr != nil || !isReset(dstErr) && !errors.Is(dstErr, syscall.EPIPE) {
			t.Errorf("carried %d bytes: %v, %v", n, srcErr, dstErr)
		}
		if _, idle := f.pipes.Counts(); idle != 0 {
			t.Error("a pipe with bytes in it is kept")
		}
	})
	t.Run("destination is full", func(t *testing.T) {
		f := newFerry(t)
		go f.far[0].Write(stream(0).bytes(0, 64<<20))
		for dstErr := error(nil); dstErr == nil; { // until it had to wait, which ends by this deadline
			var srcErr error
			f.near[1].SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			_, _, srcErr, dstErr = f.carry(1 << 20)
			if srcErr != nil || dstErr != nil && !errors.Is(dstErr, os.ErrDeadlineExceeded) {
				t.Fatalf("%v, %v", srcErr, dstErr)
			}
		}
		f.far[0].Close()
	})
}

// With an urgent byte next, or no pipe to be had, the caller has to read itself.
func TestCarryLeavesItToTheCaller(t *testing.T) {
	f := newFerry(t)
	for range pipesMost {
		f.pipes.inUse.Add(1)
	}
	if n, _, srcErr, dstErr := f.pipes.Carry(f.raw[1], f.raw[0], 100, nil); n != 0 || srcErr != nil || dstErr != nil {
		t.Errorf("without a pipe: %d bytes, %v, %v", n, srcErr, dstErr)
	}
	f.pipes.inUse.Add(-pipesMost)

	control(t, f.far[0], func(fd int) { unix.Sendto(fd, []byte{urgentByte}, unix.MSG_OOB, nil) })
	f.far[0].Write([]byte("behind"))
	if n, _, srcErr, dstErr := f.carry(100); n != 0 || srcErr != nil || dstErr != nil {
		t.Errorf("with an urgent byte next: %d bytes, %v, %v", n, srcErr, dstErr)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(f.near[0], got); err != nil || string(got) != "behind" {
		t.Errorf("behind the urgent byte: %q, %v", got, err)
	}
}
