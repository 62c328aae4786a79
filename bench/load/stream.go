package load

import "golang.org/x/sys/unix"

// stream is a bulk tunnel at one of its ends: the endless pattern comes in and
// is compared, and goes out while sending is set.
type stream struct {
	wire
	got, sent      int64
	sending        bool
	stalled        bool // reads nothing
	paced          bool // sends no further than allowed
	allowed        int64
	gotSum, outSum *uint64
}

// turns bounds the reads or writes for one event, so that tunnels share the loop.
const turns = 4

func (s *stream) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 && !s.write() {
		s.loop.park(s)
	}
	if events&^unix.EPOLLOUT != 0 && !s.stalled {
		s.readAll()
	}
}

func (s *stream) readAll() {
	for range turns {
		b, over := s.read()
		if over {
			s.close()
			return
		}
		s.feed(b)
		if len(b) < readBuffer/2 {
			return
		}
	}
}

func (s *stream) feed(b []byte) {
	if !matches(b, s.got) {
		s.tally.fail("tunnel %d: stream differs within %d bytes after %d", s.id, len(b), s.got)
	}
	s.got += int64(len(b))
	*s.gotSum += uint64(len(b))
}

// write says whether the socket took anything.
func (s *stream) write() (some bool) {
	for range turns {
		if !s.sending {
			return true
		}
		want := int64(readBuffer)
		if s.paced {
			want = min(want, s.allowed-s.sent)
		}
		n, errno := rawSend(s.fd, patternAt(s.sent, int(want)))
		if errno != 0 {
			return some
		}
		some = true
		s.sent += int64(n)
		*s.outSum += uint64(n)
		if s.paced && s.sent == s.allowed {
			s.set(false, s.stalled)
		}
		if n < readBuffer {
			return true
		}
	}
	return true
}

// grant lets a paced stream send so many bytes more.
func (s *stream) grant(bytes int64) {
	if s.gone {
		return
	}
	s.allowed += bytes
	if !s.sending {
		s.set(true, s.stalled)
	}
}

// set changes what the tunnel does and what its loop wakes it for.
func (s *stream) set(sending, stalled bool) {
	s.sending, s.stalled = sending, stalled
	s.arm(sending)
}

// arm registers what the tunnel waits for.
func (s *stream) arm(toSend bool) {
	var events uint32
	if toSend {
		events |= unix.EPOLLOUT
	}
	if !s.stalled {
		events |= unix.EPOLLIN
	}
	s.loop.want(s.slot, s.fd, events)
}
