package report

import (
	"fmt"
	"strings"

	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
)

// Document is docs/benchmarks.md.
func Document(d Data) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s; `make bench-report` writes it anew. -->\n\n", generated, strings.Join(d.Files, " "))
	b.WriteString("# Benchmarks\n\n")
	b.WriteString("wssplice beside what it wants to replace, on one machine, over loopback. Absolute figures hold for that machine; " +
		"the ratios are what to read. `make bench` repeats all of it.\n\n")
	summary(&b, d)
	b.WriteString("\nEach figure is the median of all rounds. Every table below shows the rounds' extremes too, in brackets, " +
		"and names the best of each column in bold, whoever it is.\n\n")
	for _, p := range plots {
		if _, ok := p.draw(d); ok {
			fmt.Fprintf(&b, "![%s](benchmarks/%s)\n\n", p.alt, p.file)
		}
	}
	for _, c := range d.Compared {
		section(&b, c)
	}
	b.WriteString(methodText)
	machines(&b, d)
	participants(&b, d)
	return b.String()
}

// generated begins the document's first line, and the files' names follow.
const generated = "<!-- Generated from "

// Sources are the results files that a document says it was made from.
func Sources(document string) []string {
	line, _, _ := strings.Cut(document, "\n")
	rest, ok := strings.CutPrefix(line, generated)
	if !ok {
		return nil
	}
	names, _, _ := strings.Cut(rest, ";")
	return strings.Fields(names)
}

func section(b *strings.Builder, c method.Comparison) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n", c.Scenario.Title, c.Scenario.About)
	if c.Refused != "" {
		why, _, _ := strings.Cut(c.Refused, "; the proxy says")
		fmt.Fprintf(b, "No comparison: %s.\n\n", why)
		return
	}
	table(b, c)
	verdict(b, c)
	ends(b, c)
}

// ends says what the load generator itself used, over all proxies.
func ends(b *strings.Builder, c method.Comparison) {
	var clients, upstream, idle []float64
	for _, r := range c.Rows {
		if r.Peer != method.Limit {
			clients = append(clients, r.Clients.Median)
			upstream = append(upstream, r.Upstream.Median)
			idle = append(idle, 100*r.Idle.Median)
		}
	}
	if len(clients) == 0 {
		return
	}
	fmt.Fprintf(b, "In the window the clients used %s cores, the upstream %s; %s %% of the machine were idle, and "+
		"other programs had at most %.0f %%.\n\n",
		between(clients, "%.2f"), between(upstream, "%.2f"), between(idle, "%.0f"), c.Others*100)
}

// between writes a range.
func between(values []float64, format string) string {
	s := method.SpreadOf(values)
	low, high := fmt.Sprintf(format, s.Min), fmt.Sprintf(format, s.Max)
	if low == high {
		return low
	}
	return low + " to " + high
}

// table has a row for each peer and a column for each metric.
func table(b *strings.Builder, c method.Comparison) {
	b.WriteString("| |")
	for _, m := range c.Scenario.Metrics {
		fmt.Fprintf(b, " %s |", strings.TrimSpace(m.Title+bracket(m.Unit)))
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(c.Scenario.Metrics)) + "\n")
	for _, r := range c.Rows {
		fmt.Fprintf(b, "| %s |", title(r.Peer))
		for _, m := range c.Scenario.Metrics {
			v, ok := r.Values[m.Name]
			if !ok {
				b.WriteString(" |")
				continue
			}
			cell := spread(v)
			if peer, _, ok := c.Best(m, false); ok && peer == r.Peer && !m.Plain {
				cell = "**" + number(v.Median) + "**" + strings.TrimPrefix(cell, number(v.Median))
			}
			fmt.Fprintf(b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// verdict says metric by metric how wssplice stands to the best of the others.
func verdict(b *strings.Builder, c method.Comparison) {
	own, ok := c.Row(method.Own)
	if !ok {
		return
	}
	var parts []string
	for _, m := range c.Scenario.Metrics {
		peer, best, ok := c.Best(m, true)
		v, has := own.Values[m.Name]
		if !ok || !has || m.Plain {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s", m.Title, standing(m, v, best, title(peer))))
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "wssplice: %s.\n\n", strings.Join(parts, "; "))
	}
}

// standing compares two medians in words. Where the peer is better, it is said in bold.
func standing(m method.Metric, own, best method.Spread, peer string) string {
	worse := own.Median > best.Median
	if m.Higher {
		worse = own.Median < best.Median
	}
	var text string
	switch {
	case own.Median == best.Median:
		return "the same as " + peer
	case best.Median == 0 || own.Median == 0:
		text = number(own.Median) + " against " + number(best.Median) + " of " + peer
	default:
		text = factor(own.Median/best.Median) + " times " + peer
	}
	if worse {
		return "**" + text + ": " + peer + " is better**"
	}
	return text
}

// factor writes a ratio with two digits.
func factor(r float64) string {
	if r < 0.1 {
		return number(r)
	}
	return fmt.Sprintf("%.2f", r)
}

func bracket(unit string) string {
	if unit == "" {
		return ""
	}
	return ", " + unit
}

// title is a peer's name for readers.
func title(name string) string {
	for _, p := range peers.All {
		if p.Name == name {
			return p.Title
		}
	}
	return name
}

func machines(b *strings.Builder, d Data) {
	b.WriteString("\n## Where and when\n\n")
	for i, s := range d.Suites {
		m := s.Machine
		fmt.Fprintf(b, "- [`%s`](../bench/results/%s): %s, commit %s, %d rounds of size %s on %d cores of %s, %d GiB, %s, %s; "+
			"%d descriptors a process, net.core.somaxconn %s, ports %s, TCP congestion control %s.\n", d.Files[i], d.Files[i],
			s.Date.Format("2006-01-02 15:04 UTC"), s.Commit, s.Rounds, s.Size, m.Cores, m.CPU, m.MemoryGiB, m.Kernel, m.Go,
			m.Descriptors, m.Backlog, m.Ports, m.Congestion)
	}
	b.WriteString("\n")
}

func participants(b *strings.Builder, d Data) {
	b.WriteString("## Who took part\n\n| | configuration | version |\n|---|---|---|\n")
	for _, p := range peers.All {
		version, ran := "", false
		for _, s := range d.Suites {
			if v, ok := s.Versions[p.Name]; ok {
				version, ran = v, true
			}
		}
		if !ran && !p.Direct() {
			continue
		}
		config := "command line"
		switch {
		case p.Direct():
			config = "clients connect to the upstream and send the header themselves"
		case p.Config != "":
			config = fmt.Sprintf("[%s](../bench/peers/%s)", p.Config, p.Config)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", p.Title, config, version)
	}
}
