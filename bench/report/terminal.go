// Package report makes tables and plots of results.
package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/wssplice/wssplice/bench/method"
)

// Terminal prints a comparison for somebody who tunes: medians with extremes,
// and the ratio of each to the best peer. A refused one prints the reason and
// the bare figures are left to the results file.
func Terminal(w io.Writer, c method.Comparison) error {
	fmt.Fprintf(w, "\n%s\n", c.Scenario.Title)
	if c.Refused != "" {
		_, err := fmt.Fprintf(w, "  no comparison: %s\n", c.Refused)
		return err
	}
	if c.Others > noise {
		fmt.Fprintf(w, "  beware: other programs used up to %.0f %% of the machine\n", c.Others*100)
	}
	t := tabwriter.NewWriter(w, 2, 8, 2, ' ', tabwriter.AlignRight)
	var head strings.Builder
	for _, m := range c.Scenario.Metrics {
		fmt.Fprintf(&head, "%s%s\tx best\t", m.Title, unit(m))
	}
	fmt.Fprintf(t, "\t%s\n", head.String())
	for _, r := range c.Rows {
		fmt.Fprintf(t, "%s\t", r.Peer)
		for _, m := range c.Scenario.Metrics {
			v, ok := r.Values[m.Name]
			if !ok {
				fmt.Fprint(t, "-\t\t")
				continue
			}
			fmt.Fprintf(t, "%s\t%s\t", spread(m, v), ratio(c, m, r.Peer, v))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}

// noise is the share of the machine that other programs may use without a word.
const noise = 0.08

// ratio sets a median against the best of the peers other than wssplice.
func ratio(c method.Comparison, m method.Metric, peer string, v method.Spread) string {
	_, best, ok := c.Best(m, true)
	if !ok || best.Median == 0 || m.Plain {
		return ""
	}
	return number(v.Median / best.Median)
}
