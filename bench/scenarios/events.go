package scenarios

import (
	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
)

var events = []method.Scenario{{
	Name:  "events",
	Title: "Event streams, 5,000",
	About: "JMAP's other push transport (RFC 8620 section 7.3): text/event-stream answers in chunks that never end. Memory as in the " +
		"idle scenarios, fresh and after each stream has carried three events, one of them of 16 KiB; then 5,000 events of 200 B a second over all.",
	Metrics: []method.Metric{
		{Name: "fresh_kib", Title: "per stream, fresh", Unit: "KiB", Proxy: true},
		{Name: "used_kib", Title: "after traffic", Unit: "KiB", Proxy: true},
		{Name: "fds", Title: "descriptors per stream", Proxy: true},
		{Name: "wakeups_s", Title: "wake-ups while idle", Unit: "/s", Proxy: true},
		{Name: "cpu_us", Title: "CPU per event", Unit: "µs", Proxy: true},
		p50, p99,
	},
	Peers: eventsPeers,
	Skip: func(p peers.Peer) string {
		switch {
		case p.NoPlain:
			return "relays upgrades only"
		case 5000*p.Descriptors > descriptors:
			return "needs more descriptors than a process may have"
		}
		return tunnelsOnly(p)
	},
	Run: func(b *method.Bed, s method.Size) error { return eventStreams(b, s, s.Pick(5000, 5000, 50)) },
}}

func eventStreams(b *method.Bed, s method.Size, n int) error {
	// More at a time than elsewhere: HAProxy as it comes holds back each head for 200 ms.
	i, err := openIdle(b, s, "events", n, 8*flight)
	if err != nil {
		return err
	}
	tree := b.Tree()
	wakeups := tree.Wakeups()
	idle, err := b.Measure(s.Window / 2)
	if err != nil {
		return err
	}
	wakeups = tree.Wakeups() - wakeups
	for _, p := range []load.PushArgs{
		{Size: messageSize, Rate: 20_000, Count: 2 * (n + 1)},
		{Size: 16 << 10, Rate: 10_000, Count: n + 1},
	} {
		if err := pushSome(b, p); err != nil {
			return err
		}
	}
	settle(s)
	used, err := weigh(b)
	if err != nil {
		return err
	}
	rate := s.Pick(5000, 5000, 500)
	w, err := pushing(b, s, rate)
	if err != nil {
		return err
	}
	b.Rate(w, rate)
	if err := b.Client.Call("Close", struct{}{}, nil); err != nil {
		return err
	}
	// HAProxy without option abortonclose does not notice for many seconds that the
	// clients of idle streams have left. That is not waited for.
	if err := b.Upstream.Call("HangUp", struct{}{}, nil); err != nil {
		return err
	}
	if b.Peer.Direct() {
		return nil
	}
	i.record(b, used, n)
	b.Set("wakeups_s", float64(wakeups)/idle.Seconds())
	return nil
}
