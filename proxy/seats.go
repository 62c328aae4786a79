package proxy

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// seats are the connections there is room for: in all, and for each address. Who is
// refused for want of one has none, but is there until that has been said.
type seats struct {
	most     int64 // negative: no limit
	mostEach int   // not positive: no limit
	taken    atomic.Int64
	present  atomic.Int64 // connections with a seat and without
	mu       sync.Mutex
	each     map[netip.Addr]int // nil without mostEach
}

// enter takes a seat for a connection from addr. Every call is paired with leave, also
// if there is none.
func (s *seats) enter(addr netip.Addr) (why reason, ok bool) {
	s.present.Add(1)
	if n := s.taken.Add(1); s.most >= 0 && n > s.most {
		s.taken.Add(-1)
		return refusedFull, false
	}
	if s.mostEach > 0 && addr.IsValid() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.each[addr] >= s.mostEach {
			s.taken.Add(-1)
			return refusedFullAddress, false
		}
		s.each[addr]++
	}
	return 0, true
}

// leave gives the seat back, if the connection had one, and reports whether it was the
// last connection present.
func (s *seats) leave(addr netip.Addr, seated bool) (last bool) {
	if seated {
		if s.mostEach > 0 && addr.IsValid() {
			s.mu.Lock()
			if s.each[addr]--; s.each[addr] <= 0 {
				delete(s.each, addr)
			}
			s.mu.Unlock()
		}
		s.taken.Add(-1)
	}
	return s.present.Add(-1) == 0
}
