package scenarios

import (
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
)

var bulk = []method.Scenario{
	{
		Name:    "bulk-1",
		Title:   "Bulk, one tunnel, down",
		About:   "The upstream streams as fast as the tunnel takes it; the client compares every byte.",
		Metrics: []method.Metric{gbPerSecond, cpuPerGB},
		Peers:   bulkPeers,
		Skip:    tunnelsOnly,
		Run:     func(b *method.Bed, s method.Size) error { return streamed(b, s, 1, false) },
	},
	{
		Name:    "bulk-8",
		Title:   "Bulk, 8 tunnels, both directions",
		About:   "Both ends stream over each tunnel at the same time; the rate is the sum of both directions.",
		Metrics: []method.Metric{gbPerSecond, cpuPerGB},
		Peers:   bulkPeers,
		Skip:    tunnelsOnly,
		Run:     func(b *method.Bed, s method.Size) error { return streamed(b, s, s.Pick(8, 8, 2), true) },
	},
}

func streamed(b *method.Bed, s method.Size, tunnels int, both bool) error {
	if _, err := b.Open("bulk", tunnels, flight); err != nil {
		return err
	}
	if err := b.Upstream.Call("Flow", load.FlowArgs{On: true}, nil); err != nil {
		return err
	}
	if both {
		if err := b.Client.Call("Stream", load.StreamArgs{Up: true}, nil); err != nil {
			return err
		}
	}
	time.Sleep(s.Warm)
	w, err := b.Measure(s.Window)
	if err != nil {
		return err
	}
	if err := stopStreams(b); err != nil {
		return err
	}
	recordBytes(b, w)
	return nil
}

// stopStreams ends all that both ends send and waits for all of it to arrive.
func stopStreams(b *method.Bed) error {
	if err := b.Client.Call("Stream", load.StreamArgs{}, nil); err != nil {
		return err
	}
	if err := b.Upstream.Call("Halt", struct{}{}, nil); err != nil {
		return err
	}
	return b.Delivered()
}

// recordBytes counts what arrived, at the client and at the upstream.
func recordBytes(b *method.Bed, w method.Window) {
	gb := float64(w.Client.Down+w.Upstream.Up) / 1e9
	b.Set("gb_s", gb/w.Seconds())
	b.Set("cpu_s_gb", w.Proxy.Seconds()/gb)
}
