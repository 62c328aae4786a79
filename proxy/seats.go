package proxy

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// seats are the connections there is room for: in all, and for each address.
type seats struct {
	most     int64 // negative: no limit
	mostEach int   // not positive: no limit
	taken    atomic.Int64
	mu       sync.Mutex
	each     map[netip.Addr]int // nil without mostEach
}

// enter takes a seat for a connection from addr. Every call is paired with leave,
// also if it refuses: the refusal has to be said on the connection too.
func (s *seats) enter(addr netip.Addr) (why reason, ok bool) {
	n := s.taken.Add(1)
	ok = true
	if s.mostEach > 0 && addr.IsValid() {
		s.mu.Lock()
		s.each[addr]++
		if s.each[addr] > s.mostEach {
			why, ok = refusedFullAddress, false
		}
		s.mu.Unlock()
	}
	if s.most >= 0 && n > s.most {
		why, ok = refusedFull, false
	}
	return why, ok
}

// leave gives the seat back, and reports whether it was the last one taken.
func (s *seats) leave(addr netip.Addr) (last bool) {
	if s.mostEach > 0 && addr.IsValid() {
		s.mu.Lock()
		if s.each[addr]--; s.each[addr] <= 0 {
			delete(s.each, addr)
		}
		s.mu.Unlock()
	}
	return s.taken.Add(-1) == 0
}
