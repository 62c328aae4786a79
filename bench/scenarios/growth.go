package scenarios

import (
	"fmt"
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
)

const (
	// perProcess is the most tunnels that a proxy gets: with two descriptors each
	// they stay within the 20,000 that a process may have here.
	perProcess = 9500
	// descriptors is what of these 20,000 tunnels may use.
	descriptors = 19_500
	// growthRounds is how often growth is measured: it takes long and varies little.
	growthRounds = 3
)

// Growth lists the numbers of tunnels, in order, that the growth scenarios have.
var Growth = []int{100, 1000, 9000, 30_000, 100_000}

var growth = func() []method.Scenario {
	var all []method.Scenario
	for _, n := range Growth {
		all = append(all, growing(n))
	}
	return all
}()

func growing(n int) method.Scenario {
	return method.Scenario{
		Name:  fmt.Sprintf("growth-%d", n),
		Title: fmt.Sprintf("Growth, %s tunnels", thousands(n)),
		About: "20,000 pushes a second over all tunnels together, after each has carried traffic. Past 9,500 tunnels several " +
			"proxies stand side by side, each with clients and an upstream of its own: memory and CPU are those of all.",
		Metrics: []method.Metric{
			{Name: "process_mib", Title: "memory of all proxies", Unit: "MiB", Proxy: true},
			{Name: "tunnel_kib", Title: "that is per tunnel", Unit: "KiB", Proxy: true},
			cpuPerMessage, p50, p99, perSecondNote,
		},
		Peers:  growthPeers,
		Rounds: growthRounds,
		Skip:   func(p peers.Peer) string { return manyTunnels(p, n) },
		Groups: func(s method.Size) int { return groups(n, s) },
		Run:    func(b *method.Bed, s method.Size) error { return grow(b, s, grown(n, s)) },
	}
}

// manyTunnels says why a peer cannot have n tunnels; "" if it can.
func manyTunnels(p peers.Peer, n int) string {
	switch {
	case min(n, perProcess)*p.Descriptors > descriptors:
		return "needs more descriptors than a process may have"
	case n > perProcess && p.Heavy:
		return "needs more memory than this machine has to spare"
	}
	return tunnelsOnly(p)
}

// grown scales a number of tunnels.
func grown(n int, s method.Size) int { return s.Pick(n, n, max(n/1000, 10)) }

// groups is how many beds n tunnels take: in the smallest size, too, more than
// one where the full size has more than one.
func groups(n int, s method.Size) int {
	beds := (n + perProcess - 1) / perProcess
	return s.Pick(beds, beds, min(beds, 2))
}

// share is the number of tunnels that bed i of all has.
func share(n, i, beds int) int {
	if i < n%beds {
		return n/beds + 1
	}
	return n / beds
}

func grow(b *method.Bed, s method.Size, n int) error {
	if err := openAndUse(b, n); err != nil {
		return err
	}
	settle(s)
	var pss int64
	for _, o := range b.All() {
		m, err := o.Tree().PSS()
		if err != nil {
			return err
		}
		pss += m
	}
	rate := s.Pick(20_000, 20_000, 500)
	w, err := pushing(b, s, rate)
	if err != nil {
		return err
	}
	b.Rate(w, rate)
	b.Set("process_mib", float64(pss)/(1<<20))
	b.Set("tunnel_kib", float64(pss)/1024/float64(n))
	return nil
}

// openAndUse spreads n tunnels over the beds and sends a message over each.
func openAndUse(b *method.Bed, n int) error {
	beds := b.All()
	for i, o := range beds {
		if _, err := o.Open("push", share(n, i, len(beds)), flight); err != nil {
			return err
		}
	}
	for i, o := range beds {
		own := share(n, i, len(beds))
		var due int64
		if err := o.Upstream.Call("Push", load.PushArgs{Size: messageSize, Rate: 20_000, Count: own}, &due); err != nil {
			return err
		}
		if err := o.Await("use of every tunnel", time.Minute, func(c, u *load.Tally) bool {
			return int(c.Messages) == own && int(u.Messages) == own
		}); err != nil {
			return err
		}
	}
	return nil
}

// thousands writes a number with a comma.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
