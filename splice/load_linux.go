package splice

import "time"

// window is the time over which a loop measures how busy it is.
const window = 100 * time.Millisecond

// load measures how busy a loop is.
type load struct {
	since time.Duration // when the window began, on the loop's clock
	idle  time.Duration // in this window
	depth int           // events and tunnels that had a turn coming, summed up over turns
	turns int
}

// report is what a loop did in a window.
type report struct {
	at      time.Time // when the window ended
	busy    float64   // share of the window
	depth   int       // how many had a turn coming at a time, on average
	tunnels int64
}

// measure notes that a turn begins in which so many have something to do, and ends
// the window if it is over. A loop without work has no turns, so its window is as
// long as its rest.
func (l *Loop) measure(depth int) {
	m := &l.load
	// What parking itself takes is no rest: a loop that is saturated with small
	// messages may park after every turn.
	m.idle += max(0, l.rested-parkCost)
	m.depth += depth
	m.turns++
	took := l.now - m.since
	if took < window {
		return
	}
	r := report{
		at:   l.start.Add(l.now),
		busy: 1 - float64(m.idle)/float64(took), depth: m.depth / m.turns, tunnels: l.count.Tunnels,
	}
	*m = load{since: l.now}
	l.giving, l.spillTo = 0, nil
	l.balance.report(l, r)
}

// Spill is where the next connection should begin its life: the index in Balance's
// list of a loop that has more time than this one, or of this one.
func (l *Loop) Spill() int {
	if l.spillTo == nil {
		return l.index
	}
	if l.spilled = !l.spilled; l.spilled {
		return l.spillTo.index
	}
	return l.index
}
