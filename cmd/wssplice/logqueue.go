package main

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// logQueueBytes is what a log may be behind by: a few thousand lines.
const logQueueBytes = 1 << 20

// logQueueKeep is the most that an idle queue holds on to.
const logQueueKeep = 64 << 10

// logQueue is an io.Writer that never blocks, for a writer that may. The event
// loops log through it: a standard error that nobody reads must not stop ten
// thousand tunnels. Lines wait in a bounded buffer; those that do not fit are
// dropped, counted, and reported once the writer takes lines again.
type logQueue struct {
	out    io.Writer
	max    int
	report func(out io.Writer, dropped uint64)

	mu      sync.Mutex
	pending []byte // whole lines, at most max bytes
	missed  uint64 // lines dropped since the last report
	closed  bool

	dropped atomic.Uint64
	wake    chan struct{} // holds one token while pending may be non-empty
	quit    chan struct{}
	done    chan struct{}
}

// newLogQueue starts a queue of at most max bytes before out; another max may be
// on its way to out. report writes to out how many lines were dropped.
func newLogQueue(out io.Writer, max int, report func(out io.Writer, dropped uint64)) *logQueue {
	q := &logQueue{
		out:    out,
		max:    max,
		report: report,
		wake:   make(chan struct{}, 1),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	go q.run()
	return q
}

// Write takes one whole line, as slog's handlers write them, or drops it.
func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	if q.closed || len(q.pending)+len(line) > q.max {
		q.missed++
		q.mu.Unlock()
		q.dropped.Add(1)
		return len(line), nil
	}
	q.pending = append(q.pending, line...)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Dropped is the number of lines lost so far.
func (q *logQueue) Dropped() uint64 { return q.dropped.Load() }

// Close writes what is left, for no longer than patience, and drops what comes
// later. It says whether all was written.
func (q *logQueue) Close(patience time.Duration) bool {
	q.mu.Lock()
	closed := q.closed
	q.closed = true
	q.mu.Unlock()
	if !closed {
		close(q.quit)
	}
	select {
	case <-q.done:
		return true
	case <-time.After(patience):
		return false
	}
}

// run is the only goroutine that touches out.
func (q *logQueue) run() {
	defer close(q.done)
	var spare []byte
	for {
		select {
		case <-q.wake:
			spare = q.flush(spare)
		case <-q.quit:
			q.flush(spare)
			return
		}
	}
}

// flush writes until nothing is pending. It swaps pending for spare, which must
// be out of use, and returns the buffer that is out of use then.
func (q *logQueue) flush(spare []byte) []byte {
	for {
		q.mu.Lock()
		batch, missed := q.pending, q.missed
		q.pending, q.missed = spare[:0], 0
		q.mu.Unlock()

		if len(batch) == 0 {
			q.owe(missed)
			return batch
		}
		if n, err := q.out.Write(batch); err != nil {
			lost := uint64(bytes.Count(batch[n:], []byte{'\n'}))
			q.dropped.Add(lost)
			q.owe(missed + lost)
		} else if missed > 0 {
			// Lines were dropped while this batch waited, so they belong after it.
			q.report(q.out, missed)
		}
		spare = batch
		if cap(spare) > logQueueKeep {
			spare = nil
		}
	}
}

// owe leaves n dropped lines to be reported when a line has been written again.
func (q *logQueue) owe(n uint64) {
	q.mu.Lock()
	q.missed += n
	q.mu.Unlock()
}
