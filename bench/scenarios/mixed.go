package scenarios

import (
	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
)

var mixed = []method.Scenario{{
	Name:  "mixed",
	Title: "Pushes beside 8 bulk tunnels",
	About: "2,000 messages of 200 B a second over 200 tunnels, while 8 others stream downwards as fast as they can. " +
		"Client and upstream handle the streams on loops of their own with a lower priority, so that how long a push takes is the proxy's doing.",
	Metrics: []method.Metric{p99, p50, p999, gbPerSecond, cpuPerGB},
	Skip:    tunnelsOnly,
	Run: func(b *method.Bed, s method.Size) error {
		if _, err := b.Open("bulk", s.Pick(8, 8, 2), flight); err != nil {
			return err
		}
		if _, err := b.Open("push", s.Pick(200, 200, 20), flight); err != nil {
			return err
		}
		if err := background(b); err != nil {
			return err
		}
		if err := b.Upstream.Call("Flow", true, nil); err != nil {
			return err
		}
		rate := s.Pick(2000, 2000, 200)
		w, err := pushWindow(b, s, rate)
		if err != nil {
			return err
		}
		if err := stopStreams(b); err != nil {
			return err
		}
		b.Rate(w, rate)
		quantiles(b, &w.Client.Latency)
		recordBytes(b, w)
		return nil
	},
}}

// background lowers the priority of both ends' loops for bulk tunnels.
func background(b *method.Bed) error {
	for _, end := range []*load.Agent{b.Client, b.Upstream} {
		if err := end.Call("Background", struct{}{}, nil); err != nil {
			return err
		}
	}
	return nil
}
