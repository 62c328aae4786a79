package proxy

import (
	"testing"
	"time"
)

// With the dial limit spent, or less left of it than there are addresses to share it,
// each still gets a limit: 0 would be none.
func TestNoAddressIsTriedWithoutALimit(t *testing.T) {
	now := time.Now()
	for _, left := range []time.Duration{-time.Second, 0, 1, 2, time.Second} {
		for _, n := range []int{1, 2, 3, 4} {
			a := attempts{end: now.Add(left)}
			a.begin(make([]address, n))
			tried := 0
			for addr, limit := a.address(now); addr != nil; addr, limit = a.address(now) {
				if limit <= 0 || limit > max(left, 1) {
					t.Errorf("with %v left address %d of %d gets a limit of %v", left, tried, n, limit)
				}
				tried++
			}
			if tried != n {
				t.Errorf("%d of %d addresses are tried", tried, n)
			}
		}
	}
}

// On a way without a free port, the next look for one waits a hundred times as long as
// the last one took, since that time is the event loop's.
func TestWayWithoutPortsIsLeftAloneForAWhile(t *testing.T) {
	for _, c := range []struct{ took, least, most time.Duration }{
		{time.Millisecond, 100 * time.Millisecond, time.Second},
		{time.Minute, time.Second, time.Second}, // a clock that jumped, a process that was stopped
	} {
		var w way
		if w.barred(time.Now()) {
			t.Fatal("a way that was never taken is barred")
		}
		before := time.Now()
		w.ranOut(before.Add(-c.took))
		after := time.Now()
		if !w.barred(before.Add(c.least - 1)) {
			t.Errorf("a look for a port that took %v may be repeated within %v", c.took, c.least)
		}
		if w.barred(after.Add(c.most)) {
			t.Errorf("a look for a port that took %v is not repeated after %v", c.took, c.most)
		}
	}
}
