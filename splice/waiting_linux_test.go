package splice

import (
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// tieWaiting ties a tunnel, has from send stream 0 and reset, and waits until all that
// keeps the reset from being passed on is the reader, which has not acknowledged what
// it was sent. before may be nil; it is called when the tunnel is there.
func tieWaiting(t *testing.T, r *rig, from Side, before func(*tied)) (x *tied, sent int) {
	t.Helper()
	to := 1 - from
	r.segment = 1400
	x = r.tie("tcp4", Handover{}, func(x *tied) {
		// The reader's window is small, and the loop's socket for it takes the rest.
		control(x, x.far[to], func(fd int) { rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
		rawsock.SetInt(x.near[to], unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	})
	if before != nil {
		before(x)
	}
	sent = bufferSize - 1 // copied, not spliced
	x.write(from, stream(0).bytes(0, sent))
	x.taken(from) // a reset throws away what is still to be sent
	x.reset(from)
	if !eventually(func() (waits bool) {
		r.do(func() {
			e := r.loop.table.get(x.ref)
			waits = e != nil && e.broken == 1<<from && e.moved[from] == uint64(sent) && rawsock.Unsent(x.near[to]) > 0
		})
		return waits
	}) {
		t.Fatal("no reset waits: this test shows nothing")
	}
	return x, sent
}

// A reset waits for as long as its reader acknowledges anything, and no longer.
func TestWaitingResetHasALimit(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{HalfCloseTimeout: time.Hour})
		x, _ := tieWaiting(t, r, from, nil)
		to := 1 - from
		r.look()
		got := 0
		for range 3 {
			got += x.progress(to, got)
			r.look()
		}
		// No further: what comes in late counts as progress once, and rightly.
		if !eventually(func() (ended bool) {
			r.do(func() {
				if e := r.loop.table.get(x.ref); e == nil {
					ended = true
				} else {
					e.last -= uint32(2 * time.Hour / tick)
				}
			})
			r.look()
			return ended
		}) {
			t.Fatal("the reset waits for ever")
		}
		x.expectEnd(HalfClosed, ByLoop)
	})
}

// progress lets two hours pass in which all that happens is that the far end of side
// takes, and acknowledges, the next bytes of stream 0, the first being the one at off.
// It returns how many.
func (x *tied) progress(side Side, off int) (n int) {
	x.Helper()
	goOn := x.hold() // the loop must not look in between
	defer goOn()
	before := rawsock.Unsent(x.near[side])
	for rawsock.Unsent(x.near[side]) == before {
		x.expect(side, stream(0), off+n, 500)
		n += 500
	}
	x.loop.table.get(x.ref).last -= uint32(2 * time.Hour / tick)
	return n
}

// What was on its way to a side that was reset is thrown away at once, not kept until
// the other side has acknowledged its last bytes.
func TestBytesForASideThatWasResetAreLetGo(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{HalfCloseTimeout: time.Hour})
		x, _ := tieWaiting(t, r, from, func(x *tied) {
			fill(x, 1-from, 64<<20)
			r.do(func() {
				if r.loop.table.get(x.ref).held[1-from] == 0 {
					t.Error("nothing is held back: this test shows nothing")
				}
			})
		})
		r.do(func() {
			if e := r.loop.table.get(x.ref); e.held != [2]int32{} || len(r.loop.spare) != len(r.loop.held) {
				t.Errorf("held: %v, %d of %d in use", e.held, len(r.loop.held)-len(r.loop.spare), len(r.loop.held))
			}
			if lent, _ := r.loop.opt.Pipes.Counts(); lent != 0 {
				t.Errorf("%d pipes are lent", lent)
			}
		})
	})
}

// The tunnel ended for the reason that broke it first, and by that side.
func TestReasonIsTheFirst(t *testing.T) {
	bothSides(t, func(t *testing.T, first Side) {
		r := newRig(t, Options{})
		x := r.tie("tcp4", Handover{}, nil)
		r.do(func() {
			e := r.loop.table.get(x.ref)
			r.loop.breakSide(e, int(first), unix.ETIMEDOUT)
			r.loop.breakSide(e, int(1-first), unix.ECONNRESET)
			r.loop.advance(x.ref, e)
		})
		x.expectEnd(Lost, first)
	})
}
