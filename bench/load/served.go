package load

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// served is an upstream connection before an upgrade: it reads heads and
// answers plain requests, one after another.
type served struct {
	w    *upstreamWorker
	fd   int
	slot int32
	part []byte // of a head that has not all arrived

	request request
	body    int64  // request bytes still to come
	got     int64  // request bytes seen
	out     []byte // head of the answer still to be sent
	size    int64  // of the answer's body
	sent    int64
	blocked bool
}

func (s *served) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		s.answer()
		return
	}
	n, errno := rawRead(s.fd, s.w.loop.buf)
	switch {
	case errno == unix.EAGAIN:
	case errno != 0 || n == 0:
		// Between requests a client may leave as it likes.
		if s.body > 0 {
			s.w.tally.fail("request body ended %d bytes early", s.body)
		}
		s.close()
	default:
		s.feed(s.w.loop.buf[:n])
	}
}

func (s *served) close() { s.w.loop.drop(s.slot, s.fd) }

func (s *served) feed(b []byte) {
	if s.body > 0 {
		s.take(b)
		return
	}
	if len(s.part) > 0 {
		b = append(s.part, b...)
		s.part = nil
	}
	end := bytes.Index(b, headEnd)
	if end < 0 {
		s.part = bytes.Clone(b)
		return
	}
	s.request = parseRequest(b[:end+2])
	if s.request.problems != "" {
		s.w.tally.fail("upstream: %s", s.request.problems)
		_, _ = rawSend(s.fd, []byte("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		s.close()
		return
	}
	rest := b[end+4:]
	if s.request.upgrade {
		s.upgrade(rest)
		return
	}
	s.got, s.body = 0, s.request.length
	if s.body > 0 {
		s.take(rest)
		return
	}
	s.respond()
}

// take checks what arrived of a request's body.
func (s *served) take(b []byte) {
	if int64(len(b)) > s.body {
		s.w.tally.fail("%d bytes behind a request's body", int64(len(b))-s.body)
		s.close()
		return
	}
	if !matches(b, s.got) {
		s.w.tally.fail("request body differs within %d bytes after %d", len(b), s.got)
	}
	s.got += int64(len(b))
	s.body -= int64(len(b))
	s.w.tally.Up += uint64(len(b))
	if s.body == 0 {
		s.respond()
	}
}

func (s *served) respond() {
	if s.request.path == eventsPath {
		s.events()
		return
	}
	s.sent, s.size = 0, 2
	if size, ok := strings.CutPrefix(s.request.path, "blob/"); ok && !s.request.post {
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil {
			s.w.tally.fail("blob of size %q asked for", size)
		}
		s.size = n
	}
	s.out = fmt.Appendf(s.out[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n", s.size)
	if s.request.lastOne {
		s.out = append(s.out, "Connection: close\r\n"...)
	}
	s.out = append(s.out, "\r\n"...)
	if s.size <= 4096 { // one segment for a small answer, as servers do
		s.out = append(s.out, patternAt(0, int(s.size))...)
		s.sent = s.size
	}
	s.answer()
}

// answer sends as much as the socket takes and waits for room if that was not all.
func (s *served) answer() {
	for len(s.out) > 0 || s.sent < s.size {
		b := s.out
		if len(b) == 0 {
			b = patternAt(s.sent, int(min(s.size-s.sent, readBuffer)))
		}
		n, errno := rawSend(s.fd, b)
		if errno == unix.EAGAIN {
			if !s.blocked {
				s.blocked = true
				s.w.loop.want(s.slot, s.fd, unix.EPOLLOUT)
			}
			return
		}
		if errno != 0 {
			s.w.tally.fail("send answer: %v", errno)
			s.close()
			return
		}
		if len(s.out) > 0 {
			s.out = s.out[n:]
		} else {
			s.sent += int64(n)
		}
	}
	s.w.tally.Down += uint64(s.size)
	s.w.tally.Requests++
	if s.request.lastOne {
		s.close()
		return
	}
	if s.blocked {
		s.blocked = false
		s.w.loop.want(s.slot, s.fd, unix.EPOLLIN)
	}
}

// upgrade answers 101 and lets the guest that the path names take over.
func (s *served) upgrade(rest []byte) {
	w := s.w
	head := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Protocol: jmap\r\nSec-WebSocket-Accept: " + accept(s.request.key) + "\r\n\r\n")
	if n, errno := rawSend(s.fd, head); errno != 0 || n != len(head) {
		w.tally.fail("send 101: %v", errno)
		s.close()
		return
	}
	w.tally.Opened++
	w.tally.Open++
	base := wire{loop: w.loop, tally: &w.tally, fd: s.fd, slot: s.slot, id: s.request.id}
	var g interface {
		guest
		feed([]byte)
	}
	switch s.request.path {
	case "echo":
		g = &echo{wire: base}
	case "push":
		g = w.subscribe(base)
	case "bulk", "slow":
		if s.request.path == "slow" {
			base.shrink(unix.SO_SNDBUF)
		}
		w.loop.let(s.slot, s.fd)
		fd, id, early := s.fd, s.request.id, bytes.Clone(rest)
		w.tally.Open-- // the other worker counts it
		w.bytes.loop.post(func() { w.bytes.bulk(fd, id, early) })
		return
	default:
		w.tally.fail("upgrade for unknown path %q", s.request.path)
		s.close()
		return
	}
	w.loop.slots[s.slot].guest = g
	if len(rest) > 0 {
		g.feed(rest)
	}
}
