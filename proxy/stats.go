package proxy

import (
	"time"

	"github.com/wssplice/wssplice/splice"
)

// Step is where a connection is on its journey. See docs/architecture.md.
type Step uint8

// The steps that last. Accept, route, credential and ask take no time of their own.
const (
	StepHead     Step = iota // waiting for a request's head
	StepDial                 // connecting to the upstream
	StepAnswer               // an upgrade was asked for, its answer is awaited
	StepExchange             // a plain request and its answer
	StepTunnel               // 101 verified, bytes both ways
	NumSteps
)

// String gives the step's name in logs and metrics.
func (s Step) String() string {
	return [...]string{"head", "dial", "answer", "exchange", "tunnel"}[s]
}

// Party is who ended a connection.
type Party uint8

const (
	ByClient Party = iota
	ByUpstream
	ByProxy
	NumParties
)

// String gives the party's name in logs and metrics.
func (p Party) String() string { return [...]string{"client", "upstream", "proxy"}[p] }

// Stats is a snapshot of a Proxy's counters. Totals only grow.
type Stats struct {
	Accepted              uint64          // client connections accepted
	Connections           [NumSteps]int64 // client connections now, by step
	Closed                []ClosedCount   // client connections ended; only non-zero rows
	Upgrades              uint64          // verified 101s: tunnels opened
	Requests              uint64          // plain requests answered by the upstream
	Refusals              []RefusalCount  // every row of the refusal table, zero or not
	ClientReceivedBytes   uint64          // from clients
	ClientSentBytes       uint64          // to clients
	UpstreamReceivedBytes uint64          // from the upstream
	UpstreamSentBytes     uint64          // to the upstream
	Handshake             Histogram       // from an upgrade's complete head to its verified 101
	Dial                  Histogram       // from the first connect to the one that succeeded
	Loops                 []splice.Stats  // one an event loop
	PipesInUse, PipesIdle int64           // splice pipes, all loops
}

// ClosedCount counts connections that ended in one step, by one party, for one reason.
type ClosedCount struct {
	Step   Step
	By     Party
	Reason string // from a fixed list: see close.go
	Count  uint64
}

// RefusalCount counts one row of the refusal table.
type RefusalCount struct {
	Reason string // the metric label and log attribute
	Status int    // the HTTP status the client gets; 0: closed without an answer
	Count  uint64
}

// DurationBounds are the upper bounds of Histogram's buckets.
var DurationBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Histogram is a snapshot of durations counted by DurationBounds.
type Histogram struct {
	Counts [len(DurationBounds) + 1]uint64 // not cumulative; the last is above every bound
	Sum    time.Duration
}
