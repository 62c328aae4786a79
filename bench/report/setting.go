package report

import (
	"fmt"
	"strings"

	"github.com/wssplice/wssplice/bench/peers"
)

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

// took says whether a peer is in the results, and which version of it.
func (d Data) took(p peers.Peer) (version string, part bool) {
	for _, c := range d.Compared {
		if _, ran := c.Row(p.Name); ran {
			part = true
		}
	}
	for _, s := range d.Suites {
		if v := s.Versions[p.Name]; v != "" {
			version = v
		}
	}
	return version, part
}

func participants(b *strings.Builder, d Data) {
	b.WriteString("## Who took part\n\n| | configuration | version |\n|---|---|---|\n")
	for _, p := range peers.All {
		version, part := d.took(p)
		if !part {
			continue
		}
		config := "clients connect to the upstream and send the header themselves"
		switch {
		case p.Config != "":
			config = fmt.Sprintf("[%s](../bench/peers/%s)", p.Config, p.Config)
		case !p.Direct():
			config = "`" + p.Command + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", p.Title, config, version)
	}
}

// configurations prints each configuration file once, as the template that it is.
func configurations(b *strings.Builder, d Data) {
	b.WriteString("\nThe files as they are, with what differs from one variant to the next in double braces:\n")
	seen := map[string]bool{}
	for _, p := range peers.All {
		text, err := p.Source()
		if _, part := d.took(p); !part || err != nil || text == "" || seen[p.Config] {
			continue
		}
		seen[p.Config] = true
		language := ""
		if strings.HasSuffix(p.Config, ".go") {
			language = "go"
		}
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n\n```%s\n%s```\n\n</details>\n", p.Config, language, text)
	}
}
