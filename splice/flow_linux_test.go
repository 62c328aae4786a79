package splice

import (
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// bulk sends n bytes up, and waits for them.
func (x *tied) bulk(n int) {
	x.Helper()
	go x.far[Client].Write(stream(0).bytes(0, n))
	x.expect(Upstream, stream(0), 0, n)
}

// spliced is how many bytes have gone through a pipe so far.
func (r *rig) spliced() (n uint64) {
	r.do(func() { n = r.loop.count.SplicedBytes })
	return n
}

// After bulk, a tunnel is back to small messages: they are copied, which takes two
// system calls in place of three, and do not wait behind other tunnels' bulk.
func TestSmallMessagesAfterBulkAreCopied(t *testing.T) {
	r := newRig(t, Options{})
	x := r.tie("tcp4", Handover{}, nil)
	x.bulk(4 << 20)
	if r.spliced() == 0 {
		t.Fatal("nothing was spliced: this test shows nothing")
	}
	x.echo() // finds that there is no more than this
	before := r.spliced()
	for range 10 {
		x.echo()
	}
	if n := r.spliced() - before; n != 0 {
		t.Errorf("%d bytes of small messages were spliced", n)
	}
}

// A reader that was slow once is not copied for ever after.
func TestSlowReaderIsSplicedForAgain(t *testing.T) {
	r := newRig(t, Options{})
	x := r.tie("tcp4", Handover{}, func(x *tied) {
		// Room for a bufferful at once, from the first one on.
		rawsock.SetInt(x.near[Upstream], unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	})
	r.do(func() { r.loop.table.get(x.ref).flow[Client] |= flowBulk | flowSlow })
	x.bulk(8 << 20)
	if r.spliced() == 0 {
		t.Error("all of 8 MiB was copied, for a reader that took it as fast as it came")
	}
	r.do(func() {
		if r.loop.table.get(x.ref).flow[Client]&flowSlow != 0 {
			t.Error("the reader still counts as slow")
		}
	})
}

// A message of a tunnel with a slow reader ends its bulk, or all that it carries later
// would wait behind other tunnels' turns.
func TestSmallMessagesAfterBulkForASlowReader(t *testing.T) {
	r := newRig(t, Options{})
	x := r.tie("tcp4", Handover{}, nil)
	r.do(func() { r.loop.table.get(x.ref).flow[Client] |= flowBulk | flowSlow })
	x.echo()
	r.do(func() {
		if st := r.loop.table.get(x.ref).flow[Client]; st&flowBulk != 0 {
			t.Errorf("after a small message the flow still counts as bulk: %b", st)
		}
	})
}

// However little a read brings, a turn ends after 64 of them.
func TestTurnIsSoManyReads(t *testing.T) {
	r := newRig(t, Options{})
	x := r.tie("tcp4", Handover{}, nil)
	r.do(func() {
		x.write(Client, []byte("little"))
		x.taken(Client)
		e := r.loop.table.get(x.ref)
		n, spent, dry := r.loop.spliceSome(x.ref, e, int(Client), leastCharge)
		if n != 6 || spent != turnBytes/64 || dry {
			t.Errorf("a read of 6 bytes moved %d and counts %d; asked for a second one: %v", n, spent, dry)
		}
	})
	x.expectText(Upstream, "little")
}

// A tunnel that goes on with its bulk, and finds no pipe to be had, is copied for as
// much at a turn as others are spliced for.
func TestTurnWithoutAPipe(t *testing.T) {
	r := newRig(t, Options{})
	room := func(fd int) { rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 2<<20) }
	x := r.tie("tcp4", Handover{}, func(x *tied) {
		rawsock.SetInt(x.near[Client], unix.SOL_SOCKET, unix.SO_RCVBUF, 2<<20)
		room(x.near[Upstream])
	})
	const n = 300 << 10
	r.loop.opt.Pipes.inUse.Add(pipesMost)
	defer r.loop.opt.Pipes.inUse.Add(-pipesMost)
	r.do(func() {
		control(t, x.far[Client], room)
		x.write(Client, stream(0).bytes(0, n))
		x.taken(Client)
		e := r.loop.table.get(x.ref)
		e.flow[Client] |= flowMore | flowBulk
		r.loop.ready = 2 // somebody else waits
		r.loop.move(x.ref, e, int(Client))
		if e.moved[Client] != n {
			t.Errorf("%d of %d bytes moved in a turn", e.moved[Client], n)
		}
	})
	x.expect(Upstream, stream(0), 0, n)
}

// An error that nobody finds when he looks, such as one that a call has been told of
// already, leaves a tunnel as it was: no limit but the idle one applies.
func TestErrorThatComesToNothing(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{HalfCloseTimeout: time.Hour})
		x := r.tie("tcp4", Handover{}, nil)
		r.do(func() { r.loop.tunnelReady(x.ref, r.loop.table.get(x.ref), from, Broken) })
		x.age(2 * time.Hour)
		r.look()
		x.echo()
	})
}

// The same behind a reader in the way: the limit applies until the error was looked
// for, and again, from its beginning, when the tunnel is half-closed later.
func TestErrorThatComesToNothingLater(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{HalfCloseTimeout: time.Hour})
		x := r.tie("tcp4", Handover{}, nil)
		n := fill(x, from, 64<<20)
		r.do(func() { r.loop.tunnelReady(x.ref, r.loop.table.get(x.ref), from, Broken) })
		x.age(time.Hour - time.Minute)
		r.look()
		r.do(func() {
			if len(r.loop.half) != 1 {
				t.Errorf("%d tunnels are under the limit, wanted 1", len(r.loop.half))
			}
		})
		x.expect(1-from, stream(1), 0, n)
		r.look()
		r.do(func() {
			if len(r.loop.half) != 0 {
				t.Errorf("%d tunnels are under the limit, wanted none", len(r.loop.half))
			}
		})
		x.age(2 * time.Hour)
		r.look()
		x.fin(from)
		x.expectEOF(1 - from)
		if !eventually(func() bool { return rawsock.Unsent(x.near[1-from]) == 0 }) {
			t.Fatal("the FIN is not acknowledged")
		}
		x.age(2 * time.Hour)
		r.look()
		x.expectEnd(HalfClosed, ByLoop)
	})
}
