package load

import "fmt"

// Tally is what one end counted. Totals never go back; histograms start anew
// with each Mark.
type Tally struct {
	Open     int    // tunnels that are up now
	Opened   uint64 // handshakes that ended in a verified 101
	Closed   uint64 // tunnels and visits that ended as they should
	Messages uint64 // frames sent by the upstream, received by a client
	Replies  uint64 // the other way round
	Down, Up uint64 // bulk and body bytes from and to the upstream
	Requests uint64 // plain requests answered
	Blocked  uint64 // sends that found the socket full
	Failed   uint64 // handshakes that a storm may lose
	Errors   uint64
	First    string  // the first error's text
	LastAt   int64   // when the last message arrived
	Busy     []int64 // nanoseconds that each loop has not waited

	Latency   Histogram // of messages, round trips or requests
	Handshake Histogram // connect to verified 101
	Lateness  Histogram // how long after its due time the sender sent
}

func (t *Tally) fail(format string, args ...any) {
	if t.Errors == 0 {
		t.First = fmt.Sprintf(format, args...)
	}
	t.Errors++
}

// take copies the totals and hands over the histograms.
func (t *Tally) take() Tally {
	out := *t
	out.Latency, out.Handshake, out.Lateness = t.Latency.take(), t.Handshake.take(), t.Lateness.take()
	return out
}

// Merge adds another loop's tally, or another process's.
func (t *Tally) Merge(o *Tally) {
	if t.Errors == 0 {
		t.First = o.First
	}
	t.Open += o.Open
	t.Opened += o.Opened
	t.Closed += o.Closed
	t.Messages += o.Messages
	t.Replies += o.Replies
	t.Down += o.Down
	t.Up += o.Up
	t.Requests += o.Requests
	t.Blocked += o.Blocked
	t.Failed += o.Failed
	t.Errors += o.Errors
	t.LastAt = max(t.LastAt, o.LastAt)
	t.Busy = append(t.Busy, o.Busy...)
	t.Latency.Merge(&o.Latency)
	t.Handshake.Merge(&o.Handshake)
	t.Lateness.Merge(&o.Lateness)
}
