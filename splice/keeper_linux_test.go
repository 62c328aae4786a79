package splice

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// keepFuncs is a Keeper made of functions.
type keepFuncs struct {
	ready  func(Ref, Side, Events)
	expire func(Ref, Reason)
	drop   func(Ref)
}

func (k *keepFuncs) Ready(ref Ref, side Side, ev Events) { k.ready(ref, side, ev) }
func (k *keepFuncs) Expire(ref Ref, why Reason)          { k.expire(ref, why) }
func (k *keepFuncs) Drop(ref Ref)                        { k.drop(ref) }

var keptRecord = Record{
	Peer: netip.MustParseAddrPort("192.0.2.7:4711"), Opened: time.Unix(1_800_000_000, 42), Up: 3, Down: 1 << 40,
}

// same says whether two records tell the same of a guest; Age is a matter of when.
func (r Record) same(o Record) bool {
	return r.Peer == o.Peer && r.Opened.Equal(o.Opened) && r.Up == o.Up && r.Down == o.Down
}

// TestKeptGuest hands a guest to the Keeper and back: events go to whose it is, and
// the record is kept.
func TestKeptGuest(t *testing.T) {
	r := newRig(t, Options{})
	kept := make(chan told, 10)
	fd, far := link(t, "tcp4")
	ref, own := r.watch(fd, In|FIN)
	r.do(func() {
		r.loop.SetKeeper(&keepFuncs{ready: func(of Ref, side Side, ev Events) {
			if of != ref {
				t.Errorf("told of %x, the guest is %x", of, ref)
			}
			kept <- told{side, ev}
		}})
		r.loop.Keep(ref, keptRecord)
		if got := r.loop.FD(ref, Client); got != fd {
			t.Errorf("descriptor %d, wanted %d", got, fd)
		}
		if got := r.loop.FD(ref, Upstream); got != -1 {
			t.Errorf("descriptor %d of the upstream, wanted none", got)
		}
		if r.loop.Guest(ref) != nil || len(r.loop.guests) > 0 {
			t.Error("a kept guest has a handler")
		}
		r.loop.Moved(ref, Upstream, 5)
	})
	if s := r.loop.Stats(); s.Guests != 1 {
		t.Errorf("%d guests counted, wanted 1", s.Guests)
	}
	far.Write([]byte("x"))
	if h := r.hear(kept); h.side != Client || h.ev&In == 0 {
		t.Errorf("told %#x of side %d, wanted In of the client", h.ev, h.side)
	}
	want := keptRecord
	want.Down += 5
	r.do(func() {
		back := make(chan told, 10)
		if got := r.loop.Resume(ref, &guestFuncs{ready: func(side Side, ev Events) { back <- told{side, ev} }}); !got.same(want) {
			t.Errorf("record %+v, wanted %+v", got, want)
		}
		own = back
	})
	far.Write([]byte("x"))
	if h := r.hear(own); h.ev&In == 0 {
		t.Errorf("told %#x, wanted In", h.ev)
	}
	r.quiet(kept)
	r.do(func() {
		r.loop.Keep(ref, keptRecord)
		if got := r.loop.Depart(ref); !got.same(keptRecord) {
			t.Errorf("record %+v, wanted %+v", got, keptRecord)
		}
		if r.loop.table.get(ref) != nil || r.loop.table.kept != 0 {
			t.Error("the guest is still there")
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("its descriptor is open: %v", err)
		}
	})
	if s := r.loop.Stats(); s.Guests != 0 {
		t.Errorf("%d guests counted, wanted none", s.Guests)
	}
}

// TestKeptGuestBecomesTunnel leaves nothing of a record to the tunnel that follows.
func TestKeptGuestBecomesTunnel(t *testing.T) {
	r := newRig(t, Options{})
	a, client := link(t, "tcp4")
	b, upstream := link(t, "tcp4")
	r.do(func() {
		ref := r.loop.Add(&guestFuncs{})
		for side, fd := range [2]int{a, b} {
			if err := r.loop.Watch(ref, Side(side), fd, In|FIN|Urgent); err != nil {
				t.Error("watch:", err)
			}
		}
		r.loop.Keep(ref, keptRecord)
		r.loop.Resume(ref, &guestFuncs{})
		r.loop.Tunnel(ref, Handover{})
	})
	client.Write([]byte("up"))
	client.Close()
	upstream.Close()
	if e := r.end(); e.Up > 2 || e.Down != 0 || e.Peer.IsValid() {
		t.Errorf("the tunnel's end tells of another: %+v", e)
	}
}

// TestKeptGuestExpires ends the idle one and not the one on which bytes move.
func TestKeptGuestExpires(t *testing.T) {
	r := newRig(t, Options{IdleTimeout: 4 * tick})
	expired := make(chan Ref, 10)
	var idle, busy Ref
	r.do(func() {
		r.loop.SetKeeper(&keepFuncs{expire: func(ref Ref, why Reason) {
			if why != Idle {
				t.Errorf("expired because of %v", why)
			}
			r.loop.Depart(ref)
			expired <- ref
		}})
		for _, ref := range []*Ref{&idle, &busy} {
			*ref = r.loop.Add(&guestFuncs{})
			r.loop.Keep(*ref, keptRecord)
		}
	})
	for {
		select {
		case ref := <-expired:
			if ref != idle {
				t.Error("the busy one has expired")
			}
			r.do(func() { r.loop.Depart(busy) })
			return
		case <-time.After(tick / 5):
			r.do(func() { r.loop.Moved(busy, Client, 1) })
		}
	}
}

// TestKeptGuestIsDropped with the loop.
func TestKeptGuestIsDropped(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	ref, _ := r.watch(fd, In)
	dropped := make(chan Record, 1)
	r.do(func() {
		r.loop.SetKeeper(&keepFuncs{drop: func(of Ref) {
			if of == ref {
				dropped <- r.loop.Depart(of)
			}
		}})
		r.loop.Keep(ref, keptRecord)
	})
	r.loop.Close()
	select {
	case got := <-dropped:
		if !got.same(keptRecord) {
			t.Errorf("record %+v, wanted %+v", got, keptRecord)
		}
	case <-time.After(limit):
		t.Fatal("the keeper is not told")
	}
	if n, err := far.Read(make([]byte, 1)); err == nil || n > 0 {
		t.Error("the socket is open")
	}
}
