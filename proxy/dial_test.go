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
