package method

import (
	"fmt"
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
	beds             int
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
		idle: to.idle - from.idle, beds: len(trees),
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
	return to
}

const (
	// busy is the share of a core from which a loop counts as saturated,
	busy = 0.95
	// spare the share of the machine that must then have been left for it to matter:
	// where every core is in use, the machine is the limit, and the proxy's share
	// of it decides.
	spare = 0.05
)

// judge records how busy both ends were, and whether one of them, and not the
// proxy, was the limit. Without a proxy it always is.
func (b *Bed) judge(w Window) {
	r := b.Result
	cores := float64(proc.Cores())
	loops := float64(w.beds)
	client := w.clientCPU.Seconds() / w.Seconds() / loops
	upstream := w.upstreamCPU.Seconds() / w.Seconds() / loops
	idle := w.idle.Seconds() / w.Seconds() / cores
	r.ClientBusy, r.UpstreamBusy = max(r.ClientBusy, client), max(r.UpstreamBusy, upstream)
	r.MachineIdle = idle
	if w.Upstream.Lateness.Count > 0 {
		r.Late = float64(w.Upstream.Lateness.Quantile(0.99)) / 1e3
	}
	if b.Peer.Direct() || idle < spare {
		return
	}
	switch {
	case client > busy:
		r.Saturated = fmt.Sprintf("the clients' loop was busy %.0f %% with %.0f %% of the machine idle", client*100, idle*100)
	case upstream > busy:
		r.Saturated = fmt.Sprintf("the upstream's loop was busy %.0f %% with %.0f %% of the machine idle", upstream*100, idle*100)
	}
}

// Rate sees that a paced sender kept its pace.
func (b *Bed) Rate(w Window, want int) {
	got := float64(w.Upstream.Messages) / w.Seconds()
	if got < 0.98*float64(want) && !b.Peer.Direct() {
		b.Result.Saturated = fmt.Sprintf("the upstream sent %.0f messages a second where %d were due", got, want)
	}
}
