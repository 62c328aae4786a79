package report

import (
	"fmt"
	"slices"

	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/scenarios"
)

// plot is one picture of the document.
type plot struct {
	file, alt string
	draw      func(Data) (svg string, ok bool)
}

var plots = []plot{
	barPlot("memory.svg", "Memory per idle tunnel, after traffic (9,000 tunnels)", "idle-9000", "used_kib"),
	barPlot("cpu-per-message.svg", "CPU per pushed message (20,000/s over 1,000 tunnels)", "push-20k", "cpu_us"),
	barPlot("mixed.svg", "p99 of pushes beside 1 GB/s of bulk", "mixed-1g", "p99_us"),
	barPlot("handshakes.svg", "Handshakes per second", "handshake", "per_s"),
	growthPlot("growth-memory.svg", "Memory of all proxy processes as tunnels grow", "process_mib", "MiB"),
	growthPlot("growth-cpu.svg", "CPU per message as tunnels grow (20,000/s in all)", "cpu_us", "µs"),
}

func barPlot(file, heading, scenario, metric string) plot {
	return plot{file, heading, func(d Data) (string, bool) {
		c, ok := d.Of(scenario)
		i := slices.IndexFunc(c.Scenario.Metrics, func(m method.Metric) bool { return m.Name == metric })
		if !ok || i < 0 {
			return "", false
		}
		m := c.Scenario.Metrics[i]
		var list []bar
		for _, r := range c.Rows {
			if v, ok := r.Values[metric]; ok {
				list = append(list, bar{title(r.Peer), v.Median, r.Peer == method.Own})
			}
		}
		return bars(heading, m.Unit, list), len(list) > 0
	}}
}

func growthPlot(file, heading, metric, unit string) plot {
	return plot{file, heading, func(d Data) (string, bool) {
		var list []line
		at := map[string]int{}
		points := 0
		for _, n := range scenarios.Growth {
			c, ok := d.Of(fmt.Sprintf("growth-%d", n))
			if !ok {
				continue
			}
			points++
			for _, r := range c.Rows {
				v, ok := r.Values[metric]
				if !ok || v.Median <= 0 {
					continue
				}
				i, seen := at[r.Peer]
				if !seen {
					i = len(list)
					at[r.Peer] = i
					list = append(list, line{label: title(r.Peer), own: r.Peer == method.Own})
				}
				list[i].x = append(list[i].x, float64(n))
				list[i].y = append(list[i].y, v.Median)
			}
		}
		if points < 2 || len(list) == 0 {
			return "", false
		}
		return lines(heading, "tunnels", unit, list), true
	}}
}
