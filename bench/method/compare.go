package method

import (
	"fmt"
	"slices"
)

// Row is a peer's figures in one scenario.
type Row struct {
	Peer   string
	Values map[string]Spread // by metric
	// Cores that clients and upstream used, and the share of the machine that was idle.
	Clients, Upstream, Idle Spread
}

// Comparison is one scenario over all peers and rounds.
type Comparison struct {
	Scenario Scenario
	Rows     []Row
	// Others is the largest share of the machine that others used in a window.
	Others float64
	// Strained counts the runs in which the load was the limit or late, but which
	// are too few among their peer's rounds to decide a median.
	Strained int
	// Refused says why the figures must not be compared; "" if they may.
	Refused string
}

// Own is the peer whose figures are set against the best of the others.
const Own = "wssplice"

// Limit is the row without a proxy, which competes with nobody.
const Limit = "direct"

// Compare sums up the runs of one scenario. order lists the peers' names; those
// without a run are left out. One error spoils the comparison: figures that leave
// a run out would be chosen ones. A load that was the limit spoils it from half
// of a peer's rounds on: in fewer, a hiccup of the machine, the median is the
// figure of a round that went well.
func Compare(s Scenario, order []string, results []Result) Comparison {
	c := Comparison{Scenario: s}
	for _, peer := range order {
		values := map[string][]float64{}
		var clients, upstream, idle []float64
		strained, limit := 0, ""
		for _, r := range results {
			if r.Scenario != s.Name || r.Peer != peer {
				continue
			}
			clients = append(clients, r.ClientCPU)
			upstream = append(upstream, r.UpstreamCPU)
			idle = append(idle, r.MachineIdle)
			c.Others = max(c.Others, r.Others)
			switch {
			case r.Errors > 0 && c.Refused == "":
				c.Refused = fmt.Sprintf("%s, round %d: %s", peer, r.Round, r.First)
			case r.Saturated != "":
				strained++
				limit = fmt.Sprintf("%s, round %d: %s", peer, r.Round, r.Saturated)
			}
			for _, m := range s.Metrics {
				if v, ok := r.Metrics[m.Name]; ok && !(m.Proxy && peer == Limit) {
					values[m.Name] = append(values[m.Name], v)
				}
			}
		}
		if len(clients) == 0 {
			continue
		}
		if 2*strained >= len(clients) && strained > 0 && c.Refused == "" {
			c.Refused = limit
		}
		c.Strained += strained
		row := Row{Peer: peer, Values: map[string]Spread{},
			Clients: SpreadOf(clients), Upstream: SpreadOf(upstream), Idle: SpreadOf(idle)}
		for name, v := range values {
			row.Values[name] = SpreadOf(v)
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

// Row gives a peer's row.
func (c Comparison) Row(peer string) (Row, bool) {
	i := slices.IndexFunc(c.Rows, func(r Row) bool { return r.Peer == peer })
	if i < 0 {
		return Row{}, false
	}
	return c.Rows[i], true
}

// Best is the peer with the best median, leaving out the row without a proxy
// and, with others, wssplice. ok is false if nobody has the metric.
func (c Comparison) Best(m Metric, others bool) (peer string, best Spread, ok bool) {
	for _, r := range c.Rows {
		v, has := r.Values[m.Name]
		if !has || r.Peer == Limit || (others && r.Peer == Own) {
			continue
		}
		if !ok || (m.Higher && v.Median > best.Median) || (!m.Higher && v.Median < best.Median) {
			peer, best, ok = r.Peer, v, true
		}
	}
	return peer, best, ok
}
