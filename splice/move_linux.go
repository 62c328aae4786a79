package splice

import (
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// moving is a tunnel on its way to another loop: everything that is known of it. It
// is registered nowhere meanwhile, and told of what it missed when it is registered
// again.
type moving struct {
	entry entry
	held  [2]held
	rests uint32 // ticks since the last byte moved: every loop has a clock of its own
	age   uint32 // ticks since it began
}

// giveAway has the next n tunnels that get a turn move to another loop instead, until
// the present window ends.
func (l *Loop) giveAway(n int, to *Loop) { l.giving, l.givingTo = n, to }

// haveTurn gives the tunnel its turn, and gives it away afterwards if that is to be:
// not before, or one that is sent to and fro would never have a turn.
func (l *Loop) haveTurn(ref Ref, e *entry) {
	l.advance(ref, e)
	if l.giving > 0 && l.table.get(ref) != nil {
		l.leave(ref, e)
	}
}

// leave takes the tunnel off this loop, unless it is coming to its end: then it is on
// the lists of this loop.
func (l *Loop) leave(ref Ref, e *entry) {
	if e.half || e.broken != 0 {
		return
	}
	m := moving{entry: *e, rests: l.ticks() - e.last, age: l.ticks() - e.born}
	for side, fd := range e.fd {
		rawsock.EpollCtl(l.ep, unix.EPOLL_CTL_DEL, int(fd), nil)
		if i := e.held[side]; i != 0 {
			m.held[side] = l.held[i-1]
			l.held[i-1] = held{}
			l.spare = append(l.spare, i)
		}
	}
	l.table.put(ref)
	l.count.Tunnels--
	l.leaving = append(l.leaving, m)
	l.giving--
}

// sendOff passes on the tunnels that left in this turn.
func (l *Loop) sendOff() {
	batch, to := l.leaving, l.givingTo
	l.leaving = nil
	if !to.Post(func() { to.adopt(batch) }) {
		l.adopt(batch) // that loop has ended, and this one is about to
	}
}

// adopt takes tunnels in. An edge is told when a socket is registered, for what is
// there by then; the rest is found out by reading.
func (l *Loop) adopt(batch []moving) {
	for i := range batch {
		m := &batch[i]
		ref, e := l.table.take(kindTunnel)
		gen := e.gen
		*e = m.entry
		e.gen, e.queued, e.held, e.watched = gen, false, [2]int32{}, 0
		e.last, e.born = l.ticks()-m.rests, l.ticks()-m.age
		l.needSweep(e)
		l.count.Tunnels++
		for f := range 2 {
			if m.held[f] != (held{}) {
				l.hold(e, f, m.held[f])
			}
			e.flow[f] |= flowMore | flowUntil
		}
		if errno := l.watchBoth(ref, e); errno != nil {
			l.end(ref, e, Failed, ByLoop)
			continue
		}
		l.queue(ref, e)
	}
}

func (l *Loop) watchBoth(ref Ref, e *entry) error {
	for side := range Side(2) {
		ev := In | FIN | Urgent
		if e.armed&(1<<side) != 0 {
			ev |= Out
		}
		if err := l.register(unix.EPOLL_CTL_ADD, ref, e, side, ev); err != nil {
			return err
		}
	}
	return nil
}
