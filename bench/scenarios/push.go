package scenarios

import (
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
)

var push = []method.Scenario{
	{
		Name:  "push-20k",
		Title: "Push, 20,000 messages a second over 1,000 tunnels",
		About: "The upstream sends 200 B messages at random times, one tunnel after another. Latency runs from " +
			"the moment a message is due, so a sender that is held up does not hide it.",
		Metrics: []method.Metric{cpuPerMessage, p50, p99, p999, perSecondNote},
		Peers:   pushPeers,
		Skip:    tunnelsOnly,
		Run: func(b *method.Bed, s method.Size) error {
			rate := s.Pick(20_000, 20_000, 500)
			w, err := pushed(b, s, s.Pick(1000, 1000, 20), rate)
			if err != nil {
				return err
			}
			b.Rate(w, rate)
			return nil
		},
	},
	{
		Name:  "push-flat",
		Title: "Push, flat out over 1,000 tunnels",
		About: "The upstream sends 200 B messages, one tunnel after another, as fast as sockets take them. " +
			"Queues are full, so latency says nothing here.",
		Metrics: []method.Metric{perSecond, cpuPerMessage},
		Peers:   flatPeers,
		Skip:    tunnelsOnly,
		Run: func(b *method.Bed, s method.Size) error {
			_, err := pushed(b, s, s.Pick(1000, 1000, 20), 0)
			return err
		},
	},
}

var perSecondNote = method.Metric{Name: "per_s", Title: "delivered", Unit: "/s", Higher: true, Plain: true}

// pushWindow pushes over the tunnels of all beds, at a rate for all together, and measures.
func pushWindow(b *method.Bed, s method.Size, rate int) (method.Window, error) {
	beds := b.All()
	for _, o := range beds {
		if rate > 0 {
			if err := hurry(o); err != nil {
				return method.Window{}, err
			}
		}
		var due int64
		err := o.Upstream.Call("Push", load.PushArgs{Size: messageSize, Rate: rate / len(beds)}, &due)
		if err != nil {
			return method.Window{}, err
		}
	}
	time.Sleep(s.Warm)
	return b.Measure(s.Window)
}

// pushed opens tunnels, pushes at a rate, 0 for flat out, and records the window.
func pushed(b *method.Bed, s method.Size, tunnels, rate int) (method.Window, error) {
	if _, err := b.Open("push", tunnels, flight); err != nil {
		return method.Window{}, err
	}
	return pushing(b, s, rate)
}

// pushing pushes over the tunnels that are open and records the window.
func pushing(b *method.Bed, s method.Size, rate int) (method.Window, error) {
	w, err := pushWindow(b, s, rate)
	if err != nil {
		return w, err
	}
	for _, o := range b.All() {
		if err := o.Upstream.Call("Halt", struct{}{}, nil); err != nil {
			return w, err
		}
		if err := o.Delivered(); err != nil {
			return w, err
		}
	}
	b.Set("per_s", float64(w.Client.Messages)/w.Seconds())
	b.Set("cpu_us", w.Per(w.Client.Messages))
	quantiles(b, &w.Client.Latency)
	return w, nil
}

// hurry raises the priority of both ends, for messages that are timed.
func hurry(b *method.Bed) error {
	for _, end := range []*load.Agent{b.Client, b.Upstream} {
		if err := end.Call("Hurry", struct{}{}, nil); err != nil {
			return err
		}
	}
	return nil
}
