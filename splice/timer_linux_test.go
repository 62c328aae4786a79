package splice

import (
	"io"
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// age makes the loop believe that x has moved no byte for d.
func (x *tied) age(d time.Duration) {
	x.Helper()
	x.do(func() {
		e := x.loop.table.get(x.ref)
		if e == nil {
			x.Fatal("the tunnel has ended already")
		}
		e.last -= uint32(d / tick)
	})
}

// look has the loop look at its limits now.
func (r *rig) look() {
	r.do(func() {
		r.loop.sweep()
		r.loop.checkHalf()
	})
}

func TestIdleTunnelEnds(t *testing.T) {
	x := newRig(t, Options{IdleTimeout: tick}).tie("tcp4", Handover{}, nil)
	x.expectEOF(Client)
	x.expectEOF(Upstream)
	x.expectEnd(Idle, ByLoop)
	// The sweep ends with the last tunnel and begins again with the next.
	x = x.tie("tcp4", Handover{}, nil)
	x.expectEnd(Idle, ByLoop)
}

func TestBytesKeepATunnel(t *testing.T) {
	r := newRig(t, Options{IdleTimeout: time.Hour})
	used, idle := r.tie("tcp4", Handover{}, nil), r.tie("tcp4", Handover{}, nil)
	used.age(2 * time.Hour)
	idle.age(2 * time.Hour)
	used.echo()
	r.look()
	idle.expectEnd(Idle, ByLoop)
	used.echo()
	used.age(time.Hour - time.Minute)
	r.look()
	used.echo()
}

// Bytes that are thrown away must not look like a complete stream.
func TestIdleEndWithBytesHeldBackIsAReset(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{IdleTimeout: time.Hour})
		x := r.tie("tcp4", Handover{}, nil)
		fill(x, from, 64<<20)
		x.age(2 * time.Hour)
		r.look()
		x.expectEnd(Idle, ByLoop)
		if _, err := io.Copy(io.Discard, onlyReader{x.far[1-from]}); !isReset(err) {
			t.Errorf("the reader sees %v after a part of its bytes, wanted a reset", err)
		}
	})
}

func TestHalfClosedTunnelEnds(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		x := newRig(t, Options{HalfCloseTimeout: tick}).tie("tcp4", Handover{}, nil)
		x.fin(from)
		x.expectEOF(1 - from)
		x.expectEOF(from)
		x.expectEnd(HalfClosed, ByLoop)
	})
}

// The grace period begins with the FIN, not with the last byte: an answer to the
// FIN of a tunnel that was idle for hours still gets through.
func TestHalfCloseAfterALongIdleTime(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{HalfCloseTimeout: time.Hour})
		x := r.tie("tcp4", Handover{}, nil)
		x.age(2 * time.Hour)
		x.fin(from)
		x.expectEOF(1 - from)
		r.look()
		x.write(1-from, []byte("goodbye"))
		if got, _ := x.readPlain(from, 7); string(got) != "goodbye" {
			t.Errorf("got %q", got)
		}
		x.age(time.Hour - time.Minute)
		r.look()
		x.write(1-from, []byte("goodbye"))
		if got, _ := x.readPlain(from, 7); string(got) != "goodbye" {
			t.Errorf("got %q", got)
		}
		x.age(2 * time.Hour)
		r.look()
		x.expectEnd(HalfClosed, ByLoop)
	})
}

// Without a limit a half-closed tunnel stands still for as long as it likes.
func TestHalfClosedTunnelWithoutALimit(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{HalfCloseTimeout: -1})
		x := r.tie("tcp4", Handover{}, nil)
		x.fin(from)
		x.expectEOF(1 - from)
		x.age(365 * 24 * time.Hour)
		r.look()
		x.write(1-from, []byte("goodbye"))
		if got, _ := x.readPlain(from, 7); string(got) != "goodbye" {
			t.Errorf("got %q", got)
		}
		x.fin(1 - from)
		x.expectEOF(from)
		x.expectEnd(Closed, from)
	})
}

// A tunnel that has ended leaves the list of half-closed ones, and the ticks end.
func TestTicksEndWithTheLastHalfClosedTunnel(t *testing.T) {
	r := newRig(t, Options{HalfCloseTimeout: time.Hour})
	x := r.tie("tcp4", Handover{}, nil)
	x.fin(Client)
	x.expectEOF(Upstream)
	x.fin(Upstream)
	x.expectEnd(Closed, Client)
	if !eventually(func() (over bool) {
		r.do(func() { over = r.loop.nextTick == 0 && len(r.loop.half) == 0 })
		return over
	}) {
		t.Error("the loop still ticks")
	}
}

func TestDeadline(t *testing.T) {
	r := newRig(t, Options{})
	expired := make(chan time.Duration, 10)
	var set time.Duration
	r.do(func() {
		ref := r.loop.Add(&guestFuncs{expire: func() { expired <- r.loop.now }})
		set = r.loop.now
		r.loop.SetDeadline(ref, time.Hour)
		r.loop.SetDeadline(ref, 3*tick) // replaces it
	})
	select {
	case at := <-expired:
		if at-set < 2*tick {
			t.Errorf("expired after %v, more than a tick early", at-set)
		}
	case <-time.After(limit):
		t.Fatal("the deadline does not expire")
	}
	// It is cleared before Expire is called, so the ticks end and nothing comes again.
	if !eventually(func() (over bool) {
		r.do(func() { over = r.loop.nextTick == 0 && r.loop.timed == 0 })
		return over
	}) {
		t.Error("the loop still ticks")
	}
	if len(expired) != 0 {
		t.Error("the deadline expired twice")
	}
}

func TestDeadlineIsCleared(t *testing.T) {
	r := newRig(t, Options{})
	last := make(chan struct{})
	wrong := func(what string) *guestFuncs {
		return &guestFuncs{expire: func() { t.Errorf("the deadline of a guest that %s expired", what) }}
	}
	r.do(func() {
		l := r.loop
		a := l.Add(wrong("cleared it"))
		l.SetDeadline(a, tick)
		l.SetDeadline(a, 0)
		b := l.Add(wrong("was removed"))
		l.SetDeadline(b, tick)
		l.Remove(b)
		l.SetDeadline(l.Add(&guestFuncs{expire: func() { close(last) }}), 4*tick)
		if l.timed != 1 {
			t.Errorf("%d guests are counted as having a deadline, wanted 1", l.timed)
		}
	})
	<-last
}

// Guests that remove themselves, each other, and add new ones when they expire: each
// that is still there is told once.
func TestExpireMayRemoveAndAdd(t *testing.T) {
	r := newRig(t, Options{})
	const many = 50
	var refs [many]Ref
	var told [many]int
	done := make(chan struct{})
	r.do(func() {
		for i := range refs {
			refs[i] = r.loop.Add(&guestFuncs{expire: func() {
				told[i]++
				if i%3 == 0 {
					r.loop.Remove(refs[i])
				}
				if next := (i + 7) % many; i%5 == 0 && r.loop.table.get(refs[next]) != nil {
					r.loop.Remove(refs[next])
					told[next] += 100
				}
				if i%4 == 0 {
					r.loop.Add(silent{})
				}
			}})
			r.loop.SetDeadline(refs[i], tick)
		}
		r.loop.SetDeadline(r.loop.Add(&guestFuncs{expire: func() { close(done) }}), 5*tick)
	})
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatal("the last deadline does not expire")
	}
	r.do(func() {
		for i, n := range told {
			if n != 1 && n != 100 && n != 101 {
				t.Errorf("guest %d was told %d times", i, n%100)
			}
		}
		if r.loop.timed != 0 {
			t.Errorf("%d deadlines are left", r.loop.timed)
		}
	})
}

// A half-closed tunnel whose reader still takes what the loop passed on long ago does
// not stand still; one whose reader stops does.
func TestHalfCloseWaitsForTheReader(t *testing.T) {
	r := newRig(t, Options{HalfCloseTimeout: time.Hour})
	x := r.tie("tcp4", Handover{}, func(x *tied) {
		rawsock.SetInt(x.near[Client], unix.SOL_SOCKET, unix.SO_RCVBUF, 2<<20)
		rawsock.SetInt(x.near[Upstream], unix.SOL_SOCKET, unix.SO_SNDBUF, 2<<20)
		control(t, x.far[Upstream], func(fd int) { shrink(fd, 16<<10) })
	})
	const n = 300 << 10
	x.write(Client, stream(0).bytes(0, n))
	x.fin(Client)
	if !eventually(func() (shut bool) {
		r.do(func() { shut = r.loop.table.get(x.ref).flow[Client]&flowShut != 0 })
		return shut
	}) {
		t.Fatal("the FIN was not passed on")
	}
	pass := func() { // more time than the limit
		x.age(2 * time.Hour)
		r.look()
	}
	pass()
	x.expect(Upstream, stream(0), 0, n/2)
	if !eventually(func() bool { return rawsock.Unsent(x.near[Upstream]) < n/2 }) {
		t.Fatal("the kernel does not send on")
	}
	pass()
	x.write(Upstream, []byte("an answer"))
	x.expectText(Client, "an answer")
	// The kernel may have had some more to send since the last look.
	alive := func() (is bool) {
		r.do(func() { is = r.loop.table.get(x.ref) != nil })
		return is
	}
	for looks := 0; looks < 5 && alive(); looks++ {
		pass()
	}
	x.expectEnd(HalfClosed, ByLoop)
}
