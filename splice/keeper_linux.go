package splice

import (
	"net/netip"
	"time"
)

// Keeper has many guests that wait for long. A Handler is an object for each guest, and
// a place on the loop's list; what a Keeper has is an entry of the table and nothing
// else, as a tunnel is. The methods are those of Handler, with the guest's name.
type Keeper interface {
	Ready(ref Ref, side Side, ev Events)
	// Expire tells that nothing has Moved for Options.IdleTimeout (why is Idle), or that
	// the guest is as old as Options.Lifetime lets it be (Lifetime). The Keeper lets go
	// of the guest, by Resume or Depart.
	Expire(ref Ref, why Reason)
	// Drop tells that the loop is closing. The Keeper lets go by Depart.
	Drop(ref Ref)
}

// Record is what the table's entry holds of a kept guest, as it does of a tunnel.
type Record struct {
	Peer     netip.AddrPort
	Opened   time.Time
	Up, Down uint64 // bytes that came from the client, and from the upstream
	// Age is how much of Options.Lifetime is over: it counts from Keep, so a guest that
	// was kept before has to be told.
	Age time.Duration
}

// SetKeeper makes k the loop's Keeper. It is called before Run.
func (l *Loop) SetKeeper(k Keeper) { l.keeper = k }

// Keep gives the guest to the loop's Keeper. Its handler hears no more. Its deadline
// is gone, and it is under Options.IdleTimeout and Options.Lifetime, as tunnels are,
// without a timer.
func (l *Loop) Keep(ref Ref, r Record) {
	e := l.table.get(ref)
	l.dropGuest(e)
	l.count.Guests++
	l.table.kept++
	e.kind, e.guest = kindKept, -1
	e.addr, e.port = r.Peer.Addr().As16(), r.Peer.Port()
	e.opened = r.Opened.UnixNano()
	e.moved = [2]uint64{r.Up, r.Down}
	e.last = l.ticks()
	e.born = e.last - uint32(r.Age/tick)
	l.needSweep(e)
}

// FD is the descriptor of that side, -1 if there is none.
func (l *Loop) FD(ref Ref, side Side) int { return int(l.table.get(ref).fd[side]) }

// Moved tells that n bytes from that side went on to the other.
func (l *Loop) Moved(ref Ref, from Side, n int) {
	e := l.table.get(ref)
	e.moved[from] += uint64(n)
	e.last = l.ticks()
}

// Resume makes a kept guest h's, and returns the record as it is by now.
func (l *Loop) Resume(ref Ref, h Handler) Record {
	e := l.table.get(ref)
	r := l.record(e)
	l.table.kept--
	e.kind, e.guest, e.moved = kindGuest, int32(len(l.guests)), [2]uint64{}
	l.guests = append(l.guests, guest{handler: h, ref: ref})
	return r
}

// Depart ends a kept guest: descriptors that it still has are closed.
func (l *Loop) Depart(ref Ref) Record {
	r := l.record(l.table.get(ref))
	l.CloseSide(ref, Client)
	l.CloseSide(ref, Upstream)
	l.table.put(ref)
	l.count.Guests--
	return r
}

func (l *Loop) record(e *entry) Record {
	return Record{
		Peer: e.peer(), Opened: time.Unix(0, e.opened), Up: e.moved[Client], Down: e.moved[Upstream], Age: l.age(e),
	}
}
