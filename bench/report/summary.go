package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wssplice/wssplice/bench/method"
)

// headlines are the rows of the summary: the figures that a reader decides by.
var headlines = []struct{ scenario, metric, what string }{
	{"idle-9000", "fresh_kib", "memory per idle tunnel, fresh"},
	{"idle-9000", "used_kib", "memory per idle tunnel, after traffic"},
	{"idle-9000", "process_mib", "whole process with 9,000 idle tunnels"},
	{"growth-100000", "process_mib", "100,000 tunnels: memory of all processes"},
	{"events", "used_kib", "memory per idle event stream"},
	{"handshake", "per_s", "handshakes"},
	{"handshake", "cpu_us", "CPU per handshake"},
	{"storm", "all_ms", "5,000 clients at once: all up after"},
	{"push-20k", "cpu_us", "CPU per pushed message, 20,000/s"},
	{"push-20k", "p99_us", "p99 of that push"},
	{"push-flat", "per_s", "messages pushed flat out"},
	{"fanout", "last_ms", "one message to 5,000 tunnels: last after"},
	{"echo", "per_s", "echo round trips"},
	{"mixed-250m", "p99_us", "p99 of pushes beside 250 MB/s of bulk"},
	{"mixed-1g", "p99_us", "p99 of pushes beside 1 GB/s of bulk"},
	{"bulk-1", "gb_s", "one bulk tunnel"},
	{"bulk-1", "cpu_s_gb", "CPU per GB of it"},
	{"bulk-8", "gb_s", "8 bulk tunnels, both directions"},
	{"plain-200b", "cpu_us", "CPU per plain request, 200 B"},
	{"plain-1m", "gb_s", "plain answers of 1 MiB"},
}

// Summary is the table for the README.
func Summary(d Data) string {
	var b strings.Builder
	summary(&b, d)
	return b.String()
}

func summary(b *strings.Builder, d Data) {
	b.WriteString("| | wssplice | OpenResty | HAProxy | best of all others | wssplice to best |\n|---|---:|---:|---:|---|---:|\n")
	for _, h := range headlines {
		c, ok := d.Of(h.scenario)
		if !ok {
			continue
		}
		i := slices.IndexFunc(c.Scenario.Metrics, func(m method.Metric) bool { return m.Name == h.metric })
		own, ok := c.Row(method.Own)
		if i < 0 || !ok {
			continue
		}
		m := c.Scenario.Metrics[i]
		v, ok := own.Values[m.Name]
		peer, best, found := c.Best(m, true)
		if !ok || !found {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s, %s | %s |\n", h.what, value(m, v.Median)+unit(m),
			of(c, m, "openresty"), of(c, m, "haproxy"), value(m, best.Median)+unit(m), title(peer), against(m, v, best))
	}
}

// of is the best median among the variants of a peer: openresty-2w is OpenResty.
func of(c method.Comparison, m method.Metric, family string) string {
	text, best, found := "–", 0.0, false
	for _, r := range c.Rows {
		v, ok := r.Values[m.Name]
		if !ok || (r.Peer != family && !strings.HasPrefix(r.Peer, family+"-")) {
			continue
		}
		if !found || (m.Higher && v.Median > best) || (!m.Higher && v.Median < best) {
			text, best, found = value(m, v.Median)+unit(m), v.Median, true
		}
	}
	return text
}

// against is the ratio, in bold where the peer is better.
func against(m method.Metric, own, best method.Spread) string {
	if best.Median == 0 {
		return ""
	}
	r := own.Median / best.Median
	text := factor(r)
	if (m.Higher && r < 1) || (!m.Higher && r > 1) {
		return "**" + text + ", the peer is better**"
	}
	return text
}
