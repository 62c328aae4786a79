package scenarios

import (
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
)

var fanout = []method.Scenario{{
	Name:  "fanout",
	Title: "Fan-out, one message to 5,000 tunnels",
	About: "All messages are due at once; the time until the last has arrived is the median of ten such bursts in a run.",
	Metrics: []method.Metric{
		{Name: "last_ms", Title: "last after", Unit: "ms"},
		{Name: "p50_ms", Title: "half after", Unit: "ms"},
		cpuPerMessage,
	},
	Peers: stormPeers,
	Skip: func(p peers.Peer) string {
		if 5000*p.Descriptors > descriptors {
			return "needs more descriptors than a process may have"
		}
		return tunnelsOnly(p)
	},
	Run: func(b *method.Bed, s method.Size) error {
		n := s.Pick(5000, 5000, 50)
		if _, err := b.Open("push", n, flight); err != nil {
			return err
		}
		// Once for warmth.
		if _, err := burst(b, n); err != nil {
			return err
		}
		var last []float64
		w, err := b.During(func() error {
			for range s.Pick(10, 5, 2) {
				took, err := burst(b, n)
				if err != nil {
					return err
				}
				last = append(last, took)
			}
			return nil
		})
		if err != nil {
			return err
		}
		b.Set("last_ms", method.SpreadOf(last).Median)
		b.Set("cpu_us", w.Per(w.Upstream.Messages))
		return nil
	},
}}

// burst sends one message to each of n tunnels and gives the milliseconds until
// the last has come.
func burst(b *method.Bed, n int) (float64, error) {
	was, err := b.Upstream.Mark()
	if err != nil {
		return 0, err
	}
	var due int64
	if err := b.Upstream.Call("Push", load.PushArgs{Size: messageSize, Once: true}, &due); err != nil {
		return 0, err
	}
	// Nobody asks while the burst is under way.
	time.Sleep(time.Duration(n)*40*time.Microsecond + 50*time.Millisecond)
	var arrived int64
	var half float64
	err = b.Await("arrival of a fan-out", 20*time.Second, func(c, u *load.Tally) bool {
		arrived = c.LastAt
		if c.Latency.Count > 0 {
			half = float64(c.Latency.Quantile(0.5)) / 1e6
		}
		return c.Messages == was.Messages+uint64(n) && u.Messages == was.Messages+uint64(n)
	})
	b.Set("p50_ms", half)
	return float64(arrived-due) / 1e6, err
}
