package method

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wssplice/wssplice/bench/peers"
)

// Plan is what to run.
type Plan struct {
	Scenarios []Scenario
	Peers     []peers.Peer
	// Chosen says that somebody asked for these peers: then each scenario runs
	// all that can take part, and not only those that it lists.
	Chosen bool
	Rounds int
	Size   Size
	Tools  peers.Tools
	// Have says that the result of a run is there already; nil for none.
	Have func(Run) bool
	// Done is called with each result as it comes.
	Done func(Result) error
}

// Run is one peer in one scenario in one round.
type Run struct {
	Scenario Scenario
	Peer     peers.Peer
	Round    int
}

// Runs lists what the plan comes to, in order. A round goes through everything
// before the next begins, so that whatever changes on the machine in the course
// of an hour changes it for all, and so that an end before its time leaves whole
// rounds. Within a scenario each round begins with another peer.
func (p Plan) Runs() []Run {
	var runs []Run
	for round := range p.Rounds {
		for _, s := range p.Scenarios {
			if s.Rounds > 0 && round >= s.Rounds {
				continue
			}
			takePart := slices.DeleteFunc(slices.Clone(p.Peers), func(peer peers.Peer) bool { return !p.takes(s, peer) })
			for i := range takePart {
				runs = append(runs, Run{s, takePart[(i+round)%len(takePart)], round + 1})
			}
		}
	}
	return runs
}

func (p Plan) takes(s Scenario, peer peers.Peer) bool {
	if s.Skips(peer) != "" {
		return false
	}
	return p.Chosen || s.Peers == nil || slices.Contains(s.Peers, peer.Name)
}

// ErrInterrupted says that StopAll ended the plan.
var ErrInterrupted = errors.New("interrupted")

// Run goes through the runs that the plan does not have yet.
func (p Plan) Run() error {
	for _, run := range p.Runs() {
		if p.Have != nil && p.Have(run) {
			continue
		}
		r := p.once(run)
		if stopped() {
			// What it says now is that its processes were killed.
			return ErrInterrupted
		}
		if err := p.Done(r); err != nil {
			return err
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

// runLimit is how long a run may take before its processes are killed: one that
// hangs must not cost the others their turn.
const runLimit = 5 * time.Minute

// once starts everything, lets the scenario run, and stops everything.
func (p Plan) once(run Run) (r Result) {
	s := run.Scenario
	r = Result{Kind: "run", Scenario: s.Name, Peer: run.Peer.Name, Round: run.Round, Metrics: map[string]float64{}}
	start := time.Now()
	defer func() { r.Took = time.Since(start).Seconds() }()
	job := peers.Job{Tools: p.Tools, Env: s.Env}
	b, err := newBed(run.Peer, job, &r)
	if err != nil {
		r.Errors, r.First = 1, err.Error()
		return r
	}
	defer b.stop()
	if s.Groups != nil {
		for range s.Groups(p.Size) - 1 {
			o, err := newBed(run.Peer, job, &r)
			if err != nil {
				b.Fault("%v", err)
				return r
			}
			b.Beside = append(b.Beside, o)
		}
	}
	limit := time.AfterFunc(runLimit, b.abort)
	if err := s.Run(b, p.Size); err != nil {
		b.Fault("%v", fmt.Errorf("%s of %s: %w", s.Name, run.Peer.Name, err))
	} else {
		b.finish()
	}
	if !limit.Stop() {
		b.Fault("")
		r.First = fmt.Sprintf("took more than %v", runLimit)
	}
	b.collect()
	if r.Errors > 0 && b.Proxy != nil && b.Proxy.Output() != "" {
		r.First += "; the proxy says: " + b.Proxy.Output()
	}
	return r
}
