package method

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wssplice/wssplice/bench/peers"
)

var sample = Scenario{
	Name:    "sample",
	Title:   "Sample",
	Metrics: []Metric{{Name: "per_s", Higher: true}, {Name: "cpu_us", Proxy: true}},
}

func result(peer string, round int, perSecond, cpu float64) Result {
	return Result{Kind: "run", Scenario: "sample", Peer: peer, Round: round,
		Metrics: map[string]float64{"per_s": perSecond, "cpu_us": cpu}}
}

func TestSpreadIsTheMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{9, 1, 2}, Spread{2, 1, 9, 3}},
		{[]float64{4, 1, 2, 3}, Spread{2.5, 1, 4, 4}},
	} {
		if got := SpreadOf(c.in); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.in, got, c.want)
		}
	}
}

func TestTheBestIsNeitherTheLimitNorOneself(t *testing.T) {
	c := Compare(sample, []string{"direct", "wssplice", "haproxy", "openresty"}, []Result{
		result("direct", 1, 900, 0), result("wssplice", 1, 500, 4),
		result("haproxy", 1, 300, 7), result("openresty", 1, 400, 8),
	})
	if c.Refused != "" {
		t.Fatal(c.Refused)
	}
	if peer, v, ok := c.Best(sample.Metrics[0], true); !ok || peer != "openresty" || v.Median != 400 {
		t.Errorf("highest rate: %s %v %v", peer, v, ok)
	}
	if peer, _, _ := c.Best(sample.Metrics[1], true); peer != "haproxy" {
		t.Errorf("least CPU: %s", peer)
	}
	if peer, _, _ := c.Best(sample.Metrics[0], false); peer != "wssplice" {
		t.Errorf("highest rate of all: %s", peer)
	}
	if row, _ := c.Row("direct"); len(row.Values) != 1 {
		t.Errorf("a proxy's figures without a proxy: %v", row.Values)
	}
}

// A hiccup in one of many rounds does not move the median, and is told.
func TestALateRoundAmongManyIsTold(t *testing.T) {
	var runs []Result
	for round := range 5 {
		runs = append(runs, result("haproxy", round+1, 300, 7), result("wssplice", round+1, 500, 4))
	}
	for bad := range 3 {
		runs[2*bad].Saturated = "messages were sent late"
		c := Compare(sample, []string{"wssplice", "haproxy"}, runs)
		if refused := c.Refused != ""; refused != (bad >= 2) || c.Strained != bad+1 {
			t.Errorf("%d late rounds of 5: %+v", bad+1, c)
		}
	}
}

func TestOneBadRunRefusesAll(t *testing.T) {
	good := []Result{result("haproxy", 1, 300, 7), result("wssplice", 1, 500, 4), result("haproxy", 2, 310, 7), result("wssplice", 2, 510, 4)}
	for name, spoil := range map[string]func(r *Result){
		"error":     func(r *Result) { r.Errors, r.First = 1, "tunnel 3: message with a wrong checksum" },
		"saturated": func(r *Result) { r.Saturated = "a loop of the clients was busy" },
	} {
		runs := append([]Result{}, good...)
		spoil(&runs[2])
		c := Compare(sample, []string{"wssplice", "haproxy"}, runs)
		if !strings.HasPrefix(c.Refused, "haproxy, round 2: ") {
			t.Errorf("%s: %q", name, c.Refused)
		}
	}
}

// A round goes through everything, and the listed peers take turns in being first.
func TestRoundsAreInterleaved(t *testing.T) {
	wide := Scenario{Name: "wide", Peers: []string{"haproxy", "direct", "caddy"}}
	short := Scenario{Name: "short", Rounds: 1, Skip: func(p peers.Peer) string {
		if p.Direct() {
			return "is no proxy"
		}
		return ""
	}}
	chosen, err := peers.Find("direct,haproxy,wssplice")
	if err != nil {
		t.Fatal(err)
	}
	list := func(p Plan) (all []string) {
		for _, r := range p.Runs() {
			all = append(all, fmt.Sprintf("%d %s %s", r.Round, r.Scenario.Name, r.Peer.Name))
		}
		return all
	}
	plan := Plan{Scenarios: []Scenario{wide, short}, Peers: chosen, Rounds: 2}
	want := []string{"1 wide direct", "1 wide haproxy", "1 short haproxy", "1 short wssplice", "2 wide haproxy", "2 wide direct"}
	if got := list(plan); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	plan.Chosen = true
	want = []string{"1 wide direct", "1 wide haproxy", "1 wide wssplice", "1 short haproxy", "1 short wssplice", "2 wide haproxy", "2 wide wssplice", "2 wide direct"}
	if got := list(plan); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
