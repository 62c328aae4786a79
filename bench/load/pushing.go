package load

import (
	"math/rand/v2"
	"time"
)

// pushing is a Push under way.
type pushing struct {
	frame    []byte
	chunk    []byte // the frame as event streams have it
	size     int
	interval float64 // mean nanoseconds between two messages; 0 is flat out
	due      float64
	left     int // messages to go; negative for no end
	once     bool
	next     int // index of the next tunnel
	gaps     *rand.Rand
}

func newPushing(args PushArgs, now int64) (*pushing, error) {
	frame, err := newFrame(args.Size, false)
	if err != nil {
		return nil, err
	}
	p := &pushing{frame: frame, size: args.Size, due: float64(now), left: -1, once: args.Once,
		gaps: rand.New(rand.NewPCG(1, 2))}
	if args.Rate > 0 {
		p.interval = float64(time.Second) / float64(args.Rate)
	}
	if args.Count > 0 {
		p.left = args.Count
	}
	return p, nil
}

// burst is how many messages go out before events are looked at again.
const burst = 64

// send pushes what is due and says how long to wait, as Loop.tick does.
func (p *pushing) send(w *upstreamWorker, now int64) (wait int64, done bool) {
	switch {
	case len(w.pushed) == 0:
		return -1, true
	case p.once:
		for _, t := range w.pushed {
			p.message(t, int64(p.due))
		}
		return -1, true
	case p.interval == 0:
		return p.flatOut(w, now)
	}
	for range burst {
		if p.left == 0 {
			return -1, true
		}
		if gap := int64(p.due) - now; gap > 0 {
			return gap, false
		}
		t := p.tunnel(w)
		w.tally.Lateness.Add(now - int64(p.due))
		// Paced messages are never skipped: what the socket does not take is
		// queued, and its delay shows in the latency.
		p.message(t, int64(p.due))
		// Many independent senders make arrivals without memory.
		p.due += p.interval * p.gaps.ExpFloat64()
		p.left--
		now = Now()
	}
	return 0, p.left == 0
}

// flatOut sends a burst to tunnels whose sockets take it.
func (p *pushing) flatOut(w *upstreamWorker, now int64) (wait int64, done bool) {
	skipped := 0
	for range burst {
		if p.left == 0 {
			return -1, true
		}
		t := p.tunnel(w)
		if len(t.out) > 0 {
			if skipped++; skipped == burst {
				// Sockets are full; a millisecond later some are not.
				return int64(time.Millisecond), false
			}
			continue
		}
		p.message(t, now)
		p.left--
	}
	return 0, p.left == 0
}

func (p *pushing) tunnel(w *upstreamWorker) *pushed {
	if p.next >= len(w.pushed) {
		p.next = 0
	}
	t := w.pushed[p.next]
	p.next++
	return t
}

func (p *pushing) message(t *pushed, due int64) {
	seal(p.frame, p.size, message{due: due, tunnel: t.id, sequence: t.sequence})
	t.sequence++
	if t.chunked {
		p.chunk = appendChunk(p.chunk[:0], p.frame)
		t.send(p.chunk)
	} else {
		t.send(p.frame)
	}
	t.tally.Messages++
}
