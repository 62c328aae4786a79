package scenarios

import (
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
)

var storm = []method.Scenario{{
	Name:  "storm",
	Title: "Storm, 5,000 clients connect in the same instant",
	About: "What a restart brings: nobody waits for anybody. The time until the last tunnel is up, and how many " +
		"handshakes failed; a client whose SYN found the backlog full tries again after a second, as the kernel does.",
	Metrics: []method.Metric{
		{Name: "all_ms", Title: "all up after", Unit: "ms"},
		{Name: "cpu_us", Title: "CPU each", Unit: "µs", Proxy: true},
		p50, p99,
		{Name: "failed", Title: "failed"},
	},
	Peers: stormPeers,
	Skip:  tunnelsOnly,
	Run: func(b *method.Bed, s method.Size) error {
		n := s.Pick(5000, 5000, 50)
		var took int64
		w, err := b.During(func() error {
			return b.Client.Call("Open", load.OpenArgs{Path: "push", Count: n, InFlight: n, Within: time.Minute, Tolerant: true}, &took)
		})
		if err != nil {
			return err
		}
		if s.Name == "ci" && w.Client.Failed > 0 {
			b.Fault("%d handshakes of a small storm failed", w.Client.Failed)
		}
		b.Set("all_ms", float64(took)/1e6)
		b.Set("cpu_us", w.Per(w.Client.Opened))
		b.Set("failed", float64(w.Client.Failed))
		quantiles(b, &w.Client.Handshake)
		return nil
	},
}}
