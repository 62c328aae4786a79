package metrics

import (
	"flag"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/wssplice/wssplice/proxy"
	"github.com/wssplice/wssplice/splice"
)

var update = flag.Bool("update", false, "write testdata/metrics.txt anew")

// sample holds a different number in every field, so that a mix-up shows.
func sample() proxy.Stats {
	s := proxy.Stats{
		Accepted:    1001,
		Connections: [proxy.NumSteps]int64{1, 2, 3, 4, 5},
		Closed: []proxy.ClosedCount{
			{Step: proxy.StepHead, By: proxy.ByClient, Reason: "eof", Count: 11},
			{Step: proxy.StepTunnel, By: proxy.ByClient, Reason: "eof", Count: 12},
			{Step: proxy.StepTunnel, By: proxy.ByClient, Reason: "reset", Count: 13},
			{Step: proxy.StepTunnel, By: proxy.ByUpstream, Reason: "eof", Count: 14},
		},
		Upgrades:              1002,
		Requests:              1003,
		Refusals:              []proxy.RefusalCount{{Reason: "bad_head", Status: 400, Count: 21}, {Reason: "dial", Status: 502}},
		ClientReceivedBytes:   2001,
		ClientSentBytes:       2002,
		UpstreamReceivedBytes: 2003,
		UpstreamSentBytes:     2004,
		Loops: []splice.Stats{
			{Tunnels: 31, Guests: 32, Wakeups: 33, StaleEvents: 34, SplicedBytes: 35, UpBytes: 36, DownBytes: 37},
			{Tunnels: 41, Guests: 42, Wakeups: 43, StaleEvents: 44, SplicedBytes: 45, UpBytes: 46, DownBytes: 47},
		},
		PipesInUse: 51,
		PipesIdle:  52,
	}
	for i := range s.Handshake.Counts {
		s.Handshake.Counts[i] = uint64(i + 1)
		s.Dial.Counts[i] = 2
	}
	s.Handshake.Sum = 1500 * time.Millisecond
	s.Dial.Sum = 250 * time.Microsecond
	return s
}

func sampleCollector() *Collector {
	return &Collector{
		Stats:           sample,
		LogLinesDropped: func() uint64 { return 61 },
		Version:         "1.2.3",
		Commit:          "0123abcd",
	}
}

// TestNames pins every name, label, help text and value. Renaming a metric
// breaks dashboards and alerts: it belongs in the changelog.
func TestNames(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(sampleCollector())
	got := strings.Replace(exposition(t, r), goVersion(t, r), "GOVERSION", 1)

	const golden = "testdata/metrics.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	wantLines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Fatalf("line %d of %s differs: got %q; if it is meant, go test ./metrics -update", i+1, golden, line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s holds lines that are gone", golden)
	}
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(NewRegistry(sampleCollector()))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestZeroStats scrapes a proxy on which nothing has happened: the series that
// rate() needs are there all the same, and nothing divides or panics.
func TestZeroStats(t *testing.T) {
	r := NewRegistry(&Collector{Stats: func() proxy.Stats { return proxy.Stats{} }})
	got := exposition(t, r)
	for _, want := range []string{
		`wssplice_connections_closed_total{by="upstream",phase="tunnel"} 0`,
		`wssplice_connections{phase="head"} 0`,
		`wssplice_handshake_duration_seconds_count{route="/"} 0`,
		`wssplice_log_lines_dropped_total 0`,
		`wssplice_build_info{commit="unknown",`,
		"go_goroutines ",
		"go_build_info{",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not exposed: %s", want)
		}
	}
}

// exposition is what a scraper of g gets.
func exposition(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	answer := httptest.NewRecorder()
	Admin{Gatherer: g}.Server().Handler.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("/metrics is %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func goVersion(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	_, rest, ok := strings.Cut(exposition(t, g), `goversion="`)
	if !ok {
		t.Fatal("build_info has no goversion")
	}
	version, _, _ := strings.Cut(rest, `"`)
	return version
}
