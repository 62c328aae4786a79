// Package scenarios holds the kinds of load, one file each.
package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
)

// All are the scenarios in the order of the report.
var All = slices.Concat(
	idle, growth, gc, handshake, storm, push, fanout, mixed, echo, bulk, slow, plain, events,
)

// Find gives the scenarios that the comma-separated list names, in the order of
// All: by name, by the part of a name before a dash ("push" is push-20k and
// push-flat), or "all"; a minus sign before a name leaves it out.
func Find(list string) ([]method.Scenario, error) {
	chosen := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		name, out := strings.CutPrefix(name, "-")
		known := false
		for _, s := range All {
			if name == "all" || s.Name == name || strings.HasPrefix(s.Name, name+"-") {
				chosen[s.Name], known = !out, true
			}
		}
		if !known {
			return nil, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	var found []method.Scenario
	for _, s := range All {
		if chosen[s.Name] {
			found = append(found, s)
		}
	}
	return found, nil
}

// Names lists every scenario's name.
func Names() []string {
	var names []string
	for _, s := range All {
		names = append(names, s.Name)
	}
	return names
}

// tunnelsOnly leaves out configurations that differ in plain requests only.
func tunnelsOnly(p peers.Peer) string {
	if p.OnlyPlain {
		return "differs from the recipe in plain requests only"
	}
	return ""
}

// messageSize is a push's payload in bytes: a JMAP StateChange for one account
// with three types is about as long.
const messageSize = 200

// flight is how many handshakes run at a time while tunnels are opened.
const flight = 64

// Metrics that several scenarios share.
var (
	cpuPerMessage   = method.Metric{Name: "cpu_us", Title: "CPU per message", Unit: "µs", Proxy: true}
	perSecond       = method.Metric{Name: "per_s", Title: "delivered", Unit: "/s", Higher: true}
	p50             = method.Metric{Name: "p50_us", Title: "p50", Unit: "µs"}
	p99             = method.Metric{Name: "p99_us", Title: "p99", Unit: "µs"}
	p999            = method.Metric{Name: "p999_us", Title: "p99.9", Unit: "µs"}
	gbPerSecond     = method.Metric{Name: "gb_s", Title: "rate", Unit: "GB/s", Higher: true}
	gbPerSecondNote = method.Metric{Name: "gb_s", Title: "bulk", Unit: "GB/s", Higher: true, Plain: true}
	cpuPerGB        = method.Metric{Name: "cpu_s_gb", Title: "CPU per GB", Unit: "s", Proxy: true}
)
