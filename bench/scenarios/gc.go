package scenarios

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
)

var gc = []method.Scenario{
	collecting(9500, []string{"wssplice", "gorevproxy", "caddy"}),
	collecting(100_000, []string{"wssplice"}),
}

func collecting(n int, who []string) method.Scenario {
	return method.Scenario{
		Name:  fmt.Sprintf("gc-%d", n),
		Title: fmt.Sprintf("Garbage collection in the Go programs, %s tunnels", thousands(n)),
		About: "A run of its own with the runtime's trace (GODEBUG=gctrace=1), from the start over the opening and first use of every " +
			"tunnel to the end of a window with 20,000 pushes a second. wssplice's /metrics is read a hundred times a second in " +
			"the window: without that it would have no cycle while the tunnels are open. The share is of all the " +
			"processor time that the program used. Past 9,500 tunnels several processes stand side by side, and the pause is the longest of any.",
		Metrics: []method.Metric{
			{Name: "pause_us", Title: "longest pause", Unit: "µs", Proxy: true},
			{Name: "cpu_percent", Title: "share of its CPU", Unit: "%", Proxy: true},
			{Name: "cycle_us", Title: "CPU per cycle", Unit: "µs", Proxy: true},
			{Name: "heap_mib", Title: "live heap, all", Unit: "MiB", Proxy: true},
			{Name: "cycles", Title: "cycles", Proxy: true, Plain: true},
		},
		Peers:  who,
		Rounds: growthRounds,
		Skip: func(p peers.Peer) string {
			if !p.Go {
				return "has no garbage collector"
			}
			return manyTunnels(p, n)
		},
		Env:    []string{peers.TraceGC},
		Groups: func(s method.Size) int { return groups(n, s) },
		Run:    func(b *method.Bed, s method.Size) error { return collect(b, s, grown(n, s)) },
	}
}

func collect(b *method.Bed, s method.Size, n int) error {
	if err := openAndUse(b, n); err != nil {
		return err
	}
	over := make(chan struct{})
	scraped := make(chan error, 1)
	go func() { scraped <- scrape(b, over) }()
	_, err := pushing(b, s, s.Pick(20_000, 20_000, 500))
	close(over)
	if err := <-scraped; err != nil {
		return err
	}
	if err != nil {
		return err
	}
	var sum peers.Collections
	var cpu time.Duration
	for _, o := range b.All() {
		c := o.Proxy.Collections()
		sum.Cycles += c.Cycles
		sum.CPU += c.CPU
		sum.Heap += c.Heap
		sum.Pause = max(sum.Pause, c.Pause)
		cpu += o.Tree().CPU()
	}
	if sum.Cycles == 0 && b.Peer.Metrics {
		return errors.New("no collection was traced")
	}
	b.Set("pause_us", float64(sum.Pause)/1e3)
	b.Set("cpu_percent", 100*sum.CPU.Seconds()/cpu.Seconds())
	b.Set("cycle_us", float64(sum.CPU)/1e3/float64(max(sum.Cycles, 1)))
	b.Set("heap_mib", float64(sum.Heap)/(1<<20))
	b.Set("cycles", float64(sum.Cycles))
	return nil
}

// scrape reads the metrics of every proxy that has some, until over.
func scrape(b *method.Bed, over <-chan struct{}) error {
	if !b.Peer.Metrics {
		return nil
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for {
		for _, o := range b.All() {
			answer, err := client.Get("http://" + o.Job.Admin.String() + "/metrics")
			if err != nil {
				return fmt.Errorf("read metrics: %w", err)
			}
			_, err = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if err != nil {
				return fmt.Errorf("read metrics: %w", err)
			}
		}
		select {
		case <-over:
			return nil
		case <-every.C:
		}
	}
}
