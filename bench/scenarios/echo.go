package scenarios

import (
	"time"

	"github.com/wssplice/wssplice/bench/method"
)

var echo = []method.Scenario{{
	Name:  "echo",
	Title: "Echo, 64 tunnels in a closed loop",
	About: "Each client sends a 200 B message, awaits it back and sends the next. CPU is for the way there and back.",
	Metrics: []method.Metric{
		{Name: "per_s", Title: "round trips", Unit: "/s", Higher: true},
		{Name: "cpu_us", Title: "CPU each", Unit: "µs", Proxy: true},
		p50, p99,
	},
	Peers: flatPeers,
	Skip:  tunnelsOnly,
	Run: func(b *method.Bed, s method.Size) error {
		if _, err := b.Open("echo", s.Pick(64, 64, 8), flight); err != nil {
			return err
		}
		if err := b.Client.Call("Echo", messageSize, nil); err != nil {
			return err
		}
		time.Sleep(s.Warm)
		w, err := b.Measure(s.Window)
		if err != nil {
			return err
		}
		if err := b.Client.Call("Halt", struct{}{}, nil); err != nil {
			return err
		}
		b.Set("per_s", float64(w.Client.Messages)/w.Seconds())
		b.Set("cpu_us", w.Per(w.Client.Messages))
		quantiles(b, &w.Client.Latency)
		return nil
	},
}}
