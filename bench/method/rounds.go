package method

import (
	"fmt"
	"time"

	"github.com/wssplice/wssplice/bench/peers"
)

// Plan is what to run.
type Plan struct {
	Scenarios []Scenario
	Peers     []peers.Peer
	Rounds    int
	Size      Size
	Tools     peers.Tools
	// Done is called with each result as it comes.
	Done func(Result) error
}

// Run goes through the rounds. A round runs every peer once, so that whatever
// changes on the machine over time changes it for all; each round begins with
// another peer.
func (p Plan) Run() error {
	for _, s := range p.Scenarios {
		for round := range p.Rounds {
			for i := range p.Peers {
				peer := p.Peers[(i+round)%len(p.Peers)]
				if s.Skips(peer) != "" {
					continue
				}
				if err := p.Done(p.once(s, peer, round+1)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Skips says why peer has no place in the scenario; "" if it has.
func (s Scenario) Skips(p peers.Peer) string {
	if s.Skip == nil {
		return ""
	}
	return s.Skip(p)
}

// once starts everything, lets the scenario run, and stops everything.
func (p Plan) once(s Scenario, peer peers.Peer, round int) (r Result) {
	r = Result{Kind: "run", Scenario: s.Name, Peer: peer.Name, Round: round, Metrics: map[string]float64{}}
	start := time.Now()
	defer func() { r.Took = time.Since(start).Seconds() }()
	b, err := newBed(peer, p.Tools, &r)
	if err != nil {
		r.Errors, r.First = 1, err.Error()
		return r
	}
	defer b.stop()
	if s.Groups != nil {
		for range s.Groups(p.Size) - 1 {
			o, err := newBed(peer, p.Tools, &r)
			if err != nil {
				b.Fault("%v", err)
				return r
			}
			b.Beside = append(b.Beside, o)
		}
	}
	if err := s.Run(b, p.Size); err != nil {
		b.Fault("%v", fmt.Errorf("%s of %s: %w", s.Name, peer.Name, err))
	} else {
		b.finish()
	}
	b.collect()
	if r.Errors > 0 && b.Proxy != nil && b.Proxy.Output() != "" {
		r.First += "; the proxy says: " + b.Proxy.Output()
	}
	return r
}
