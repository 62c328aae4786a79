package load

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// wire is an open tunnel as one of its two ends sees it.
type wire struct {
	loop  *Loop
	tally *Tally
	fd    int
	slot  int32
	id    uint32
	part  []byte // of a frame that has not all arrived
	out   []byte // what the socket did not take
	gone  bool   // closed
}

// read brings what has arrived. The slice lives until the loop's next read;
// over means that the tunnel has ended and is to be closed.
func (w *wire) read() (b []byte, over bool) {
	n, errno := rawRead(w.fd, w.loop.buf)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil, false
	case errno != 0 || n == 0:
		return nil, true
	}
	return w.loop.buf[:n], false
}

// send sends b, and keeps what the socket does not take for flush.
func (w *wire) send(b []byte) {
	if len(w.out) > 0 {
		w.out = append(w.out, b...)
		return
	}
	n, errno := rawSend(w.fd, b)
	if errno == unix.EAGAIN {
		n, errno = 0, 0
	}
	if errno != 0 {
		// The read side will report how the tunnel ended.
		return
	}
	if n < len(b) {
		w.tally.Blocked++
		w.out = bytes.Clone(b[n:])
		w.loop.want(w.slot, w.fd, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

// shrink gives the socket a small buffer, so that what waits on the way to a
// slow reader waits in the proxy's sockets, and not in the load generator's.
func (w *wire) shrink(buffer int) {
	if err := unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, buffer, 64<<10); err != nil {
		w.tally.fail("shrink a socket's buffer: %v", err)
	}
}

// flush goes on where send was stopped.
func (w *wire) flush() {
	if len(w.out) == 0 {
		return
	}
	n, errno := rawSend(w.fd, w.out)
	if errno != 0 {
		return
	}
	if w.out = w.out[n:]; len(w.out) == 0 {
		w.out = nil
		w.loop.want(w.slot, w.fd, unix.EPOLLIN)
	}
}

// frames calls f with each whole frame of b and keeps the rest for the next
// call. f says whether to go on.
func (w *wire) frames(b []byte, f func(payload []byte, isClose bool) bool) {
	if len(w.part) > 0 {
		b = append(w.part, b...)
		w.part = nil
	}
	for len(b) > 0 {
		payload, n, err := parseFrame(b)
		if err != nil {
			w.tally.fail("tunnel %d: %v", w.id, err)
			return
		}
		if n == 0 {
			w.part = bytes.Clone(b)
			return
		}
		isClose := b[0] == closeHead
		b = b[n:]
		if !f(payload, isClose) {
			return
		}
	}
}

// check opens a payload and compares it with what tunnel id expects next.
func (w *wire) check(payload []byte, sequence uint32) message {
	m, err := open(payload)
	switch {
	case err != nil:
		w.tally.fail("tunnel %d: %v", w.id, err)
	case m.tunnel != w.id:
		w.tally.fail("tunnel %d: message of tunnel %d", w.id, m.tunnel)
	case m.sequence != sequence:
		w.tally.fail("tunnel %d: message %d where %d is due", w.id, m.sequence, sequence)
	}
	return m
}

// close ends the tunnel as one that went well.
func (w *wire) close() {
	w.gone = true
	w.tally.Closed++
	w.tally.Open--
	w.loop.drop(w.slot, w.fd)
}
