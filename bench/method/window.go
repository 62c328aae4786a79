package method

import (
	"fmt"
	"math"
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/proc"
)

// Window is what happened between two looks at everything. Totals in the
// tallies are differences; histograms hold the window's durations only.
type Window struct {
	Wall             time.Duration
	Proxy            time.Duration // processor time of the proxy's processes
	Client, Upstream load.Tally
	clientCPU        time.Duration
	upstreamCPU      time.Duration
	idle             time.Duration
}

// Seconds is the window's length.
func (w Window) Seconds() float64 { return w.Wall.Seconds() }

// Per is the proxy's processor time for one of n, in microseconds.
func (w Window) Per(n uint64) float64 {
	if n == 0 {
		return 0
	}
	return float64(w.Proxy) / 1e3 / float64(n)
}

type look struct {
	at                      time.Time
	proxy, client, upstream time.Duration
	idle                    time.Duration
	c, u                    load.Tally
}

func (b *Bed) look(trees []proc.Tree) (look, error) {
	var l look
	beds := b.All()
	for _, o := range beds {
		c, err := o.Client.Mark()
		if err != nil {
			return l, err
		}
		u, err := o.Upstream.Mark()
		if err != nil {
			return l, err
		}
		l.c.Merge(&c)
		l.u.Merge(&u)
	}
	l.at, l.idle = time.Now(), proc.Idle()
	for i, o := range beds {
		l.proxy += trees[i].CPU()
		l.client += proc.Tree{o.Client.PID()}.CPU()
		l.upstream += proc.Tree{o.Upstream.PID()}.CPU()
	}
	return l, nil
}

// Measure lets d pass and gives what happened in it, in all beds together.
func (b *Bed) Measure(d time.Duration) (Window, error) {
	return b.During(func() error {
		time.Sleep(d)
		return nil
	})
}

// During gives what happened while f ran.
func (b *Bed) During(f func() error) (Window, error) {
	var trees []proc.Tree
	for _, o := range b.All() {
		trees = append(trees, o.Tree())
	}
	from, err := b.look(trees)
	if err != nil {
		return Window{}, err
	}
	if err := f(); err != nil {
		return Window{}, err
	}
	to, err := b.look(trees)
	if err != nil {
		return Window{}, err
	}
	w := Window{
		Wall: to.at.Sub(from.at), Proxy: to.proxy - from.proxy,
		Client: since(to.c, from.c), Upstream: since(to.u, from.u),
		clientCPU: to.client - from.client, upstreamCPU: to.upstream - from.upstream,
		idle: to.idle - from.idle,
	}
	b.judge(w)
	return w, nil
}

func since(to, from load.Tally) load.Tally {
	to.Opened -= from.Opened
	to.Closed -= from.Closed
	to.Messages -= from.Messages
	to.Replies -= from.Replies
	to.Down -= from.Down
	to.Up -= from.Up
	to.Requests -= from.Requests
	to.Blocked -= from.Blocked
	to.Failed -= from.Failed
	for i := range to.Busy {
		to.Busy[i] -= from.Busy[i]
	}
	return to
}

const (
	// busy is the share of the time from which a loop counts as saturated,
	busy = 0.95
	// whole the processor time per second that its process must then have used,
	whole = 0.85
	// spare the share of the machine that must then have been left for it to matter:
	// where every core is in use, the machine is the limit, and the proxy's share
	// of it decides.
	spare = 0.05
)

// judge records how busy both ends were, and whether one of their loops, and
// not the proxy, was the limit. Without a proxy one always is.
//
// A loop that had to wait for a processor is not idle either: it was the limit
// only if its process got what one loop can use.
func (b *Bed) judge(w Window) {
	r, beds := b.Result, float64(len(b.All()))
	r.ClientCPU = w.clientCPU.Seconds() / w.Seconds()
	r.UpstreamCPU = w.upstreamCPU.Seconds() / w.Seconds()
	r.MachineIdle = w.idle.Seconds() / w.Seconds() / float64(proc.Cores())
	used := (w.Proxy + w.clientCPU + w.upstreamCPU).Seconds() / w.Seconds() / float64(proc.Cores())
	r.Others = max(0, 1-r.MachineIdle-used)
	if w.Upstream.Lateness.Count > 0 {
		r.Late = float64(w.Upstream.Lateness.Quantile(0.99)) / 1e3
	}
	if b.Peer.Direct() || r.MachineIdle < spare {
		return
	}
	for _, end := range []struct {
		name  string
		tally load.Tally
		cores float64
	}{{"clients", w.Client, r.ClientCPU / beds}, {"upstream", w.Upstream, r.UpstreamCPU / beds}} {
		if end.cores < whole {
			continue
		}
		for _, ns := range end.tally.Busy {
			if share := float64(ns) / float64(w.Wall); share > busy {
				r.Saturated = fmt.Sprintf("a loop of the %s was busy %.0f %% of the time with %.0f %% of the machine idle",
					end.name, share*100, r.MachineIdle*100)
			}
		}
	}
}

// late is by how much the sender may miss the time at which a message was due
// before that spoils latencies: in nanoseconds, and as a share of the latency.
const (
	late      = int64(time.Millisecond)
	lateShare = 2
)

// OnTime sees that what is taken for a proxy's delay was not the sender's. Both
// are compared at the 99th percentile.
func (b *Bed) OnTime(w Window) {
	sender, all := w.Upstream.Lateness.Quantile(0.99), w.Client.Latency.Quantile(0.99)
	if !b.Peer.Direct() && sender > late && sender > all/lateShare {
		b.Result.Saturated = fmt.Sprintf("messages were sent up to %.1f ms late, and arrived after %.1f ms", float64(sender)/1e6, float64(all)/1e6)
	}
}

// Rate sees that a paced sender kept its pace.
func (b *Bed) Rate(w Window, want int) {
	due := float64(want) * w.Seconds()
	// Arrivals are random: a short window may hold a few standard deviations less.
	if float64(w.Upstream.Messages) < 0.98*due-4*math.Sqrt(due) && !b.Peer.Direct() {
		b.Result.Saturated = fmt.Sprintf("the upstream sent %d messages where %.0f were due", w.Upstream.Messages, due)
	}
}
