// Package method is how everything is measured: what is started anew for each
// run, what a window of measurement holds, when a result is refused, and how
// rounds become medians. Scenarios say what happens inside a run.
package method

import (
	"time"

	"github.com/wssplice/wssplice/bench/peers"
)

// Scenario is one kind of load.
type Scenario struct {
	Name    string
	Title   string
	About   string   // a sentence or two for the report: what is done, what is measured
	Metrics []Metric // the first is what the scenario is about
	// Peers lists who takes part when nobody is asked for by name; nil is everybody.
	Peers []string
	// Skip says why a peer cannot take part; "" lets it.
	Skip func(p peers.Peer) string
	// Run drives the load and records metrics in b.
	Run func(b *Bed, s Size) error
	// Env is added to the environment of the proxies.
	Env []string
	// Rounds is the most rounds that it runs; 0 is as many as the plan has.
	Rounds int
	// Groups is how many beds side by side the scenario wants; nil is one.
	Groups func(s Size) int
}

// Metric is one number of a scenario.
type Metric struct {
	Name   string // key in the results
	Title  string // heading of the table
	Unit   string
	Higher bool // is better
	// Proxy marks what only a proxy has; the row without one stays empty.
	Proxy bool
	// Plain marks a number that says something about the run, but not who is better.
	Plain bool
}

// Size scales a run.
type Size struct {
	Name string
	// Warm is how long load runs before the window, Window how long it counts.
	Warm, Window time.Duration
}

// Sizes are full (published figures), quick (the same in shorter windows) and
// ci (as little of everything as shows that it works).
var Sizes = map[string]Size{
	"full":  {"full", 600 * time.Millisecond, 2 * time.Second},
	"quick": {"quick", 500 * time.Millisecond, 1500 * time.Millisecond},
	"ci":    {"ci", 50 * time.Millisecond, 250 * time.Millisecond},
}

// Pick takes the number for the size.
func (s Size) Pick(full, quick, ci int) int {
	switch s.Name {
	case "full":
		return full
	case "quick":
		return quick
	default:
		return ci
	}
}
