package proxy

import (
	"sync/atomic"
	"time"
)

// counters are written where things happen, a few times a connection, and read by
// a scrape. What happens a few times a message is counted by package splice.
type counters struct {
	accepted atomic.Uint64
	now      [NumSteps]atomic.Int64
	closed   [NumSteps][NumParties][numReasons]atomic.Uint64
	upgrades atomic.Uint64
	requests atomic.Uint64
	refused  [numRefusals]atomic.Uint64
	fromClient, toClient,
	fromUpstream, toUpstream atomic.Uint64
	handshake, dial histogram
}

// move counts a connection's step from one part of the journey to another.
func (c *counters) move(from *Step, to Step) {
	if *from != to {
		c.now[*from].Add(-1)
		c.now[to].Add(1)
		*from = to
	}
}

type histogram struct {
	counts [len(DurationBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(DurationBounds) && d > DurationBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) snapshot() (s Histogram) {
	for i := range h.counts {
		s.Counts[i] = h.counts[i].Load()
	}
	s.Sum = time.Duration(h.sum.Load())
	return s
}

func (c *counters) snapshot() Stats {
	s := Stats{
		Accepted: c.accepted.Load(), Upgrades: c.upgrades.Load(), Requests: c.requests.Load(),
		ClientReceivedBytes: c.fromClient.Load(), ClientSentBytes: c.toClient.Load(),
		UpstreamReceivedBytes: c.fromUpstream.Load(), UpstreamSentBytes: c.toUpstream.Load(),
		Handshake: c.handshake.snapshot(), Dial: c.dial.snapshot(),
	}
	for i := range c.now {
		s.Connections[i] = c.now[i].Load()
	}
	for step := range NumSteps {
		for by := range NumParties {
			for why := range numReasons {
				if n := c.closed[step][by][why].Load(); n > 0 {
					s.Closed = append(s.Closed, ClosedCount{step, by, why.String(), n})
				}
			}
		}
	}
	for r := range numRefusals {
		s.Refusals = append(s.Refusals, RefusalCount{refusals[r].name, refusals[r].status, c.refused[r].Load()})
	}
	return s
}
