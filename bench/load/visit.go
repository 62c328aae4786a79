package load

// visit is a short tunnel: upgrade, Close both ways, end, and the next one.
type visit struct {
	wire
	w      *clientWorker
	up     *upgrade
	closed bool // the server's Close has come
}

// givingUp is the number of errors after which closed loops stop.
const givingUp = 100

func (s *visit) next() {
	if !s.w.running || s.w.tally.Errors > givingUp {
		s.w.busy--
		return
	}
	if s.up == nil {
		s.up = &upgrade{w: s.w, path: "push", done: s.begin, failed: s.next}
	}
	s.up.start()
}

func (s *visit) begin(u *upgrade, rest []byte) {
	s.wire = wire{loop: s.w.loop, tally: &s.w.tally, fd: u.fd, slot: u.slot, id: u.id}
	s.closed = false
	s.tally.Open++
	s.loop.slots[s.slot].guest = s
	s.send(maskedClose)
	if len(rest) > 0 {
		s.feed(rest)
	}
}

func (s *visit) ready(uint32) {
	b, over := s.read()
	if !over {
		s.feed(b)
		return
	}
	if !s.closed {
		s.tally.fail("visit %d: ended without the server's Close", s.id)
	}
	s.close()
	s.next()
}

func (s *visit) feed(b []byte) {
	s.frames(b, func(_ []byte, isClose bool) bool {
		if !isClose {
			s.tally.fail("visit %d: a message that nobody sent", s.id)
		}
		s.closed = isClose
		return true
	})
}
