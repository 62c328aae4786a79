package scenarios

import (
	"fmt"
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
)

// perProcess is how many tunnels a proxy gets in a growth run: with two
// descriptors each they stay within the 20,000 that a process may have here.
const perProcess = 9000

// Growth lists the numbers of tunnels, in order, that the growth scenarios have.
var Growth = []int{100, 1000, 9000, 27_000, 99_000}

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
		About: "20,000 pushes a second over all tunnels together, after each has carried traffic. Past 9,000 tunnels several " +
			"proxies stand side by side, each with clients and an upstream of its own: memory and CPU are those of all.",
		Metrics: []method.Metric{
			{Name: "process_mib", Title: "memory of all proxies", Unit: "MiB", Proxy: true},
			{Name: "tunnel_kib", Title: "that is per tunnel", Unit: "KiB", Proxy: true},
			cpuPerMessage, p50, p99, perSecondNote,
		},
		Skip: func(p peers.Peer) string {
			switch {
			case min(n, perProcess)*p.Descriptors > 19_500:
				return "needs more descriptors than a process may have"
			case n > perProcess && p.Heavy:
				return "needs more memory than this machine has to spare"
			}
			return tunnelsOnly(p)
		},
		Groups: func(s method.Size) int { return groups(grown(n, s)) },
		Run:    func(b *method.Bed, s method.Size) error { return grow(b, s, grown(n, s)) },
	}
}

// grown scales a number of tunnels.
func grown(n int, s method.Size) int { return s.Pick(n, n, max(n/1000, 10)) }

func groups(n int) int { return (n + perProcess - 1) / perProcess }

func grow(b *method.Bed, s method.Size, n int) error {
	beds := b.All()
	for _, o := range beds {
		if _, err := o.Open("push", n/len(beds), flight); err != nil {
			return err
		}
	}
	// One message each, not too fast, and a moment to settle.
	for _, o := range beds {
		var due int64
		if err := o.Upstream.Call("Push", load.PushArgs{Size: messageSize, Rate: 20_000, Count: n / len(beds)}, &due); err != nil {
			return err
		}
		if err := o.Await("use of every tunnel", time.Minute, func(c, u *load.Tally) bool {
			return int(c.Messages) == n/len(beds) && int(u.Messages) == n/len(beds)
		}); err != nil {
			return err
		}
	}
	time.Sleep(s.Window / 2)
	var pss int64
	for _, o := range beds {
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

// thousands writes a number with a comma.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
