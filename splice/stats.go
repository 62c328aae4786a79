package splice

import "sync/atomic"

// Stats is a snapshot of one loop's counters.
type Stats struct {
	Tunnels      int64              // now
	Guests       int64              // handlers now: handshakes, listeners, watched sockets
	Wakeups      uint64             // returns from waiting
	StaleEvents  uint64             // events older than their slot's present owner
	SplicedBytes uint64             // of the bytes moved, those that went through a pipe
	UpBytes      uint64             // client to upstream, tunnels only
	DownBytes    uint64             // upstream to client, tunnels only
	Ended        [NumReasons]uint64 // tunnels that ended, by reason
}

// published is Stats where other goroutines can read it. The loop counts in plain
// fields and stores here what changed, once a turn.
type published struct {
	last                                      Stats
	tunnels, guests                           atomic.Int64
	wakeups, stale, spliced, upBytes, dnBytes atomic.Uint64
	ended                                     [NumReasons]atomic.Uint64
}

func (p *published) store(s *Stats) {
	if s.Tunnels != p.last.Tunnels || s.Guests != p.last.Guests || s.Ended != p.last.Ended {
		p.tunnels.Store(s.Tunnels)
		p.guests.Store(s.Guests)
		for i := range s.Ended {
			p.ended[i].Store(s.Ended[i])
		}
	}
	if s.UpBytes != p.last.UpBytes || s.DownBytes != p.last.DownBytes {
		p.upBytes.Store(s.UpBytes)
		p.dnBytes.Store(s.DownBytes)
		p.spliced.Store(s.SplicedBytes)
	}
	if s.StaleEvents != p.last.StaleEvents {
		p.stale.Store(s.StaleEvents)
	}
	p.wakeups.Store(s.Wakeups)
	p.last = *s
}

func (p *published) load() (s Stats) {
	s = Stats{
		Tunnels: p.tunnels.Load(), Guests: p.guests.Load(), Wakeups: p.wakeups.Load(), StaleEvents: p.stale.Load(),
		SplicedBytes: p.spliced.Load(), UpBytes: p.upBytes.Load(), DownBytes: p.dnBytes.Load(),
	}
	for i := range s.Ended {
		s.Ended[i] = p.ended[i].Load()
	}
	return s
}
