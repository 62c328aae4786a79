package splice

import (
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
)

// There is no timer per tunnel or guest. While some guest has a deadline, or some
// tunnel is half-closed, the loop looks at those once a tick. Tunnels, and guests that
// a Keeper has, are swept: looked at once in an eighth of the idle limit, and when the
// next of them has reached the end of its life. With none, or neither limit, nothing
// wakes the loop.

func (l *Loop) needTick() {
	if l.nextTick == 0 {
		l.nextTick = l.now + tick
	}
}

// sweepEvery is the time between two looks at all tunnels: an eighth of the limit
// is how late an idle tunnel may end.
func (l *Loop) sweepEvery() time.Duration {
	return min(max(l.opt.IdleTimeout/8, tick), time.Hour)
}

// needSweep has e looked at in time, since it has come or stays.
func (l *Loop) needSweep(e *entry) {
	if l.opt.IdleTimeout > 0 {
		l.sweepIn(l.sweepEvery())
	}
	if l.opt.Lifetime > 0 {
		l.sweepIn(max(l.lifeLeft(e), l.opt.Lifetime/lifeSteps, tick))
	}
}

func (l *Loop) sweepIn(d time.Duration) {
	if l.nextSweep == 0 || l.now+d < l.nextSweep {
		l.nextSweep = l.now + d
	}
}

// arm sets the time at which waiting has to end, if it changed. A deadline that is
// too early does no harm: the loop wakes up once and sets it anew.
func (l *Loop) arm() {
	next := l.nextTick
	if next == 0 || l.nextSweep != 0 && l.nextSweep < next {
		next = l.nextSweep
	}
	if next == 0 || l.armed != 0 && l.armed <= next {
		return
	}
	l.armed = next
	l.file.SetReadDeadline(l.start.Add(next))
}

func (l *Loop) runTimers() {
	if l.nextTick != 0 && l.now >= l.nextTick {
		l.nextTick = 0
		l.expireGuests()
		l.checkHalf()
		if l.timed > 0 || len(l.half) > 0 {
			l.needTick()
		}
	}
	if l.nextSweep != 0 && l.now >= l.nextSweep {
		l.sweep()
	}
}

// expireGuests runs backwards, since Expire may remove guests: the last then takes
// the place of one that was already seen.
func (l *Loop) expireGuests() {
	if l.timed == 0 {
		return
	}
	for i := len(l.guests) - 1; i >= 0; i-- {
		if i >= len(l.guests) {
			continue
		}
		if g := &l.guests[i]; g.deadline != 0 && g.deadline <= l.now {
			g.deadline = 0
			l.timed--
			g.handler.Expire()
		}
	}
}

// checkHalf ends half-closed tunnels that stand still, and resets those that only
// wait for their last bytes to be acknowledged.
func (l *Loop) checkHalf() {
	limit := uint32(l.opt.HalfCloseTimeout / tick)
	kept := l.half[:0]
	for _, ref := range l.half {
		e := l.table.get(ref)
		if e == nil || e.kind != kindTunnel {
			continue
		}
		if e.broken != 0 {
			if l.passReset(ref, e) {
				continue
			}
			l.watchUnsent(e)
		}
		if e.broken == 0 && (e.flow[0]|e.flow[1])&(flowShut|flowError) == 0 {
			e.half = false // the error has come to nothing
			continue
		}
		if l.ticks()-e.last > limit {
			l.watchUnsent(e) // no sooner, as it takes calls: who stands still has twice the limit then
		}
		if l.ticks()-e.last > limit {
			l.end(ref, e, HalfClosed, ByLoop)
			continue
		}
		kept = append(kept, ref)
	}
	l.half = kept
}

// watchUnsent takes what was acknowledged since the last look for bytes that moved:
// the kernel may still be sending what the loop has long passed on.
func (l *Loop) watchUnsent(e *entry) {
	n := uint32(rawsock.Unsent(int(e.fd[Client])) + rawsock.Unsent(int(e.fd[Upstream])))
	if n != e.unsent {
		e.unsent = n
		e.last = l.ticks()
	}
}

// sweep ends what is at the end of its time, and has the rest looked at again.
func (l *Loop) sweep() {
	l.nextSweep = 0
	if l.count.Tunnels > 0 {
		l.table.each(kindTunnel, func(ref Ref, e *entry) {
			if why, over := l.overdue(e); over {
				l.end(ref, e, why, ByLoop)
			} else {
				l.needSweep(e)
			}
		})
	}
	if l.table.kept > 0 {
		l.table.each(kindKept, func(ref Ref, e *entry) {
			if why, over := l.overdue(e); over {
				l.keeper.Expire(ref, why)
			} else {
				l.needSweep(e)
			}
		})
	}
}

// overdue says whether e has been idle for too long, or has lived long enough.
func (l *Loop) overdue(e *entry) (why Reason, over bool) {
	switch {
	case l.opt.IdleTimeout > 0 && l.ticks()-e.last > uint32(l.opt.IdleTimeout/tick):
		return Idle, true
	case l.opt.Lifetime > 0 && l.lifeLeft(e) <= 0:
		return Lifetime, true
	}
	return 0, false
}

// lifeLeft is how much of its lifespan e has before it. The client's descriptor is the
// seed: of those that are open no two are the same, and a tunnel that moves to another
// loop keeps it.
func (l *Loop) lifeLeft(e *entry) time.Duration {
	return Lifespan(l.opt.Lifetime, uint32(e.fd[Client])) - l.age(e)
}

// age is counted by the loop's clock, which only goes forward: whoever sets the time
// of day ends no tunnel and spares none, and the time that a machine sleeps is not
// counted.
func (l *Loop) age(e *entry) time.Duration { return time.Duration(l.ticks()-e.born) * tick }

// ticks is the loop's clock in the unit of entry.last; it wraps after six years,
// and differences are right all the same.
func (l *Loop) ticks() uint32 { return uint32(l.now / tick) }
