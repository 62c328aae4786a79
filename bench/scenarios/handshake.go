package scenarios

import (
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
)

var handshake = []method.Scenario{{
	Name:  "handshake",
	Title: "Handshakes",
	About: "64 clients in a closed loop connect, upgrade with a token, exchange Close frames and end, the server first " +
		"(RFC 6455 section 7.1.1), so that no proxy runs out of ephemeral ports. p99 is from connect to the verified 101; " +
		"CPU is for the whole short life.",
	Metrics: []method.Metric{
		{Name: "per_s", Title: "handshakes", Unit: "/s", Higher: true},
		{Name: "cpu_us", Title: "CPU each", Unit: "µs", Proxy: true},
		p50, p99,
	},
	Peers: everybody,
	Skip:  tunnelsOnly,
	Run: func(b *method.Bed, s method.Size) error {
		err := b.Client.Call("Visits", load.VisitsArgs{InFlight: s.Pick(64, 64, 8)}, nil)
		if err != nil {
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
		b.Set("per_s", float64(w.Client.Closed)/w.Seconds())
		b.Set("cpu_us", w.Per(w.Client.Closed))
		quantiles(b, &w.Client.Handshake)
		return nil
	},
}}

// quantiles records the usual three.
func quantiles(b *method.Bed, h *load.Histogram) {
	b.Set("p50_us", float64(h.Quantile(0.5))/1e3)
	b.Set("p99_us", float64(h.Quantile(0.99))/1e3)
	b.Set("p999_us", float64(h.Quantile(0.999))/1e3)
}
