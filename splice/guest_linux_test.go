package splice

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// guestFuncs is a guest made of functions; nil ones do nothing.
type guestFuncs struct {
	ready  func(Side, Events)
	expire func()
	drop   func()
}

func (g *guestFuncs) Ready(side Side, ev Events) {
	if g.ready != nil {
		g.ready(side, ev)
	}
}

func (g *guestFuncs) Expire() {
	if g.expire != nil {
		g.expire()
	}
}

func (g *guestFuncs) Drop() {
	if g.drop != nil {
		g.drop()
	}
}

type told struct {
	side Side
	ev   Events
}

// watch makes a guest that watches fd as its client and hands on what it is told.
func (r *rig) watch(fd int, ev Events) (Ref, chan told) {
	r.Helper()
	heard := make(chan told, 100)
	var ref Ref
	r.do(func() {
		ref = r.loop.Add(&guestFuncs{ready: func(side Side, ev Events) { heard <- told{side, ev} }})
		if err := r.loop.Watch(ref, Client, fd, ev); err != nil {
			r.Error("watch:", err)
		}
	})
	return ref, heard
}

func (r *rig) hear(heard chan told) told {
	r.Helper()
	select {
	case h := <-heard:
		return h
	case <-time.After(limit):
		r.Fatal("the guest hears nothing")
		return told{}
	}
}

// quiet checks that nothing was told, after the loop had a full turn.
func (r *rig) quiet(heard chan told) {
	r.Helper()
	r.do(func() {})
	r.do(func() {})
	select {
	case h := <-heard:
		r.Fatalf("the guest was told %#x of side %d", h.ev, h.side)
	default:
	}
}

func TestGuestIsToldOnce(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	_, heard := r.watch(fd, In|FIN)
	r.quiet(heard)
	far.Write([]byte("x"))
	if h := r.hear(heard); h.side != Client || h.ev&In == 0 || h.ev&FIN != 0 {
		t.Errorf("told %#x of side %d, wanted In of the client", h.ev, h.side)
	}
	r.quiet(heard) // the byte is still there, and an edge comes once
	far.(*net.TCPConn).CloseWrite()
	if h := r.hear(heard); h.ev&FIN == 0 {
		t.Errorf("told %#x, wanted FIN", h.ev)
	}
	far.(*net.TCPConn).SetLinger(0)
	far.Close()
	if h := r.hear(heard); h.ev&(Gone|Broken) == 0 {
		t.Errorf("told %#x, wanted Gone or Broken", h.ev)
	}
}

func TestGuestLevelIsToldAgain(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	reads := make(chan byte, 3)
	r.do(func() {
		ref := r.loop.Add(&guestFuncs{ready: func(Side, Events) {
			if n, _ := rawsock.Read(fd, r.loop.Buffer()[:1]); n == 1 {
				reads <- r.loop.Buffer()[0]
			}
		}})
		r.loop.Watch(ref, Client, fd, In|Level)
	})
	far.Write([]byte("abc"))
	for _, want := range []byte("abc") {
		select {
		case got := <-reads:
			if got != want {
				t.Errorf("read %q, wanted %q", got, want)
			}
		case <-time.After(limit):
			t.Fatalf("not told of %q, which came with the first", want)
		}
	}
}

func TestRewatchTellsWhatIsThere(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	ref, heard := r.watch(fd, FIN)
	far.Write([]byte("x"))
	r.quiet(heard)
	r.do(func() {
		if err := r.loop.Rewatch(ref, Client, In|Out); err != nil {
			t.Error("rewatch:", err)
		}
	})
	if h := r.hear(heard); h.ev&(In|Out) != In|Out {
		t.Errorf("told %#x, wanted In and Out", h.ev)
	}
}

// Two guests have events in one batch. The first to hear takes the other's slot
// away and gives it to a third, who must hear nothing.
func TestStaleEventInTheSameBatch(t *testing.T) {
	r := newRig(t, Options{})
	fdA, farA := link(t, "tcp4")
	fdB, farB := link(t, "tcp4")
	fdC, _ := link(t, "tcp4")
	var refs [2]Ref
	var heard []int
	third := 0
	r.do(func() {
		for i := range refs {
			refs[i] = r.loop.Add(&guestFuncs{ready: func(Side, Events) {
				if heard = append(heard, i); len(heard) > 1 {
					return // the far ends close when the test is over
				}
				other := refs[1-i]
				r.loop.Remove(other)
				c := r.loop.Add(&guestFuncs{ready: func(Side, Events) { third++ }})
				if c.slot() != other.slot() {
					t.Error("the slot was not used again: this test shows nothing")
				}
				r.loop.Watch(c, Client, fdC, In)
			}})
		}
		r.loop.Watch(refs[0], Client, fdA, In)
		r.loop.Watch(refs[1], Client, fdB, In)
	})
	goOn := r.hold()
	farA.Write([]byte("x"))
	farB.Write([]byte("x"))
	goOn()
	if !eventually(func() bool { r.do(func() {}); return r.loop.Stats().StaleEvents == 1 }) {
		t.Errorf("%d stale events, wanted 1", r.loop.Stats().StaleEvents)
	}
	r.do(func() {
		if len(heard) != 1 || third != 0 {
			t.Errorf("heard by %v, and %d times by the third", heard, third)
		}
	})
}

func TestGuestsKeepTheirPlaces(t *testing.T) {
	r := newRig(t, Options{})
	var refs []Ref
	heard := make(chan int, 100)
	var fars []net.Conn
	for i := range 20 {
		fd, far := link(t, "tcp4")
		fars = append(fars, far)
		r.do(func() {
			ref := r.loop.Add(&guestFuncs{ready: func(Side, Events) { heard <- i }})
			r.loop.Watch(ref, Client, fd, In)
			refs = append(refs, ref)
		})
	}
	gone := []int{0, 7, 19, 3, 18} // the first, the last, and ones whose place the last takes
	r.do(func() {
		for _, i := range gone {
			r.loop.Remove(refs[i])
		}
	})
	for i, far := range fars {
		if slices.Contains(gone, i) {
			continue
		}
		far.Write([]byte("x"))
		select {
		case got := <-heard:
			if got != i {
				t.Errorf("guest %d was told of guest %d's socket", got, i)
			}
		case <-time.After(limit):
			t.Fatalf("guest %d hears nothing", i)
		}
	}
}

// A socket's error is told even to a guest that asked for nothing.
func TestGuestIsToldOfAReset(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	_, heard := r.watch(fd, 0)
	far.(*net.TCPConn).SetLinger(0)
	far.Close()
	if h := r.hear(heard); h.ev&(Gone|Broken) != Gone|Broken {
		t.Errorf("told %#x, wanted Gone and Broken", h.ev)
	}
	if errno := rawsock.ConnectError(fd); errno != unix.ECONNRESET {
		t.Errorf("the socket's error is %v", errno)
	}
}

func TestGuestsCanBeFoundAndReplaced(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	first, second, other := &guestFuncs{}, &guestFuncs{}, &guestFuncs{}
	heard := make(chan Events, 10)
	second.ready = func(_ Side, ev Events) { heard <- ev }
	r.do(func() {
		l := r.loop
		ref := l.Add(first)
		gone := l.Add(other)
		if l.Guest(ref) != first || l.Guest(gone) != other || l.Guest(0) != nil {
			t.Error("Guest finds somebody else")
		}
		l.Remove(gone)
		if l.Guest(gone) != nil {
			t.Error("Guest finds one that was removed")
		}
		l.Watch(ref, Client, fd, In)
		l.Replace(ref, second)
		var seen []Handler
		l.EachGuest(func(h Handler) { seen = append(seen, h) })
		if len(seen) != 1 || seen[0] != second || l.Guest(ref) != second {
			t.Errorf("%d guests, or not the one that took the first's place", len(seen))
		}
	})
	far.Write([]byte("x"))
	select {
	case <-heard:
	case <-time.After(limit):
		t.Fatal("the new handler hears nothing")
	}
	x := r.tie("tcp4", Handover{}, nil)
	r.do(func() {
		if r.loop.Guest(x.ref) != nil {
			t.Error("Guest takes a tunnel for a guest")
		}
	})
}
