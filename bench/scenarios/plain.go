package scenarios

import (
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
)

var requests = []method.Metric{
	{Name: "per_s", Title: "requests", Unit: "/s", Higher: true},
	{Name: "cpu_us", Title: "CPU each", Unit: "µs", Proxy: true},
	p50, p99,
}

var plain = []method.Scenario{
	exchanges("plain-200b", "Plain requests, 200 B answers", "32 connections with keep-alive in a closed loop.",
		smallPeers, requests, load.RequestsArgs{Connections: 32, Size: 200}),
	exchanges("plain-1m", "Plain requests, 1 MiB answers", "8 connections with keep-alive in a closed loop.",
		bodyPeers, []method.Metric{gbPerSecond, cpuPerGB}, load.RequestsArgs{Connections: 8, Size: 1 << 20}),
	exchanges("plain-64m", "Plain requests, 64 MiB answers", "4 connections with keep-alive in a closed loop.",
		bodyPeers, []method.Metric{gbPerSecond, cpuPerGB}, load.RequestsArgs{Connections: 4, Size: 64 << 20}),
	exchanges("plain-post", "Plain requests, 1 MiB up", "8 connections with keep-alive POST 1 MiB each in a closed loop.",
		bodyPeers, []method.Metric{gbPerSecond, cpuPerGB}, load.RequestsArgs{Connections: 8, Size: 1 << 20, Post: true}),
}

func exchanges(name, title, about string, who []string, metrics []method.Metric, args load.RequestsArgs) method.Scenario {
	return method.Scenario{
		Name: name, Title: title, About: about, Metrics: metrics, Peers: who,
		Skip: func(p peers.Peer) string {
			if p.NoPlain {
				return "relays upgrades only"
			}
			return ""
		},
		Run: func(b *method.Bed, s method.Size) error {
			if err := b.Client.Call("Requests", args, nil); err != nil {
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
			b.Set("per_s", float64(w.Client.Requests)/w.Seconds())
			b.Set("cpu_us", w.Per(w.Client.Requests))
			quantiles(b, &w.Client.Latency)
			recordBytes(b, w)
			return nil
		},
	}
}
