package method

import (
	"time"

	"github.com/wssplice/wssplice/bench/proc"
)

// Suite is the first line of a results file: what all its runs have in common.
type Suite struct {
	Kind     string            `json:"kind"` // "suite"
	Date     time.Time         `json:"date"`
	Commit   string            `json:"commit"`
	Size     string            `json:"size"`
	Rounds   int               `json:"rounds"`
	Machine  proc.Machine      `json:"machine"`
	Versions map[string]string `json:"versions"` // by peer
}

// Result is one run, one line.
type Result struct {
	Kind     string             `json:"kind"` // "run"
	Scenario string             `json:"scenario"`
	Peer     string             `json:"peer"`
	Round    int                `json:"round"`
	Took     float64            `json:"took_s"`
	Metrics  map[string]float64 `json:"metrics"`

	// Cores that the two ends used in the window, and the share of the whole
	// machine that nobody used.
	ClientCPU   float64 `json:"client_cpu"`
	UpstreamCPU float64 `json:"upstream_cpu"`
	MachineIdle float64 `json:"machine_idle"`
	// Others is the share of the machine that went to programs outside the
	// benchmark, and to the kernel's own threads.
	Others float64 `json:"others"`
	// Late is the 99th percentile of how late a paced sender sent, in microseconds.
	Late float64 `json:"sender_late_us,omitempty"`

	Errors    uint64 `json:"errors"`
	First     string `json:"first_error,omitempty"`
	Saturated string `json:"saturated,omitempty"`
}

// Refused says what is wrong with a result; "" if nothing is. Compare decides what follows.
func (r Result) Refused() string {
	switch {
	case r.Errors > 0:
		return r.First
	case r.Saturated != "":
		return r.Saturated
	}
	return ""
}
