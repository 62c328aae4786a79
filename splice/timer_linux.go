package splice

import (
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
)

// There is no timer per tunnel or guest. While some guest has a deadline, or some
// tunnel is half-closed, the loop looks at those once a tick; idle tunnels, and
// guests that a Keeper has, are looked for once in an eighth of the idle limit. With
// neither, nothing wakes it.

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

func (l *Loop) needSweep() {
	if l.nextSweep == 0 && l.opt.IdleTimeout > 0 {
		l.nextSweep = l.now + l.sweepEvery()
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
		l.nextSweep = 0
		l.sweepIdle()
		if l.count.Tunnels > 0 || l.table.kept > 0 {
			l.needSweep()
		}
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
	to := Upstream
	if e.broken == 1<<Upstream {
		to = Client
	}
	if n := uint32(rawsock.Unsent(int(e.fd[to]))); n != e.unsent {
		e.unsent = n
		e.last = l.ticks()
	}
}

func (l *Loop) sweepIdle() {
	limit := uint32(l.opt.IdleTimeout / tick)
	if l.count.Tunnels > 0 {
		l.table.each(kindTunnel, func(ref Ref, e *entry) {
			if l.ticks()-e.last > limit {
				l.end(ref, e, Idle, ByLoop)
			}
		})
	}
	if l.table.kept > 0 {
		l.table.each(kindKept, func(ref Ref, e *entry) {
			if l.ticks()-e.last > limit {
				l.keeper.Expire(ref)
			}
		})
	}
}

// ticks is the loop's clock in the unit of entry.last; it wraps after six years,
// and differences are right all the same.
func (l *Loop) ticks() uint32 { return uint32(l.now / tick) }
