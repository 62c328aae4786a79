package proxy

import "time"

// attempts is the order of a dial: every address in turn, then a pause, then again,
// until the dial limit is spent. A mail server that restarts must not cost a
// client its push: some clients try three times within 50 ms and then no more.
type attempts struct {
	addrs []address
	next  int
	pause time.Duration
	end   time.Time // the zero Time: no limit
	last  reason    // of the latest failure that tells something
	err   error
	other bool // in this round there was a failure other than want of ports
}

const (
	pauseFirst = 25 * time.Millisecond
	pauseMost  = 400 * time.Millisecond
)

// begin starts with a fresh list of addresses.
func (a *attempts) begin(addrs []address) { a.addrs, a.next, a.other = addrs, 0, false }

// address is the one to try now and the time it may take, so that one address that
// does not answer leaves time for those after it; nil if all were tried.
func (a *attempts) address(now time.Time) (*address, time.Duration) {
	if a.next >= len(a.addrs) {
		return nil, 0
	}
	addr := &a.addrs[a.next]
	a.next++
	limit := a.left(now)
	if rest := len(a.addrs) - a.next; rest > 0 {
		limit = max(limit/time.Duration(rest+1), 1) // 0 would be no limit
	}
	return addr, limit
}

// wait is how long to pause before the next round; ok is false if the limit would
// be spent by then.
func (a *attempts) wait(now time.Time) (d time.Duration, ok bool) {
	a.pause = min(max(2*a.pause, pauseFirst), pauseMost)
	return a.pause, a.pause < a.left(now)
}

// left is what is left of the dial limit.
func (a *attempts) left(now time.Time) time.Duration {
	if a.end.IsZero() {
		return 1 << 62
	}
	return max(a.end.Sub(now), 1)
}

// spent says that nothing is left of it.
func (a *attempts) spent(now time.Time) bool { return a.left(now) <= 1 }

// failed notes why an attempt failed. That time ran out tells less than what the
// attempts before it met with. Ports are what is wanting only if that is so with
// every address.
func (a *attempts) failed(why reason, err error) {
	if why == refusedPorts && a.other {
		return
	}
	a.other = a.other || why != refusedPorts
	if a.err == nil || why != refusedDialSlow {
		a.last, a.err = why, err
	}
}
