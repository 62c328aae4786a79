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
		Peers: idlePeers,
		Skip: func(p peers.Peer) string {
			if n*p.Descriptors > descriptors {
				return "needs more descriptors than a process may have"
			}
			return tunnelsOnly(p)
		},
		Run: func(b *method.Bed, s method.Size) error { return idleTunnels(b, s, s.Pick(n, n, 100)) },
	}
}

// settle leaves memory alone for a moment before it is weighed.
func settle(s method.Size) { time.Sleep(time.Duration(s.Pick(750, 750, 100)) * time.Millisecond) }

// idlers are tunnels that were opened to be weighed.
type idlers struct{ before, fresh weight }

// openIdle opens n tunnels and weighs them.
func openIdle(b *method.Bed, s method.Size, path string, n, inFlight int) (i idlers, err error) {
	// One tunnel first: what the first connection costs is no tunnel's cost.
	if _, err := b.Open(path, 1, 1); err != nil {
		return i, err
	}
	settle(s)
	if i.before, err = weigh(b); err != nil {
		return i, err
	}
	if _, err := b.Open(path, n, inFlight); err != nil {
		return i, err
	}
	settle(s)
	i.fresh, err = weigh(b)
	return i, err
}

// record sets what n tunnels weigh, fresh and used.
func (i idlers) record(b *method.Bed, used weight, n int) {
	b.Set("fresh_kib", perTunnel(i.fresh.pss-i.before.pss, n))
	b.Set("used_kib", perTunnel(used.pss-i.before.pss, n))
	b.Set("fds", float64(i.fresh.descriptors-i.before.descriptors)/float64(n))
}

// perTunnel is a share in KiB.
func perTunnel(bytes int64, n int) float64 { return float64(bytes) / 1024 / float64(n) }

func idleTunnels(b *method.Bed, s method.Size, n int) error {
	i, err := openIdle(b, s, "push", n, flight)
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
	settle(s)
	used, err := weigh(b)
	if err != nil {
		return err
	}
	b.Set("kernel_kib", perTunnel(i.fresh.kernel-i.before.kernel, n))
	if b.Peer.Direct() {
		return nil
	}
	i.record(b, used, n)
	b.Set("process_mib", float64(used.pss)/(1<<20))
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
		{Size: 16 << 10, Rate: 10_000, Count: n},
	} {
		if err := pushSome(b, p); err != nil {
			return err
		}
	}
	if err := b.Client.Call("Speak", messageSize, nil); err != nil {
		return err
	}
	return b.Delivered()
}

// pushSome pushes a number of messages and awaits the last.
func pushSome(b *method.Bed, p load.PushArgs) error {
	was, err := b.Upstream.Mark()
	if err != nil {
		return err
	}
	var due int64
	if err := b.Upstream.Call("Push", p, &due); err != nil {
		return err
	}
	want := was.Messages + uint64(p.Count)
	return b.Await("use of every tunnel", time.Minute, func(c, u *load.Tally) bool {
		return c.Messages == want && u.Messages == want
	})
}
