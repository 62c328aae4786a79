package scenarios

import (
	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
)

const beside = "2,000 messages of 200 B a second over 200 tunnels, while 8 others stream downwards, together "

const priorities = "Client and upstream handle the streams on loops of their own with a lower priority than any proxy has, and the " +
	"messages with a higher one, so that how long a push takes is the proxy's doing. "

var mixed = []method.Scenario{
	{
		Name:  "mixed-250m",
		Title: "Pushes beside 8 bulk tunnels at 250 MB/s",
		About: beside + "250 MB/s in portions of 256 KiB: half of what the slowest proxy relays when it does nothing else. " + priorities +
			"Nothing is saturated: what is measured is how a proxy shares its turns.",
		Metrics: []method.Metric{p99, p50, p999, cpuPerGB, gbPerSecondNote},
		Peers:   mixedPeers,
		Skip:    tunnelsOnly,
		Run:     func(b *method.Bed, s method.Size) error { return mix(b, s, 250_000_000) },
	},
	{
		Name:  "mixed-1g",
		Title: "Pushes beside 8 bulk tunnels at 1 GB/s",
		About: beside + "1 GB/s in portions of 256 KiB: more than some can relay, and those show what happens to a push " +
			"then. Without a limit the streams would leave no processor to the sender of the messages, and it would be measured.",
		Metrics: []method.Metric{p99, p50, p999, gbPerSecond, cpuPerGB},
		Peers:   mixedPeers,
		Skip:    tunnelsOnly,
		Run:     func(b *method.Bed, s method.Size) error { return mix(b, s, 1_000_000_000) },
	},
}

// mix pushes beside streams of so many bytes a second.
func mix(b *method.Bed, s method.Size, bulk int) error {
	if _, err := b.Open("bulk", s.Pick(8, 8, 2), flight); err != nil {
		return err
	}
	if _, err := b.Open("push", s.Pick(200, 200, 20), flight); err != nil {
		return err
	}
	if err := background(b); err != nil {
		return err
	}
	if err := b.Upstream.Call("Flow", load.FlowArgs{On: true, Rate: s.Pick(bulk, bulk, bulk/50)}, nil); err != nil {
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
	b.OnTime(w)
	quantiles(b, &w.Client.Latency)
	recordBytes(b, w)
	return nil
}

// background lets bulk give way to messages at both ends.
func background(b *method.Bed) error {
	for _, end := range []*load.Agent{b.Client, b.Upstream} {
		if err := end.Call("Background", struct{}{}, nil); err != nil {
			return err
		}
	}
	return nil
}
