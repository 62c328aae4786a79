package splice

import (
	"syscall"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// Carry moves what src has, at most max bytes and one pipeful, to dst without
// taking it out of the kernel, for callers with a goroutine of their own: it waits
// in Go's poller for src to have something and for dst to have room, each until its
// deadline. The pipe is borrowed only while bytes are in it.
//
// moved, which may be nil, is called whenever dst took some and is full again: the
// time for the caller to put off a deadline.
//
// n is what reached dst, and slow says that dst made little room at a time: then it
// is better to copy for a while, see slowBelow. srcErr and dstErr are the errors of
// the two sides. With n 0 and no error the caller has to read from src itself: it is
// at its end, or has an urgent byte next, or bytes came at the last moment, or there
// is no pipe to be had.
func (ps *Pipes) Carry(dst, src syscall.RawConn, max int64, moved func()) (n int64, slow bool, srcErr, dstErr error) {
	var p *pipe
	var in int
	var errno syscall.Errno
	srcErr = src.Read(func(fd uintptr) bool {
		if p = ps.get(); p == nil {
			errno = 0 // an earlier round's EAGAIN is no error of src
			return true
		}
		in, errno = rawsock.Splice(int(fd), p.w, int(min(max, int64(p.size))))
		if errno != unix.EAGAIN {
			return true
		}
		ps.put(p, true)
		p = nil
		// Splice never gets past an urgent byte, and would wait for ever.
		_, errno = rawsock.Peek(int(fd))
		return errno != unix.EAGAIN
	})
	switch {
	case p == nil:
		if srcErr == nil && errno != 0 {
			srcErr = errno
		}
		return 0, false, srcErr, nil
	case errno != 0 || in == 0:
		ps.put(p, true)
		if errno != 0 && errno != unix.EINVAL {
			srcErr = errno
		}
		return 0, false, srcErr, nil
	}
	left, first := in, true
	dstErr = dst.Write(func(fd uintptr) bool {
		for total := 0; left > 0 && errno == 0; {
			var m int
			if m, errno = rawsock.Splice(p.r, int(fd), left); errno == unix.EAGAIN {
				errno = 0
				slow = slow || !first && total < slowBelow
				first = false
				if total > 0 && moved != nil {
					moved()
				}
				return false
			}
			if m == 0 && errno == 0 {
				errno = unix.EIO // never seen; it would turn here without end
			}
			left -= m
			total += m
		}
		return true
	})
	if dstErr == nil && errno != 0 {
		dstErr = errno
	}
	ps.put(p, left == 0)
	return int64(in - left), slow, srcErr, dstErr
}
