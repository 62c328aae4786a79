// Package metrics puts a proxy's counters into words for Prometheus, and serves
// them, with health and readiness, on an admin address.
//
// Nothing is counted here: the packages proxy and splice keep plain counters and
// know nothing of Prometheus, a Collector reads them when it is scraped. Every
// label has a fixed set of values; none comes from a request.
package metrics

import "github.com/prometheus/client_golang/prometheus"

// Words that recur in help texts: phase is the step of the journey that the
// connection was in (package proxy, Step), by is who ended it (Party).
var (
	accepted = desc("connections_accepted_total",
		"Client connections accepted.")
	connections = desc("connections",
		"Client connections now, by the step of their journey that they are in.", "phase")
	connectionsClosed = desc("connections_closed_total",
		"Client connections ended, by the step that they were in and by who ended them.", "phase", "by")
	tunnelsClosed = desc("tunnel_closed_total",
		"Tunnels ended, by who ended them and why.", "by", "reason")

	upgrades = desc("upgrades_total",
		"Upgrades that the upstream answered with a verified 101: tunnels opened.", "route")
	requests = desc("requests_total",
		"Plain requests that the upstream answered.")
	refusals = desc("handshake_failures_total",
		"Requests and upgrades that the proxy refused or could not complete, by reason.", "reason")
	handshakeDuration = desc("handshake_duration_seconds",
		"Time from an upgrade's complete head to its verified 101.", "route")
	dialDuration = desc("dial_duration_seconds",
		"Time from the first attempt to connect to the upstream to the one that succeeded.", "route")

	clientReceived = desc("client_received_bytes_total",
		"Bytes received from clients.")
	clientSent = desc("client_sent_bytes_total",
		"Bytes sent to clients.")
	upstreamReceived = desc("upstream_received_bytes_total",
		"Bytes received from the upstream.")
	upstreamSent = desc("upstream_sent_bytes_total",
		"Bytes sent to the upstream.")

	tunnelUp = desc("tunnel_up_bytes_total",
		"Bytes moved in tunnels from client to upstream.")
	tunnelDown = desc("tunnel_down_bytes_total",
		"Bytes moved in tunnels from upstream to client.")
	tunnelSpliced = desc("tunnel_spliced_bytes_total",
		"Bytes moved in tunnels that went through a pipe inside the kernel.")
	pipesInUse = desc("pipes_in_use",
		"Pipes that hold bytes of a tunnel now.")
	pipesIdle = desc("pipes_idle",
		"Empty pipes kept for reuse.")

	loopTunnels = desc("loop_tunnels",
		"Tunnels that live on the event loop now.", "loop")
	loopGuests = desc("loop_guests",
		"Handshakes, listeners and watched sockets on the event loop now.", "loop")
	loopWakeups = desc("loop_wakeups_total",
		"Times the event loop returned from waiting.", "loop")
	staleEvents = desc("stale_events_total",
		"Events dropped because they were older than their descriptor's present owner.")

	logLinesDropped = desc("log_lines_dropped_total",
		"Log lines lost because standard error took them too slowly or not at all.")
	buildInfo = desc("build_info",
		"Always 1; the labels say what is running.", "version", "commit", "goversion")
)

// all is what Describe announces: every metric above, in its order.
var all = []*prometheus.Desc{
	accepted, connections, connectionsClosed, tunnelsClosed,
	upgrades, requests, refusals, handshakeDuration, dialDuration,
	clientReceived, clientSent, upstreamReceived, upstreamSent,
	tunnelUp, tunnelDown, tunnelSpliced, pipesInUse, pipesIdle,
	loopTunnels, loopGuests, loopWakeups, staleEvents,
	logLinesDropped, buildInfo,
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("wssplice_"+name, help, labels, nil)
}
