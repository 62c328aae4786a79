package splice

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Posts that come one by one each have to wake the loop.
func TestPostWakesEveryTime(t *testing.T) {
	r := newRig(t, Options{})
	for range 2000 {
		r.do(func() {})
	}
}

func TestPostKeepsOrder(t *testing.T) {
	r := newRig(t, Options{})
	var got []int
	for i := range 100 {
		r.loop.Post(func() {
			got = append(got, i)
			if i == 10 {
				r.loop.Post(func() { got = append(got, 1000) }) // after all that were posted before
			}
		})
	}
	r.do(func() {})
	r.do(func() {})
	if len(got) != 101 {
		t.Fatalf("%d of 101 functions ran", len(got))
	}
	at := 0
	for i, n := range got {
		if n == 1000 {
			at = i
		} else if i > 0 && got[i-1] != 1000 && n != got[i-1]+1 {
			t.Fatalf("%d ran after %d", n, got[i-1])
		}
	}
	if at <= 10 {
		t.Errorf("what a posted function posted ran before it")
	}
}

// What Post accepted runs, exactly once; what it refused never does.
func TestPostAndCloseRace(t *testing.T) {
	for range 10 {
		r := newRig(t, Options{})
		var accepted, ran atomic.Int64
		var posters sync.WaitGroup
		for range 4 {
			posters.Go(func() {
				for r.loop.Post(func() { ran.Add(1) }) {
					accepted.Add(1)
				}
			})
		}
		r.do(func() {})
		r.stop()
		posters.Wait()
		if accepted.Load() != ran.Load() {
			t.Fatalf("Post accepted %d functions and %d ran", accepted.Load(), ran.Load())
		}
		if r.loop.Post(func() { t.Error("ran after the end") }) {
			t.Fatal("Post accepts a function after the end")
		}
		r.loop.Close()
	}
}

// A function that was posted beside Close may still bring guests and tunnels: they
// are dropped like all others, and nothing of them stays open.
func TestWhatComesWithCloseIsDropped(t *testing.T) {
	r := newRig(t, Options{})
	near, far := link(t, "tcp4")
	near2, far2 := link(t, "tcp4")
	near3, far3 := link(t, "tcp4")
	goOn := r.hold()
	r.loop.Close()
	dropped := make(chan struct{}, 1)
	r.loop.Post(func() {
		ref := r.loop.Add(&guestFuncs{drop: func() { dropped <- struct{}{} }})
		r.loop.Watch(ref, Client, near, In)
		// Posted while the batch with Close's function runs: it comes after the last turn.
		r.loop.Post(func() {
			late := r.loop.Add(silent{})
			r.loop.Watch(late, Client, near2, In|FIN|Urgent)
			r.loop.Watch(late, Upstream, near3, In|FIN|Urgent)
			r.loop.Tunnel(late, Handover{})
		})
	})
	goOn()
	<-r.done
	select {
	case <-dropped:
	default:
		t.Error("the guest was not told to drop")
	}
	for _, c := range []*tied{{rig: r, far: [2]net.Conn{far, far2}}, {rig: r, far: [2]net.Conn{far3, far}}} {
		c.expectEOF(Client)
		c.expectEOF(Upstream)
	}
	if e := r.end(); e.Reason != Stopped {
		t.Errorf("the late tunnel ended as %s", e.Reason)
	}
}

func TestCloseEndsTunnels(t *testing.T) {
	r := newRig(t, Options{})
	a, b := r.tie("tcp4", Handover{}, nil), r.tie("unix", Handover{}, nil)
	a.write(Client, []byte("x"))
	a.far[Upstream].Read(make([]byte, 1))
	r.stop()
	for _, x := range []*tied{a, b} {
		x.expectEOF(Client)
		x.expectEOF(Upstream)
		x.expectEnd(Stopped, ByLoop)
	}
	if s := r.loop.Stats(); s.Ended[Stopped] != 2 || s.UpBytes != 1 {
		t.Errorf("after the end Stats says %+v", s)
	}
}

// A loop that was never run is run to be closed.
func TestCloseBeforeRun(t *testing.T) {
	l, err := NewLoop(Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
}

func TestEndOfTunnelsLeavesGuests(t *testing.T) {
	r := newRig(t, Options{})
	x := r.tie("tcp4", Handover{}, nil)
	var guest Ref
	r.do(func() {
		guest = r.loop.Add(silent{})
		r.loop.endTunnels()
	})
	x.expectEnd(Stopped, ByLoop)
	r.do(func() {
		if r.loop.table.get(guest) == nil {
			t.Error("endTunnels ended a guest")
		}
	})
	if s := r.loop.Stats(); s.Guests != 1 || s.Tunnels != 0 {
		t.Errorf("Stats counts %d guests and %d tunnels", s.Guests, s.Tunnels)
	}
}
