package splice

import (
	"net"
	"testing"

	"github.com/wssplice/wssplice/splice/rawsock"
)

// Who owns a guest's descriptor, and what is told of it then.

// A socket that is only owned brings no events, is closed with its guest, and can be
// watched later.
func TestOwnRegistersNothing(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	heard := make(chan told, 10)
	var ref Ref
	r.do(func() {
		ref = r.loop.Add(&guestFuncs{ready: func(side Side, ev Events) { heard <- told{side, ev} }})
		r.loop.Own(ref, Client, fd)
	})
	far.Write([]byte("x"))
	r.quiet(heard)
	for range 2 {
		r.do(func() {
			if err := r.loop.Rewatch(ref, Client, In); err != nil {
				t.Error("rewatch:", err)
			}
		})
		if h := r.hear(heard); h.ev&In == 0 {
			t.Errorf("told %#x, wanted In", h.ev)
		}
	}
	r.do(func() {
		r.loop.Remove(ref)
		only := r.loop.Add(silent{})
		fd, far = link(t, "tcp4")
		r.loop.Own(only, Upstream, fd)
		r.loop.Remove(only)
	})
	x := tied{rig: r, far: [2]net.Conn{far}}
	x.expectEOF(Client)
}

func TestWatchOwnsTheDescriptorEvenIfItFails(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	var err error
	r.do(func() {
		ref := r.loop.Add(silent{})
		r.loop.Watch(ref, Client, fd, In)
		err = r.loop.Watch(ref, Client, fd, In) // once too often
		r.loop.Remove(ref)
	})
	if err == nil {
		t.Error("a second registration of one descriptor was accepted")
	}
	x := tied{rig: r, far: [2]net.Conn{far}}
	x.expectEOF(Client)
}

func TestReleaseGivesTheSocketBack(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	ref, heard := r.watch(fd, In)
	var none int
	r.do(func() {
		if got := r.loop.Release(ref, Client); got != fd {
			t.Errorf("released %d, wanted %d", got, fd)
		}
		none = r.loop.Release(ref, Client)
		r.loop.Remove(ref)
	})
	if none != -1 {
		t.Errorf("released %d where nothing was left", none)
	}
	far.Write([]byte("still here"))
	r.quiet(heard)
	got := make([]byte, 100)
	if n, _ := rawsock.Read(fd, got); string(got[:n]) != "still here" {
		t.Errorf("the released socket reads %q", got[:n])
	}
	rawsock.Close(fd)
	if s := r.loop.Stats(); s.StaleEvents != 0 {
		t.Errorf("%d events of a released socket", s.StaleEvents)
	}
}

func TestForgetGoesOnTelling(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	ref, heard := r.watch(fd, In|FIN)
	r.do(func() {
		if got := r.loop.Forget(ref, Client); got != fd {
			t.Errorf("forgot %d, wanted %d", got, fd)
		}
	})
	far.Write([]byte("x"))
	if h := r.hear(heard); h.ev&In == 0 {
		t.Errorf("told %#x, wanted In", h.ev)
	}
	// Its guest has gone: what still comes is stale and harms nobody.
	r.do(func() { r.loop.Remove(ref) })
	far.Write([]byte("y"))
	if !eventually(func() bool { r.do(func() {}); return r.loop.Stats().StaleEvents > 0 }) {
		t.Error("no stale event was counted")
	}
	rawsock.Close(fd)
}

// A forgotten descriptor can be taken out of the epoll set by its new owner.
func TestUnwatchEndsTheTelling(t *testing.T) {
	r := newRig(t, Options{})
	fd, far := link(t, "tcp4")
	ref, heard := r.watch(fd, In)
	r.do(func() { r.loop.Forget(ref, Client) })
	r.loop.Unwatch(fd)
	far.Write([]byte("x"))
	r.quiet(heard)
	rawsock.Close(fd)
}

func TestCloseSideAndRemove(t *testing.T) {
	r := newRig(t, Options{})
	var x tied
	x.rig = r
	var ref Ref
	for side := range 2 {
		x.near[side], x.far[side] = link(t, "tcp4")
	}
	r.do(func() {
		ref = r.loop.Add(silent{})
		r.loop.Watch(ref, Client, x.near[0], In)
		r.loop.Watch(ref, Upstream, x.near[1], In)
		r.loop.CloseSide(ref, Upstream)
		r.loop.CloseSide(ref, Upstream)
	})
	x.expectEOF(Upstream)
	r.do(func() { r.loop.Remove(ref); r.loop.CloseSide(ref, Client) })
	x.expectEOF(Client)
	if s := r.loop.Stats(); s.Guests != 0 {
		t.Errorf("%d guests are left", s.Guests)
	}
}
