package splice

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Scripts on tunnels that change loops all the time, in the middle of everything.
func TestScriptsOnTunnelsThatMove(t *testing.T) {
	pipes := NewPipes()
	var rigs [2]*rig
	for i := range rigs {
		rigs[i] = newRig(t, Options{HalfCloseTimeout: time.Hour, Pipes: pipes})
		rigs[i].segment = 1400
	}
	a, b := rigs[0], rigs[1]
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moves := 0
	for i, r := range rigs {
		moving.Go(func() {
			for n := 1; ; n = n%5 + 1 {
				moved := make(chan int)
				r.loop.Post(func() { r.loop.giveAway(n, rigs[1-i].loop) })
				rigs[1-i].do(func() {}) // so that there are turns in between
				r.loop.Post(func() { moved <- n - r.loop.giving })
				select {
				case <-stop:
					<-moved
					return
				case n := <-moved:
					if i == 0 {
						moves += n
					}
				}
			}
		})
	}
	const players, each = 8, 4
	var playing sync.WaitGroup
	for player := range uint64(players) {
		playing.Go(func() {
			for n := range uint64(each) {
				playScript(t, a, randomScript(7000+1000*player+n))
			}
		})
	}
	playing.Wait()
	if !t.Failed() {
		for range players * each {
			select {
			case <-a.ended:
			case <-b.ended:
			case <-time.After(limit):
				t.Fatal("a tunnel did not end")
			}
		}
	}
	close(stop)
	moving.Wait()
	if moves == 0 {
		t.Error("no tunnel moved")
	}
	a.nothingHeld()
	b.nothingHeld()
}

// A tunnel goes on where it is brought to: its counters, its times, what it holds back.
func TestTunnelMovesWithAllItHas(t *testing.T) {
	pipes := NewPipes()
	a, b := newRig(t, Options{Pipes: pipes}), newRig(t, Options{Pipes: pipes})
	x := a.tie("tcp4", Handover{}, nil)
	sent := stream(1)
	go func() { // more than the sockets take: some of it will be held back
		x.far[Client].Write(sent.bytes(0, 8<<20))
		x.far[Client].Close()
	}()
	for stuck := false; !stuck; {
		a.do(func() { stuck = a.loop.table.get(x.ref).held[Client] != 0 })
	}
	a.do(func() {
		a.loop.leave(x.ref, a.loop.table.get(x.ref))
		if len(a.loop.leaving) != 1 {
			t.Error("the tunnel does not leave")
		}
		a.loop.givingTo = b.loop
	})
	a.do(func() {}) // its turn has ended: the tunnel is on its way
	got := make([]byte, 8<<20)
	if _, err := io.ReadFull(x.far[Upstream], got); err != nil || !bytes.Equal(got, sent.bytes(0, len(got))) {
		t.Errorf("what arrived is not what was sent (%v)", err)
	}
	x.far[Upstream].Close()
	if e := b.end(); e.Up != 8<<20 || e.Reason != Closed {
		t.Errorf("the tunnel ended as %+v", e)
	}
	if s := a.loop.Stats(); s.Tunnels != 0 {
		t.Errorf("the loop that it left counts %d tunnels", s.Tunnels)
	}
}

// A loop that has ended takes no tunnels: they end with the one that they are on.
func TestTunnelCannotMoveToALoopThatHasEnded(t *testing.T) {
	pipes := NewPipes()
	a, b := newRig(t, Options{Pipes: pipes}), newRig(t, Options{Pipes: pipes})
	b.stop()
	x := a.tie("tcp4", Handover{}, nil)
	a.do(func() { a.loop.giveAway(1, b.loop) })
	x.far[Client].Write([]byte("there"))
	sent := make([]byte, 5)
	if _, err := x.far[Upstream].Read(sent); err != nil || string(sent) != "there" {
		t.Errorf("read %q, %v", sent, err)
	}
	a.stop()
	if e := a.end(); e.Reason != Stopped {
		t.Errorf("the tunnel ended as %+v", e)
	}
}

// A loop that has more to do than it can, beside one that has nothing to do.
func TestSaturatedLoopGivesTunnelsAway(t *testing.T) {
	pipes := NewPipes()
	var rigs [2]*rig
	var loops [2]*Loop
	for i := range rigs {
		rigs[i] = newRig(t, Options{Pipes: pipes})
		loops[i] = rigs[i].loop
	}
	a, b := rigs[0], rigs[1]
	// Both loops run already, on which Balance does not count: do it from within.
	a.do(func() {
		b.do(func() {
			Balance(a.loop, b.loop)
			a.loop.balance.stat = "/nowhere" // a machine with processors to spare
		})
	})
	const tunnels = 40
	var busy []*tied
	for range tunnels {
		busy = append(busy, a.tie("tcp4", Handover{}, nil))
	}
	stop := make(chan struct{})
	var echoes sync.WaitGroup
	for _, x := range busy {
		echoes.Go(func() { // one message in flight, for as long as it takes
			buf := make([]byte, 4)
			for {
				select {
				case <-stop:
					return
				default:
				}
				x.far[Client].Write(buf)
				x.far[Upstream].Read(buf)
			}
		})
	}
	var spin func()
	spin = func() { // so that the loop hardly ever rests
		for end := time.Now().Add(window / 4); time.Now().Before(end); {
		}
		select {
		case <-stop:
		default:
			a.loop.Post(spin)
		}
	}
	a.loop.Post(spin)
	if !eventually(func() bool { return b.loop.Stats().Tunnels > 0 }) {
		t.Error("no tunnel was given away")
	}
	close(stop)
	echoes.Wait()
	for _, x := range busy {
		x.far[0].Close()
		x.far[1].Close()
	}
	for range tunnels {
		select {
		case <-a.ended:
		case <-b.ended:
		case <-time.After(limit):
			t.Fatal("a tunnel did not end")
		}
	}
}

// Who gives what to whom, by what the loops reported.
func TestBalanceDecides(t *testing.T) {
	at := time.Now()
	full := func(depth int) report { return report{at: at, busy: 0.97, depth: depth, tunnels: 1000} }
	some := func(busy float64, depth int) report { return report{at: at, busy: busy, depth: depth, tunnels: 10} }
	asleep := report{at: at.Add(-time.Hour), busy: 1, depth: 1000, tunnels: 10}
	for name, c := range map[string]struct {
		reports []report
		of      int // whose report comes last
		idle    string
		n, to   int // -1: to nobody
		spill   int
	}{
		"half of what waits":             {[]report{full(40), asleep}, 0, "spare", 20, 1, 1},
		"to the one with least":          {[]report{full(40), some(0.5, 9), some(0.2, 4), full(9)}, 0, "spare", 18, 2, 2},
		"from any loop":                  {[]report{some(0.8, 2), full(9), some(0.5, 5)}, 1, "spare", 3, 0, 0},
		"all are full, one fuller":       {[]report{full(9), full(3)}, 0, "spare", 3, 1, -1},
		"all are as full":                {[]report{full(9), full(9)}, 0, "spare", 0, -1, -1},
		"one tunnel cannot be shared":    {[]report{full(1), asleep}, 0, "spare", 0, 1, 1},
		"no processor to spare":          {[]report{full(40), asleep}, 0, "none", 0, -1, -1},
		"a machine that does not tell":   {[]report{full(40), asleep}, 0, "missing", 20, 1, 1},
		"what it says is no number":      {[]report{full(40), asleep}, 0, "strange", 20, 1, 1},
		"not asked for long":             {[]report{full(40), asleep}, 0, "long ago", 0, -1, -1},
		"asked for just now":             {[]report{full(40), asleep}, 0, "just now", 0, -1, -1},
		"calm: back to the first":        {[]report{some(0.1, 2), some(0.1, 2)}, 1, "", 10, 0, -1},
		"calm: the first stays":          {[]report{some(0.1, 2), some(0.1, 2)}, 0, "", 0, -1, -1},
		"calm: the first sleeps":         {[]report{asleep, some(0.1, 2)}, 1, "", 10, 0, -1},
		"neither calm nor full":          {[]report{some(0.3, 2), some(0.3, 2)}, 1, "", 0, -1, -1},
		"calm: to the first with room":   {[]report{some(0.8, 2), some(0.2, 2), some(0.1, 2)}, 2, "", 10, 1, -1},
		"calm, and no tunnel to go back": {[]report{some(0.1, 2), {at: at, busy: 0.1}}, 1, "", 0, -1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			var loops []*Loop
			for range c.reports {
				l, err := NewLoop(Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { l.Close(); l.Run() }()
				loops = append(loops, l)
			}
			Balance(loops...)
			l := loops[c.of]
			b := l.balance
			copy(b.reports, c.reports)
			b.stat = filepath.Join(t.TempDir(), "stat")
			b.ticks, b.sample = 1000, time.Now().Add(-window)
			text := map[string]string{"spare": "cpu  1 2 3 1900 5 6\ncpu0 1", "none": "cpu  1 2 3 1001 5 6\n", "long ago": "cpu 1 2 3 99999 5\n", "just now": "cpu 1 2 3 1001 5\n", "strange": "cpu 1 2 3 x 5\n"}[c.idle]
			if text != "" {
				if err := os.WriteFile(b.stat, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			switch c.idle {
			case "long ago":
				b.sample = time.Now().Add(-time.Minute)
			case "just now":
				b.sample = time.Now()
			}
			if c.reports[c.of].busy >= saturated {
				b.looking = true
				b.relieve(l)
				l.runPosted()
			} else {
				b.report(l, c.reports[c.of])
			}
			to, spill := -1, -1
			if l.givingTo != nil {
				to = l.givingTo.index
			}
			if l.spillTo != nil {
				spill = l.spillTo.index
			}
			if got, want := fmt.Sprint(l.giving, to, spill), fmt.Sprint(c.n, c.to, c.spill); got != want {
				t.Errorf("gives (how many, to whom, spill to) %s, wanted %s", got, want)
			}
			if b.looking {
				t.Error("it would never look again")
			}
		})
	}
}

// New connections go by turns to the loop that has time, and stay where nobody has.
func TestSpill(t *testing.T) {
	a, b := &Loop{index: 0}, &Loop{index: 3}
	if got := fmt.Sprint(a.Spill(), a.Spill()); got != "0 0" {
		t.Errorf("without need: %s", got)
	}
	a.spillTo = b
	if got := fmt.Sprint(a.Spill(), a.Spill(), a.Spill(), a.Spill()); got != "3 0 3 0" {
		t.Errorf("by turns: %s", got)
	}
}

// What a loop measures of a window.
func TestLoadOfAWindow(t *testing.T) {
	a, err := NewLoop(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { a.Close(); a.Run() }()
	b := &Loop{}
	Balance(a, b)
	turn := func(at, rested time.Duration, depth int) {
		a.now, a.rested = at, rested
		a.measure(depth)
	}
	const ms = time.Millisecond
	turn(10*ms, 0, 4)
	turn(60*ms, 30*ms, 2)
	turn(90*ms, 20*ms, 9)
	turn(91*ms, parkCost/2, 5) // no rest: that is what parking takes
	turn(120*ms, 0, 5)
	if r := a.balance.reports[0]; r.depth != 5 || fmt.Sprintf("%.3f", r.busy) != "0.583" {
		t.Errorf("reported %+v, wanted 50 ms of rest in 120 ms, and 5 at a time", r)
	}
}

// A tunnel is as old on its new loop as it was on the one that it left.
func TestLifetimeMovesAlong(t *testing.T) {
	pipes := NewPipes()
	a := newRig(t, Options{Pipes: pipes, Lifetime: time.Hour})
	b := newRig(t, Options{Pipes: pipes, Lifetime: time.Hour})
	b.do(func() { b.loop.start = b.loop.start.Add(-1000 * time.Hour) }) // its clock shows another time
	x := a.tie("tcp4", Handover{}, nil)
	x.grow(52 * time.Minute)
	a.do(func() { a.loop.giveAway(1, b.loop) })
	x.echo()
	if !eventually(func() bool { return b.loop.Stats().Tunnels == 1 }) {
		t.Fatal("the tunnel did not move")
	}
	if in := b.nextSweep(); in <= 0 || in > 8*time.Minute {
		t.Errorf("the new loop looks for old tunnels in %v, one has 8 minutes left", in)
	}
	b.look()
	x.echo()
	b.do(func() {
		b.loop.table.each(kindTunnel, func(_ Ref, e *entry) { e.born -= uint32(8 * time.Minute / tick) })
	})
	b.look()
	x.expectEOF(Client)
	x.expectEOF(Upstream)
	if e := b.end(); e.Reason != Lifetime {
		t.Errorf("the tunnel ended as %v", e.Reason)
	}
}
