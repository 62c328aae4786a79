package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// ports are those that the kernel gives to outgoing connections, of either family.
type ports struct {
	low, high int // 0: unknown, or not Linux
	reserved  int // of those, kept for others
}

func (p ports) count() int { return p.high - p.low + 1 - p.reserved }

// localPorts reads the range that holds in the network namespace of this process.
func localPorts(proc string) (p ports) {
	dir := filepath.Join(proc, "sys/net/ipv4")
	text, err := os.ReadFile(filepath.Join(dir, "ip_local_port_range"))
	if err != nil {
		return ports{}
	}
	if _, err := fmt.Sscan(string(text), &p.low, &p.high); err != nil || p.low < 1 || p.high < p.low {
		return ports{}
	}
	text, err = os.ReadFile(filepath.Join(dir, "ip_local_reserved_ports"))
	if err != nil {
		return p
	}
	// Numbers and ranges with commas between them, such as 8080,9000-9010.
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		var from, to int
		switch n, _ := fmt.Sscanf(part, "%d-%d", &from, &to); n {
		case 0:
			continue
		case 1:
			to = from
		}
		p.reserved += max(0, min(to, p.high)-max(from, p.low)+1)
	}
	return p
}

// sourceMeaning says where connections to the upstream come from.
func sourceMeaning(source []string) string {
	switch len(source) {
	case 0:
		return "the address that the kernel chooses"
	case 1:
		return source[0]
	}
	return strings.Join(source, ", ") + ", in turn"
}

// portsMeaning says how many connections to the upstream the local ports allow.
func portsMeaning(source []string, here *surroundings) string {
	if len(here.found) == 0 {
		if here.lookUp == "" {
			return "none are taken: the upstream is a unix socket"
		}
		return "unknown while the upstream has no address"
	}
	ways, unused := ways(source, here.found)
	if ways == 0 {
		return "none: no source is of the family of the upstream's addresses, add one or leave the sources out"
	}
	note := ""
	if unused > 0 {
		note = fmt.Sprintf("; %d of its addresses not used, for want of a source of the family", unused)
	}
	if here.ports.low == 0 {
		return fmt.Sprintf("as many connections as the system has ports, times %d%s", ways, note)
	}
	n := here.ports.count() * ways
	text := fmt.Sprintf("%d connections at once: %d ports (%d-%d)", n, here.ports.count(), here.ports.low, here.ports.high)
	if ways > 1 {
		text += fmt.Sprintf(" by %d pairs of source and upstream address", ways)
	}
	if n < here.connections {
		note += "; fewer than the limit below: give more --source addresses"
	}
	return text + note
}

// ways counts the pairs of a source and an upstream address of one family, as each
// has the whole range of ports, and the upstream's addresses without a pair.
func ways(source []string, found []netip.Addr) (ways, unused int) {
	for _, to := range found {
		n := 0
		for _, text := range source {
			if ip, err := netip.ParseAddr(text); err == nil && ip.Unmap().Is4() == to.Is4() {
				n++
			}
		}
		switch {
		case len(source) == 0:
			n = 1
		case n == 0:
			unused++
		}
		ways += n
	}
	return ways, unused
}
