package load

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// upgrade is a client's connection on its way to a tunnel, or to an event stream.
type upgrade struct {
	w       *clientWorker
	fd      int
	slot    int32
	id      uint32
	path    string
	started int64
	head    []byte
	sent    int    // bytes of head
	part    []byte // of the answer
	chunked bool   // the event stream's body is

	done   func(u *upgrade, rest []byte)
	failed func()
}

func (u *upgrade) start() {
	w := u.w
	u.id, u.started = w.id(), Now()
	fd, err := connect(w.target.Addr)
	if err != nil {
		w.tally.fail("%v", err)
		u.failed()
		return
	}
	u.fd = fd
	if u.path == eventsPath {
		u.head = appendEventsRequest(u.head[:0], u.id)
	} else {
		u.head = w.target.appendUpgrade(u.head[:0], u.path, u.id)
	}
	u.part, u.sent = u.part[:0], 0
	// The head first: then the socket is registered once, for what is still to come.
	errno := u.ask()
	events := uint32(unix.EPOLLIN)
	if u.sent < len(u.head) {
		events |= unix.EPOLLOUT
	}
	if u.slot, err = w.loop.add(fd, events, u); err != nil {
		_ = unix.Close(fd)
		w.tally.fail("%v", err)
		u.failed()
		return
	}
	if errno != 0 {
		u.fail("connect: %v", errno)
	}
}

// ask sends the head; what is left of it waits until the connection is established.
func (u *upgrade) ask() unix.Errno {
	n, errno := rawSend(u.fd, u.head[u.sent:])
	switch errno {
	case 0:
		u.sent += n
	case unix.EAGAIN, unix.ENOTCONN:
		errno = 0
	}
	return errno
}

func (u *upgrade) fail(format string, args ...any) {
	if u.w.tolerant {
		u.w.tally.Failed++
	} else {
		u.w.tally.fail(format, args...)
	}
	u.w.loop.drop(u.slot, u.fd)
	u.failed()
}

func (u *upgrade) ready(events uint32) {
	if u.sent < len(u.head) {
		if code, err := unix.GetsockoptInt(u.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			u.fail("connect: %v", unix.Errno(code))
			return
		}
		if errno := u.ask(); errno != 0 {
			u.fail("send head: %v", errno)
		} else if u.sent == len(u.head) {
			u.w.loop.want(u.slot, u.fd, unix.EPOLLIN)
		}
		return
	}
	n, errno := rawRead(u.fd, u.w.loop.buf)
	switch {
	case errno == unix.EAGAIN:
		return
	case errno != 0:
		u.fail("read answer: %v", errno)
		return
	case n == 0:
		u.fail("connection ended before the answer")
		return
	}
	b := u.w.loop.buf[:n]
	if len(u.part) > 0 {
		b = append(u.part, b...)
	}
	end := bytes.Index(b, headEnd)
	if end < 0 {
		u.part = bytes.Clone(b)
		return
	}
	if err := u.check(b[:end+2]); err != nil {
		u.fail("%v", err)
		return
	}
	u.w.tally.Opened++
	u.w.tally.Handshake.Add(Now() - u.started)
	u.done(u, b[end+4:])
}

func (u *upgrade) check(head []byte) (err error) {
	if u.path == eventsPath {
		u.chunked, err = checkEvents(head)
		return err
	}
	return checkUpgraded(head, u.id)
}
