package splice

import (
	"io"
	"testing"
	"time"
)

// grow makes the loop believe that x began so much earlier.
func (x *tied) grow(d time.Duration) {
	x.Helper()
	x.do(func() {
		e := x.loop.table.get(x.ref)
		if e == nil {
			x.Fatal("the tunnel has ended already")
		}
		e.born -= uint32(d / tick)
	})
}

// nextSweep is how long it is until the loop looks at its tunnels; 0: it will not.
func (r *rig) nextSweep() (in time.Duration) {
	r.do(func() {
		if l := r.loop; l.nextSweep != 0 {
			in = l.nextSweep - l.now
		}
	})
	return in
}

func TestLifetimeEnds(t *testing.T) {
	r := newRig(t, Options{Lifetime: 2 * tick})
	x := r.tie("tcp4", Handover{}, nil)
	x.expectEOF(Client)
	x.expectEOF(Upstream)
	x.expectEnd(Lifetime, ByLoop)
	// The sweep ends with the last tunnel and begins again with the next.
	if in := r.nextSweep(); in != 0 {
		t.Errorf("without tunnels the loop looks for old ones in %v", in)
	}
	x = r.tie("tcp4", Handover{}, nil)
	x.expectEnd(Lifetime, ByLoop)
}

// Bytes keep no tunnel beyond its life, and nothing ends it before seven eighths of it.
func TestLifetimeOfABusyTunnel(t *testing.T) {
	r := newRig(t, Options{Lifetime: 8 * time.Hour, IdleTimeout: time.Hour})
	x := r.tie("tcp4", Handover{}, nil)
	x.echo()
	x.grow(7*time.Hour - time.Minute)
	r.look()
	x.echo()
	x.grow(time.Hour + time.Minute)
	x.echo()
	r.look()
	x.expectEOF(Client)
	x.expectEOF(Upstream)
	if e := x.expectEnd(Lifetime, ByLoop); e.Up == 0 {
		t.Error("the tunnel was not busy: this test shows nothing")
	}
}

func TestLifetimeWithBytesHeldBackIsAReset(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{Lifetime: time.Hour})
		x := r.tie("tcp4", Handover{}, nil)
		fill(x, from, 64<<20)
		x.grow(2 * time.Hour)
		r.look()
		x.expectEnd(Lifetime, ByLoop)
		if _, err := io.Copy(io.Discard, onlyReader{x.far[1-from]}); !isReset(err) {
			t.Errorf("the reader sees %v after a part of its bytes, wanted a reset", err)
		}
	})
}

func TestLifetimeOfAHalfClosedTunnel(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{Lifetime: time.Hour, HalfCloseTimeout: -1})
		x := r.tie("tcp4", Handover{}, nil)
		x.fin(from)
		x.expectEOF(1 - from)
		x.grow(time.Hour)
		r.look()
		x.expectEOF(from)
		x.expectEnd(Lifetime, ByLoop)
	})
}

// Whatever the time of day is said to be, the loop counts for itself.
func TestLifetimeIgnoresTheTimeOfDay(t *testing.T) {
	r := newRig(t, Options{Lifetime: time.Hour})
	x := r.tie("tcp4", Handover{}, nil)
	for _, opened := range []time.Time{time.Unix(0, 0), time.Now().Add(24 * time.Hour)} {
		x.do(func() { x.loop.table.get(x.ref).opened = opened.UnixNano() })
		r.look()
		x.echo()
	}
	x.grow(time.Hour)
	r.look()
	x.expectEnd(Lifetime, ByLoop)
}

// While all tunnels are young nothing wakes the loop, and then only for those whose
// time has come: one that began with them does not have to wait for a long sweep.
func TestLifetimeSweepsWhenOneIsDue(t *testing.T) {
	const life = 24 * time.Hour
	r := newRig(t, Options{Lifetime: life})
	if in := r.nextSweep(); in != 0 {
		t.Fatalf("without tunnels the loop looks for old ones in %v", in)
	}
	young, old := r.tie("tcp4", Handover{}, nil), r.tie("tcp4", Handover{}, nil)
	if in := r.nextSweep(); in < life-life/8-time.Minute || in > life {
		t.Errorf("the loop looks for old tunnels in %v", in)
	}
	old.grow(life - life/8 - time.Hour)
	r.look()
	if in := r.nextSweep(); in < time.Hour-time.Minute || in > life/8+time.Hour {
		t.Errorf("the loop looks for old tunnels in %v, one has at least an hour left", in)
	}
	old.grow(life)
	r.look()
	old.expectEnd(Lifetime, ByLoop)
	if in := r.nextSweep(); in < life-life/8-time.Minute {
		t.Errorf("the loop looks for old tunnels in %v, when the old one has gone", in)
	}
	young.echo()
}

// Both limits: the sweep is as often as the shorter one wants it.
func TestSweepForBothLimits(t *testing.T) {
	for _, c := range []struct{ idle, life, least, most time.Duration }{
		{8 * time.Minute, 24 * time.Hour, 50 * time.Second, time.Minute},
		{24 * time.Hour, 8 * time.Minute, 6 * time.Minute, 8 * time.Minute},
		{24 * time.Hour, 24 * time.Hour, 59 * time.Minute, time.Hour},
	} {
		r := newRig(t, Options{IdleTimeout: c.idle, Lifetime: c.life})
		x := r.tie("tcp4", Handover{}, nil)
		if in := r.nextSweep(); in < c.least || in > c.most {
			t.Errorf("idle %v, life %v: the loop looks in %v", c.idle, c.life, in)
		}
		r.look()
		if in := r.nextSweep(); in < c.least || in > c.most {
			t.Errorf("idle %v, life %v: the loop looks again in %v", c.idle, c.life, in)
		}
		x.echo()
	}
}

// Ten thousand that began together, swept as often as the loop wants to: never are
// more than a fiftieth of them ended at a time, and none before or after its time.
func TestLifetimeSpreads(t *testing.T) {
	const many, life = 10_000, 8 * time.Hour
	l, err := NewLoop(Options{Lifetime: life})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { l.Close(); l.Run() }()
	var k lastWords
	l.SetKeeper(&k)
	for fd := range int32(many) {
		ref, e := l.table.take(kindGuest)
		e.guest = int32(len(l.guests))
		l.guests = append(l.guests, guest{handler: silent{}, ref: ref})
		l.count.Guests++
		e.fd[Client] = 1_000_000 + 2*fd // nobody's, and not in the epoll set
		l.Keep(ref, Record{})
	}
	k.l = l
	sweeps := 0
	for l.nextSweep != 0 {
		l.now, k.now = l.nextSweep, 0
		l.runTimers()
		sweeps++
		if k.now > many/50 {
			t.Fatalf("%d ended at once, after %v", k.now, l.now)
		}
		if k.now > 0 && (l.now < life-life/8-time.Second || l.now > life) {
			t.Fatalf("%d ended after %v", k.now, l.now)
		}
	}
	if k.all != many || sweeps > 2*lifeSteps/8 {
		t.Errorf("%d of %d ended, in %d sweeps", k.all, many, sweeps)
	}
}

// lastWords lets go of what it is told is over, and counts.
type lastWords struct {
	l        *Loop
	now, all int
}

func (k *lastWords) Ready(Ref, Side, Events) {}

func (k *lastWords) Expire(ref Ref, why Reason) {
	if why != Lifetime {
		panic(why)
	}
	k.now++
	k.all++
	k.Drop(ref)
}

func (k *lastWords) Drop(ref Ref) {
	k.l.table.get(ref).fd[Client] = -1
	k.l.Depart(ref)
}

// A guest that was kept, taken back and kept again grows older all the while.
func TestLifetimeOfAKeptGuest(t *testing.T) {
	r := newRig(t, Options{Lifetime: time.Hour})
	over := make(chan Reason, 1)
	r.do(func() { r.loop.SetKeeper(&keeperFuncs{l: r.loop, over: over}) })
	var ref Ref
	r.do(func() {
		ref = r.loop.Add(silent{})
		r.loop.Keep(ref, Record{Age: 30 * time.Minute})
	})
	r.look()
	r.do(func() {
		was := r.loop.Resume(ref, silent{})
		if was.Age < 30*time.Minute || was.Age > 31*time.Minute {
			t.Errorf("it is told to be %v old, wanted 30 min", was.Age)
		}
		was.Age += 30 * time.Minute
		r.loop.Keep(ref, was)
	})
	r.look()
	select {
	case why := <-over:
		if why != Lifetime {
			t.Errorf("it ended as %v", why)
		}
	default:
		t.Error("it did not end")
		r.do(func() { r.loop.Depart(ref) })
	}
}

type keeperFuncs struct {
	l    *Loop
	over chan Reason
}

func (k *keeperFuncs) Ready(Ref, Side, Events) {}
func (k *keeperFuncs) Expire(ref Ref, why Reason) {
	k.l.Depart(ref)
	k.over <- why
}
func (k *keeperFuncs) Drop(ref Ref) { k.l.Depart(ref) }
