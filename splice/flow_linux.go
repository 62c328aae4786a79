package splice

import (
	"github.com/valyala/bytebufferpool"
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// turnBytes is what a flow may move before others get their turn. It bounds how long
// a small message waits behind bulk: some 0.3 ms, since the loop looks for events
// after every such turn. Half of it costs eight bulk tunnels half as much CPU again, a
// quarter twice as much.
const turnBytes = 1 << 20

// leastCharge is what a read counts at least towards a turn, so that a turn is 64 reads
// at most: a source whose every read brings a few bytes more would never be dry.
const leastCharge = turnBytes / 64

// slowBelow is the room that a reader has to make at a time to be worth splicing for.
// A slow one gains nothing by it, and a small window loses: the kernel charges the
// spliced pages as they are, drops what then does not fit, and sends it again after
// 200 ms. Such a reader is copied for until a bufferful has gone through at once.
const slowBelow = 64 << 10

// held is what a full socket left over: bytes in a pooled buffer, or in a pipe.
type held struct {
	buf  *bytebufferpool.ByteBuffer
	off  int // bytes of buf that have gone
	pipe *pipe
	n    int // bytes in pipe
}

// move carries bytes of flow f until its source is dry, its destination is full,
// or its turn is over; it reports true in the last case. A source's FIN is passed
// on once everything before it has gone.
func (l *Loop) move(ref Ref, e *entry, f int) (again bool) {
	st := &e.flow[f]
	if *st&(flowBlocked|flowShut) != 0 {
		return false
	}
	left, fresh := turnBytes, *st&flowBulk == 0
	if e.held[f] != 0 {
		n, all := l.drain(ref, e, f)
		if !all {
			return false
		}
		left -= n
	}
	for *st&(flowMore|flowBlocked|flowEOF|flowShut) == flowMore {
		if left <= 0 {
			return true
		}
		if *st&(flowBulk|flowSlow) == flowBulk {
			n, spent, dry := l.spliceSome(ref, e, f, left)
			left -= spent
			if !dry {
				continue
			}
			if n < len(l.buf) {
				*st &^= flowBulk
			}
		}
		n := l.copyOnce(ref, e, f)
		left -= max(n, leastCharge)
		if n == len(l.buf) {
			if fresh && l.others() {
				left = 0 // bulk has just begun: its first turn is later
			}
			*st |= flowBulk
			if *st&flowBlocked == 0 {
				*st &^= flowSlow
			}
		} else if *st&flowSlow != 0 {
			*st &^= flowBulk
		}
	}
	if *st&(flowEOF|flowBlocked|flowShut) == flowEOF {
		*st |= flowShut
		// If the other direction is through as well, close sends this FIN.
		if e.broken&(1<<f) == 0 && e.flow[1-f]&flowShut == 0 {
			rawsock.ShutdownWrite(int(e.fd[1-f]))
		}
	}
	return false
}

// copyOnce moves one bufferful. It is the only judge of a source's end: see spliceSome.
func (l *Loop) copyOnce(ref Ref, e *entry, f int) int {
	n, errno := rawsock.Read(int(e.fd[f]), l.buf)
	switch {
	case n > 0:
		l.pass(ref, e, f, l.buf[:n])
		if n < len(l.buf) && e.flow[f]&flowUntil == 0 {
			e.flow[f] &^= flowMore
		}
	case errno == 0 || e.broken&(1<<f) != 0:
		// A side whose error was already consumed by a write reads as 0.
		l.noteFirst(e, f)
		e.flow[f] |= flowEOF
		e.flow[f] &^= flowMore
	case errno == unix.EAGAIN:
		e.flow[f] &^= flowMore | flowUntil | flowError
	default:
		l.breakSide(e, f, errno)
		e.flow[f] |= flowEOF
		e.flow[f] &^= flowMore
	}
	return n
}

// pass writes p, which came from side f, to the other side. What does not fit is
// held back, and the flow is blocked.
func (l *Loop) pass(ref Ref, e *entry, f int, p []byte) {
	var n int
	var errno unix.Errno
	if e.flow[f]&(flowFIN|flowError) == flowFIN {
		// The FIN, or the last bytes before it, are passed on next: one packet for both.
		// Nothing follows in time if there is an error about: a reset waits until these
		// bytes have been acknowledged.
		n, errno = rawsock.WriteMore(int(e.fd[1-f]), p)
	} else {
		n, errno = rawsock.Write(int(e.fd[1-f]), p)
	}
	l.moved(e, f, n)
	switch {
	case n == len(p):
	case errno == 0 || errno == unix.EAGAIN:
		b := bytebufferpool.Get()
		b.Set(p[n:])
		l.hold(e, f, held{buf: b})
		l.block(ref, e, f)
	default:
		l.breakSide(e, 1-f, errno)
	}
}

// spliceSome moves up to max bytes through a borrowed pipe. It returns how many went,
// and what that counts towards the turn; dry says that copyOnce has to look at the source.
//
// The pipe is empty before each fill, so EAGAIN says that the source is dry; or that
// an urgent byte comes next, which splice(2) never gets past, and which makes it
// return 0 as at the end of the stream once a FIN is behind it. In both cases copyOnce
// has to look: only read(2) tells the truth. A reset is told once, to splice as well as
// to read, and looks like the end of the stream from then on.
func (l *Loop) spliceSome(ref Ref, e *entry, f, most int) (total, spent int, dry bool) {
	p := l.opt.Pipes.get()
	if p == nil {
		return 0, 0, true
	}
	src, dst := int(e.fd[f]), int(e.fd[1-f])
	for spent < most {
		n, errno := rawsock.Splice(src, p.w, min(p.size, most-spent))
		if errno != 0 && errno != unix.EAGAIN && errno != unix.EINVAL {
			// There may be bytes left behind an urgent one.
			l.breakSide(e, f, errno)
		}
		if n <= 0 {
			dry = true
			break
		}
		spent += max(n, leastCharge)
		for n > 0 {
			m, errno := rawsock.Splice(p.r, dst, n)
			if errno == unix.EAGAIN {
				l.hold(e, f, held{pipe: p, n: n})
				l.block(ref, e, f)
				return total, spent, false
			}
			if errno != 0 || m == 0 {
				l.opt.Pipes.put(p, false)
				l.breakSide(e, 1-f, errno)
				return total, spent, false
			}
			n -= m
			total += m
			l.count.SplicedBytes += uint64(m)
			l.moved(e, f, m)
		}
	}
	l.opt.Pipes.put(p, true)
	return total, spent, dry
}

// drain writes what flow f holds back. It returns how much went, and whether that
// was all.
func (l *Loop) drain(ref Ref, e *entry, f int) (total int, all bool) {
	h := &l.held[e.held[f]-1]
	dst := int(e.fd[1-f])
	for {
		var n int
		errno := unix.Errno(0)
		if h.pipe != nil {
			if n, errno = rawsock.Splice(h.pipe.r, dst, h.n); errno == 0 {
				h.n -= n
				l.count.SplicedBytes += uint64(n)
			}
		} else if n, errno = rawsock.Write(dst, h.buf.B[h.off:]); errno == 0 {
			h.off += n
		}
		switch {
		case errno == unix.EAGAIN:
			if h.pipe != nil && total < slowBelow {
				e.flow[f] |= flowSlow
			}
			l.block(ref, e, f)
			return total, false
		case errno != 0 || n == 0:
			l.breakSide(e, 1-f, errno)
			return total, true
		}
		total += n
		l.moved(e, f, n)
		if h.pipe != nil && h.n == 0 || h.pipe == nil && h.off == len(h.buf.B) {
			l.letGo(e, f)
			return total, true
		}
	}
}

// others says whether somebody else may be waiting for this turn to end.
func (l *Loop) others() bool { return l.ready > 1 || l.waiting() > 0 }

func (l *Loop) moved(e *entry, f, n int) {
	if n <= 0 {
		return
	}
	e.moved[f] += uint64(n)
	e.last = l.ticks()
	if f == int(Client) {
		l.count.UpBytes += uint64(n)
	} else {
		l.count.DownBytes += uint64(n)
	}
}

// block has the flow wait for room at its destination. EPOLLOUT joins the
// registration the first time a tunnel needs it, and stays: a TCP socket tells nothing
// more until it has filled up again.
func (l *Loop) block(ref Ref, e *entry, f int) {
	e.flow[f] |= flowBlocked
	if dst := Side(1 - f); e.armed&(1<<dst) == 0 {
		l.register(unix.EPOLL_CTL_MOD, ref, e, dst, In|FIN|Urgent|Out)
	}
}

func (l *Loop) hold(e *entry, f int, h held) {
	if n := len(l.spare); n > 0 {
		e.held[f] = l.spare[n-1]
		l.spare = l.spare[:n-1]
		l.held[e.held[f]-1] = h
		return
	}
	l.held = append(l.held, h)
	e.held[f] = int32(len(l.held))
}

// letGo gives back the buffer or pipe that flow f holds, if it does.
func (l *Loop) letGo(e *entry, f int) {
	if e.held[f] == 0 {
		return
	}
	h := &l.held[e.held[f]-1]
	if h.pipe != nil {
		l.opt.Pipes.put(h.pipe, h.n == 0)
	} else {
		bytebufferpool.Put(h.buf)
	}
	*h = held{}
	l.spare = append(l.spare, e.held[f])
	e.held[f] = 0
}
