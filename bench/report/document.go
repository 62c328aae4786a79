package report

import (
	"fmt"
	"strconv"
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
	if len(d.Suites) > 0 {
		s := d.Suites[0]
		fmt.Fprintf(&b, "Measured on %s at commit %s, in up to %d rounds, on %d cores of %s with %d GiB and %s; [more](#where-and-when).\n\n",
			s.Date.Format("2006-01-02"), s.Commit, s.Rounds, s.Machine.Cores, s.Machine.CPU, s.Machine.MemoryGiB, s.Machine.Kernel)
	}
	summary(&b, d)
	b.WriteString("\nEach figure is the median of all rounds. Every table below shows the rounds' extremes too, in brackets unless all rounds agree, " +
		"and sets the best of each column in bold, whoever it is. Below each table stands how wssplice compares with the best of the " +
		"others, in bold where that one is better. Where the extremes of the two overlap, it says so: then another day may turn it round.\n\n")
	for _, p := range plots {
		if _, ok := p.draw(d); ok {
			fmt.Fprintf(&b, "![%s](benchmarks/%s)\n\n", p.alt, p.file)
		}
	}
	for i, c := range d.Compared {
		// Scenarios of a kind that follow one another are explained once.
		section(&b, c, i == 0 || c.Scenario.About != d.Compared[i-1].Scenario.About)
	}
	b.WriteString(methodText)
	machines(&b, d)
	participants(&b, d)
	configurations(&b, d)
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

func section(b *strings.Builder, c method.Comparison, about bool) {
	fmt.Fprintf(b, "## %s\n\n", c.Scenario.Title)
	if about {
		fmt.Fprintf(b, "%s\n\n", c.Scenario.About)
	}
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
	var clients, upstream, idle, rounds []float64
	for _, r := range c.Rows {
		rounds = append(rounds, float64(r.Clients.Rounds))
		if r.Peer != method.Limit {
			clients = append(clients, r.Clients.Median)
			upstream = append(upstream, r.Upstream.Median)
			idle = append(idle, 100*r.Idle.Median)
		}
	}
	if len(clients) == 0 {
		return
	}
	fmt.Fprintf(b, "%s rounds. In the window the clients used %s cores, the upstream %s; %s %% of the machine were idle, and "+
		"other programs had at most %.0f %%.\n\n",
		between(rounds, "%.0f"), between(clients, "%.2f"), between(upstream, "%.2f"), between(idle, "%.0f"), c.Others*100)
	if c.Strained > 0 {
		fmt.Fprintf(b, "In %d runs the load was the limit or late, in fewer than half of anybody's rounds.\n\n", c.Strained)
	}
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
			cell, median := spread(m, v), value(m, v.Median)
			// All that are as good as the best are the best.
			if _, best, ok := c.Best(m, false); ok && r.Peer != method.Limit && median == value(m, best.Median) && !m.Plain {
				cell = "**" + median + "**" + strings.TrimPrefix(cell, median)
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
	mark := ""
	if own.Rounds > 1 && own.Overlaps(best) {
		mark = " (they overlap)"
	}
	switch {
	case value(m, own.Median) == value(m, best.Median):
		return "the same as " + peer
	case best.Median == 0 || own.Median == 0:
		text = value(m, own.Median) + " against " + value(m, best.Median) + " of " + peer
	default:
		text = factor(own.Median/best.Median) + " times " + peer
	}
	if worse {
		return "**" + text + ": " + peer + " is better**" + mark
	}
	return text + mark
}

// factor writes a ratio with two digits behind the point, and two that count if it is small.
func factor(r float64) string {
	switch {
	case r < 0.1:
		return strconv.FormatFloat(r, 'g', 2, 64)
	case r >= 10:
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
