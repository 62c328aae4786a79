package metrics

import (
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/wssplice/wssplice/proxy"
)

// route is the only value of the label of that name: one upstream takes every
// path. The label is there so that more routes will not rename a series.
const route = "/"

// Collector reads counters at scrape time. Stats must be set.
type Collector struct {
	// Stats gives the proxy's counters: (*proxy.Proxy).Stats.
	Stats func() proxy.Stats

	// LogLinesDropped gives the number of log lines that were lost. If nil, none were.
	LogLinesDropped func() uint64

	// Version and Commit say what is running. If empty, "unknown".
	Version, Commit string
}

// NewRegistry returns a registry of its own that holds c and client_golang's
// collectors for Go, the process and the build.
func NewRegistry(c *Collector) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		c,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return r
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range all {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	s := c.Stats()
	e := emitter(ch)
	e.counter(accepted, s.Accepted)
	e.connections(&s)
	e.counter(upgrades, s.Upgrades, route)
	e.counter(requests, s.Requests)
	for _, r := range s.Refusals {
		e.counter(refusals, r.Count, r.Reason)
	}
	e.histogram(handshakeDuration, &s.Handshake, route)
	e.histogram(dialDuration, &s.Dial, route)
	e.counter(clientReceived, s.ClientReceivedBytes)
	e.counter(clientSent, s.ClientSentBytes)
	e.counter(upstreamReceived, s.UpstreamReceivedBytes)
	e.counter(upstreamSent, s.UpstreamSentBytes)
	e.gauge(pipesInUse, s.PipesInUse)
	e.gauge(pipesIdle, s.PipesIdle)
	e.loops(&s)

	var dropped uint64
	if c.LogLinesDropped != nil {
		dropped = c.LogLinesDropped()
	}
	e.counter(logLinesDropped, dropped)
	e.gauge(buildInfo, 1, orUnknown(c.Version), orUnknown(c.Commit), runtime.Version())
}

type emitter chan<- prometheus.Metric

func (e emitter) counter(d *prometheus.Desc, v uint64, labels ...string) {
	e <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (e emitter) gauge(d *prometheus.Desc, v int64, labels ...string) {
	e <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
}

func (e emitter) histogram(d *prometheus.Desc, h *proxy.Histogram, labels ...string) {
	buckets := make(map[float64]uint64, len(proxy.DurationBounds))
	var count uint64
	for i, bound := range proxy.DurationBounds {
		count += h.Counts[i]
		buckets[bound.Seconds()] = count
	}
	count += h.Counts[len(proxy.DurationBounds)]
	e <- prometheus.MustNewConstHistogram(d, count, h.Sum.Seconds(), buckets, labels...)
}

// connections emits every phase and party from the start, zero or not: a series
// that first appears with its first event hides that event from rate().
func (e emitter) connections(s *proxy.Stats) {
	var ended [proxy.NumSteps][proxy.NumParties]uint64
	tunnels := make(map[proxy.ClosedCount]uint64)
	for _, c := range s.Closed {
		ended[c.Step][c.By] += c.Count
		if c.Step == proxy.StepTunnel {
			tunnels[proxy.ClosedCount{By: c.By, Reason: c.Reason}] += c.Count
		}
	}
	for step := range proxy.NumSteps {
		e.gauge(connections, s.Connections[step], step.String())
		for by := range proxy.NumParties {
			e.counter(connectionsClosed, ended[step][by], step.String(), by.String())
		}
	}
	for row, n := range tunnels {
		e.counter(tunnelsClosed, n, row.By.String(), row.Reason)
	}
}

func (e emitter) loops(s *proxy.Stats) {
	var up, down, spliced, stale uint64
	for i := range s.Loops {
		l, loop := &s.Loops[i], strconv.Itoa(i)
		e.gauge(loopTunnels, l.Tunnels, loop)
		e.gauge(loopGuests, l.Guests, loop)
		e.counter(loopWakeups, l.Wakeups, loop)
		up += l.UpBytes
		down += l.DownBytes
		spliced += l.SplicedBytes
		stale += l.StaleEvents
	}
	e.counter(tunnelUp, up)
	e.counter(tunnelDown, down)
	e.counter(tunnelSpliced, spliced)
	e.counter(staleEvents, stale)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
