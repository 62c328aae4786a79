package load

import "golang.org/x/sys/unix"

// subscriber receives pushes.
type subscriber struct {
	wire
	sequence uint32
	said     uint32
	mute     bool    // an event stream: nothing goes up behind its request
	chunks   *chunks // framing of an event stream's body, if it has any
}

func (s *subscriber) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		s.flush()
	}
	if events&^unix.EPOLLOUT == 0 {
		return
	}
	b, over := s.read()
	if over {
		s.tally.fail("tunnel %d: ended by the proxy", s.id)
		s.close()
		return
	}
	s.feed(b)
}

func (s *subscriber) feed(b []byte) {
	if len(b) == 0 {
		return
	}
	now := Now()
	s.tally.LastAt = now
	if s.chunks != nil {
		var err error
		if b, err = s.chunks.strip(b); err != nil {
			s.tally.fail("tunnel %d: %v", s.id, err)
			s.close()
			return
		}
	}
	s.frames(b, func(payload []byte, isClose bool) bool {
		if isClose {
			s.tally.fail("tunnel %d: a Close that nobody sent", s.id)
			return false
		}
		m := s.check(payload, s.sequence)
		s.sequence++
		s.tally.Messages++
		s.tally.Latency.Add(now - m.due)
		return true
	})
}

// echoing sends a message, awaits it and sends the next.
type echoing struct {
	wire
	w        *clientWorker
	frame    []byte
	size     int
	sequence uint32
}

func (e *echoing) next() {
	seal(e.frame, e.size, message{due: Now(), tunnel: e.id, sequence: e.sequence})
	e.send(e.frame)
}

func (e *echoing) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		e.flush()
	}
	if events&^unix.EPOLLOUT == 0 {
		return
	}
	b, over := e.read()
	if over {
		e.tally.fail("tunnel %d: ended by the proxy", e.id)
		e.close()
		return
	}
	e.feed(b)
}

func (e *echoing) feed(b []byte) {
	e.frames(b, func(payload []byte, isClose bool) bool {
		if isClose {
			e.tally.fail("tunnel %d: a Close that nobody sent", e.id)
			return false
		}
		m := e.check(payload, e.sequence)
		e.sequence++
		e.tally.Messages++
		e.tally.Latency.Add(Now() - m.due)
		if !e.w.running {
			e.w.busy--
			return true
		}
		e.next()
		return true
	})
}
