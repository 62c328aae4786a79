package load

import (
	"testing"
	"time"
)

func TestPacedStreamsKeepTheirRate(t *testing.T) {
	c, u := between(t, nil)
	opened(t, c, "bulk", 3)
	start := Now()
	if err := u.Flow(FlowArgs{On: true, Rate: 64 << 20}, nil); err != nil {
		t.Fatal(err)
	}
	_, up := tally(t, c, u, func(_, u *Tally) bool { return u.Down >= 8<<20 })
	// The first portion is due at once.
	if due := (Now()-start)*(64<<20)/int64(time.Second) + portion; int64(up.Down) > due {
		t.Errorf("%d bytes went out where %d were due", up.Down, due)
	}
	if err := u.Halt(struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	cl, up := tally(t, c, u, func(c, u *Tally) bool { return c.Down == u.Down })
	none(t, cl, up)
}
