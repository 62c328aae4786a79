package splice

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
)

// Handover is what a handshake leaves to its tunnel.
type Handover struct {
	// Peer is the client's address, for End.
	Peer netip.AddrPort
	// Early holds bytes that were read from the client and from the upstream and
	// not passed on yet, indexed by the side they came from. They are copied.
	Early [2][]byte
	// Unread says for each side that it may hold more, for which no event will come.
	Unread [2]bool
}

// Tunnel makes the guest a tunnel. Both its sides must be watched for at least In,
// FIN and Urgent. Its handler hears no more.
func (l *Loop) Tunnel(ref Ref, h Handover) {
	e := l.table.get(ref)
	l.dropGuest(e)
	e.kind, e.guest = kindTunnel, -1
	e.addr, e.port = h.Peer.Addr().As16(), h.Peer.Port()
	e.opened = time.Now().UnixNano()
	e.last = l.ticks()
	e.born = e.last
	l.count.Tunnels++
	l.needSweep(e)
	for side, early := range h.Early {
		if len(early) > 0 {
			l.pass(ref, e, side, early)
		}
		if h.Unread[side] {
			e.flow[side] |= flowMore | flowUntil // a FIN may have come with an event of the guest's
		}
	}
	l.advance(ref, e)
}

// endTunnels ends every tunnel at once.
func (l *Loop) endTunnels() {
	l.table.each(kindTunnel, func(ref Ref, e *entry) { l.end(ref, e, Stopped, ByLoop) })
}

// A flow bears the number of the side that it comes from: flow 0 is up, from the
// client, flow 1 is down, from the upstream. So flow f reads from side f and writes
// to side 1-f.

func (l *Loop) tunnelReady(ref Ref, e *entry, side Side, ev Events) {
	if ev&(In|FIN|Urgent|Gone|Broken) != 0 {
		e.flow[side] |= flowMore
		// With a FIN, a reset or an urgent byte about, a short read does not mean
		// that the socket is dry: read(2) stops before the urgent byte, and the FIN
		// gives no edge of its own if it came with the bytes.
		if ev&(FIN|Urgent|Gone|Broken) != 0 {
			e.flow[side] |= flowUntil
		}
		if ev&FIN != 0 {
			e.flow[side] |= flowFIN
		}
		if ev&Broken != 0 {
			e.flow[side] |= flowError
		}
	}
	if ev&(Out|Gone|Broken) != 0 {
		e.flow[1-side] &^= flowBlocked
	}
	if (e.flow[0]|e.flow[1])&flowBulk != 0 && l.others() {
		l.queue(ref, e) // behind the small ones of this turn
		return
	}
	l.haveTurn(ref, e)
}

// queue gives the tunnel another turn, after those that wait already.
func (l *Loop) queue(ref Ref, e *entry) {
	if !e.queued {
		e.queued = true
		l.again = append(l.again, ref)
	}
}

// waiting is the number of tunnels that have another turn coming.
func (l *Loop) waiting() int { return len(l.again) - l.next }

// advance moves what can be moved and ends the tunnel if nothing is left to come.
func (l *Loop) advance(ref Ref, e *entry) {
	again := l.move(ref, e, 0)
	again = l.move(ref, e, 1) || again
	l.noteError(e, 0)
	l.noteError(e, 1)
	if e.broken != 0 {
		// A write that failed leaves the other direction to be read to its end.
		again = l.move(ref, e, 0) || again
		if l.passReset(ref, e) {
			return
		}
		l.watchHalf(ref, e)
	} else if done := e.flow[0] & e.flow[1] & flowShut; done != 0 {
		l.end(ref, e, Closed, Side(e.first-1))
		return
	} else if (e.flow[0]|e.flow[1])&(flowShut|flowError) != 0 {
		// With an error that nobody has read yet a slow reader is in the way: it may
		// take its time, but no longer than any side that talks to nobody.
		l.watchHalf(ref, e)
	}
	if again {
		l.queue(ref, e)
	}
}

// passReset ends a tunnel of which one side was reset, once all that came from
// that side has been passed on and acknowledged: a reset throws away what its
// receiver's kernel has not been given yet. It reports whether the tunnel has ended.
func (l *Loop) passReset(ref Ref, e *entry) bool {
	by := Side(e.first - 1)
	if e.broken != 1<<Client|1<<Upstream {
		from := Client
		if e.broken == 1<<Upstream {
			from = Upstream
		}
		by = from
		if e.flow[from]&flowShut == 0 || e.held[from] != 0 || rawsock.Unsent(int(e.fd[1-from])) > 0 {
			return false
		}
	}
	l.end(ref, e, e.why, by)
	return true
}

// breakSide notes that a side was reset or lost. Nothing can be sent to it any
// more; what it sent before can still be read.
func (l *Loop) breakSide(e *entry, side int, errno syscall.Errno) {
	if e.broken == 0 {
		e.why = reasonOf(errno)
	}
	e.broken |= 1 << side
	l.noteFirst(e, side)
	l.letGo(e, 1-side)
	e.flow[1-side] |= flowEOF | flowShut
	e.flow[side] |= flowMore | flowUntil
}

// noteError looks at the error of a side whose FIN was read. Nothing is read from it
// any more, so nobody else would find that it was reset since.
func (l *Loop) noteError(e *entry, side int) {
	if e.flow[side]&(flowError|flowEOF) != flowError|flowEOF || e.broken&(1<<side) != 0 {
		return
	}
	e.flow[side] &^= flowError
	if errno := rawsock.ConnectError(int(e.fd[side])); errno != 0 {
		l.breakSide(e, side, errno)
	}
}

func (l *Loop) noteFirst(e *entry, side int) {
	if e.first == 0 {
		e.first = uint8(side) + 1
	}
}

// watchHalf puts the tunnel under HalfCloseTimeout, which begins now: the tunnel
// may have been idle for long.
func (l *Loop) watchHalf(ref Ref, e *entry) {
	if !e.half {
		e.half = true
		e.last = l.ticks()
		l.half = append(l.half, ref)
		l.needTick()
	}
}

// end closes both sockets and frees the slot. A side is reset if the other was, or
// if bytes for it are thrown away: a cut-off stream must not look complete.
func (l *Loop) end(ref Ref, e *entry, why Reason, by Side) {
	ended := End{Peer: e.peer(), Opened: time.Unix(0, e.opened), Up: e.moved[0], Down: e.moved[1], By: by, Reason: why}
	for side := range 2 {
		from := 1 - side
		unread := e.flow[from]&(flowMore|flowEOF|flowShut) == flowMore
		if cut := e.broken&(1<<from) != 0 || e.held[from] != 0 || unread; cut && e.broken&(1<<side) == 0 {
			rawsock.Reset(int(e.fd[side]))
		} else {
			rawsock.Close(int(e.fd[side]))
		}
	}
	l.letGo(e, 0)
	l.letGo(e, 1)
	l.table.put(ref)
	l.count.Tunnels--
	l.count.Ended[why]++
	if l.opt.Ended != nil {
		l.opt.Ended(ended)
	}
}
