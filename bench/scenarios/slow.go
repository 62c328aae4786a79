package scenarios

import (
	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/proc"
)

// slow is the other way round: tunnels that nobody reads beside those that work.
var slow = []method.Scenario{{
	Name:  "slow",
	Title: "200 slow readers",
	About: "200 clients stop reading while the upstream goes on streaming to them, until every buffer on the way is full; " +
		"100 others receive 1,000 pushes a second meanwhile. Then the 200 read again and every byte is compared. " +
		"Where the queues come near the kernel's limit for all sockets (net.ipv4.tcp_mem), every push waits for it to make room, the sender's too: " +
		"that is in the latency.",
	Metrics: []method.Metric{
		{Name: "stall_kib", Title: "memory per stalled tunnel", Unit: "KiB", Proxy: true},
		{Name: "queue_kib", Title: "socket queues per stalled tunnel", Unit: "KiB"},
		// The kernel's doing as much as the proxy's, see above.
		{Name: p99.Name, Title: p99.Title, Unit: p99.Unit, Plain: true},
		{Name: "process_mib", Title: "whole process", Unit: "MiB", Proxy: true},
	},
	Peers: slowPeers,
	Skip:  tunnelsOnly,
	Run:   slowReaders,
}}

func slowReaders(b *method.Bed, s method.Size) error {
	stalled := s.Pick(200, 200, 10)
	if _, err := b.Open("push", s.Pick(100, 100, 10), flight); err != nil {
		return err
	}
	if _, err := b.Open("slow", stalled, flight); err != nil {
		return err
	}
	if err := background(b); err != nil {
		return err
	}
	before, err := weigh(b)
	if err != nil {
		return err
	}
	queues := proc.SocketQueues()
	if err := b.Client.Call("Stream", load.StreamArgs{Stall: true}, nil); err != nil {
		return err
	}
	if err := b.Upstream.Call("Flow", load.FlowArgs{On: true}, nil); err != nil {
		return err
	}
	rate := s.Pick(1000, 1000, 100)
	w, err := pushWindow(b, s, rate)
	if err != nil {
		return err
	}
	after, err := weigh(b)
	if err != nil {
		return err
	}
	full := proc.SocketQueues()
	if err := stopStreams(b); err != nil {
		return err
	}
	b.Rate(w, rate)
	quantiles(b, &w.Client.Latency)
	b.Set("stall_kib", float64(after.pss-before.pss)/1024/float64(stalled))
	b.Set("queue_kib", float64(full-queues)/1024/float64(stalled))
	b.Set("process_mib", float64(after.pss)/(1<<20))
	return nil
}
