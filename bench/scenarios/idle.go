package scenarios

import (
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
	"github.com/wssplice/wssplice/bench/proc"
)

var idle = []method.Scenario{
	idling("idle-1000", "Idle tunnels, 1,000", 1000),
	idling("idle-9000", "Idle tunnels, 9,000", 9000),
}

func idling(name, title string, n int) method.Scenario {
	return method.Scenario{
		Name:  name,
		Title: title,
		About: "Growth of the proxy's memory (PSS of its processes) per open tunnel: fresh, and after each has carried " +
			"six pushes, one of them of 16 KiB, and a message up. Kernel memory is the machine's growth per tunnel, both ends' sockets " +
			"included: subtract the row without a proxy. CPU and wake-ups are those of a window in which nothing happens.",
		Metrics: []method.Metric{
			{Name: "fresh_kib", Title: "per tunnel, fresh", Unit: "KiB", Proxy: true},
			{Name: "used_kib", Title: "after traffic", Unit: "KiB", Proxy: true},
			{Name: "process_mib", Title: "whole process", Unit: "MiB", Proxy: true},
			{Name: "fds", Title: "descriptors per tunnel", Proxy: true},
			{Name: "kernel_kib", Title: "kernel per tunnel", Unit: "KiB", Plain: true},
			{Name: "threads", Title: "threads", Proxy: true, Plain: true},
			{Name: "cpu_ms_s", Title: "CPU while idle", Unit: "ms/s", Proxy: true},
			{Name: "wakeups_s", Title: "wake-ups", Unit: "/s", Proxy: true},
		},
		Skip: func(p peers.Peer) string {
			if n*p.Descriptors > 19_500 {
				return "needs more descriptors than a process may have"
			}
			return tunnelsOnly(p)
		},
		Run: func(b *method.Bed, s method.Size) error { return idleTunnels(b, s, s.Pick(n, n, 100)) },
	}
}

func idleTunnels(b *method.Bed, s method.Size, n int) error {
	// One tunnel first: what the first connection costs is no tunnel's cost.
	if _, err := b.Open("push", 1, 1); err != nil {
		return err
	}
	settle := s.Window / 2
	time.Sleep(settle)
	before, err := weigh(b)
	if err != nil {
		return err
	}
	if _, err := b.Open("push", n, flight); err != nil {
		return err
	}
	time.Sleep(settle)
	fresh, err := weigh(b)
	if err != nil {
		return err
	}
	tree := b.Tree()
	wakeups := tree.Wakeups()
	w, err := b.Measure(s.Window)
	if err != nil {
		return err
	}
	wakeups = tree.Wakeups() - wakeups
	if err := useAll(b, n+1); err != nil {
		return err
	}
	time.Sleep(settle)
	used, err := weigh(b)
	if err != nil {
		return err
	}
	per := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(n) }
	b.Set("kernel_kib", per(fresh.kernel-before.kernel))
	if b.Peer.Direct() {
		return nil
	}
	b.Set("fresh_kib", per(fresh.pss-before.pss))
	b.Set("used_kib", per(used.pss-before.pss))
	b.Set("process_mib", float64(used.pss)/(1<<20))
	b.Set("fds", float64(fresh.descriptors-before.descriptors)/float64(n))
	b.Set("threads", float64(tree.Threads()))
	b.Set("cpu_ms_s", w.Proxy.Seconds()*1e3/w.Seconds())
	b.Set("wakeups_s", float64(wakeups)/w.Seconds())
	return nil
}

type weight struct {
	pss, kernel int64
	descriptors int
}

func weigh(b *method.Bed) (w weight, err error) {
	tree := b.Tree()
	if w.pss, err = tree.PSS(); err != nil {
		return w, err
	}
	w.kernel, err = proc.Kernel()
	w.descriptors = tree.Descriptors()
	return w, err
}

// useAll sends six messages down and one up every tunnel.
func useAll(b *method.Bed, n int) error {
	for _, p := range []load.PushArgs{
		{Size: messageSize, Rate: 20_000, Count: 5 * n},
		{Size: 16 << 10, Rate: 5_000, Count: n},
	} {
		was, err := b.Upstream.Mark()
		if err != nil {
			return err
		}
		var due int64
		if err := b.Upstream.Call("Push", p, &due); err != nil {
			return err
		}
		want := was.Messages + uint64(p.Count)
		if err := b.Await("use of every tunnel", time.Minute, func(c, u *load.Tally) bool {
			return c.Messages == want && u.Messages == want
		}); err != nil {
			return err
		}
	}
	if err := b.Client.Call("Speak", messageSize, nil); err != nil {
		return err
	}
	return b.Delivered()
}
