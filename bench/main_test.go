package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
	"github.com/wssplice/wssplice/bench/scenarios"
)

// TestMain lets the test program be its own load generator, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		if err := load.Serve(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Every scenario in its smallest size, without a proxy, through the recipe and
// through wssplice: everything arrives, and every figure is there. How fast
// says nothing.
func TestEveryScenario(t *testing.T) {
	if testing.Short() {
		t.Skip("starts several processes for each scenario")
	}
	names := "direct,gorevproxy,wssplice"
	for program, peer := range map[string]string{"nginx": "openresty", "haproxy": "haproxy-64k"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Errorf("%s is not installed: make bench-packages", program)
			}
			t.Logf("%s is not installed (make bench-peers): %s left out", program, peer)
			continue
		}
		names += "," + peer
	}
	chosen, err := peers.Find(names)
	if err != nil {
		t.Fatal(err)
	}
	built, err := tools("", chosen)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios.All {
		t.Run(s.Name, func(t *testing.T) {
			plan := method.Plan{
				Scenarios: []method.Scenario{s}, Peers: chosen, Rounds: 1, Size: method.Sizes["ci"], Tools: built,
				Done: func(r method.Result) error {
					if r.Errors > 0 {
						t.Errorf("%s: %d errors, the first: %s", r.Peer, r.Errors, r.First)
						return nil
					}
					for _, m := range s.Metrics {
						if _, ok := r.Metrics[m.Name]; !ok && !(m.Proxy && r.Peer == "direct") {
							t.Errorf("%s: no figure for %s", r.Peer, m.Title)
						}
					}
					return nil
				},
			}
			if err := plan.Run(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestScenariosAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range scenarios.Names() {
		if seen[name] {
			t.Errorf("two scenarios are called %s", name)
		}
		seen[name] = true
	}
	if found, err := scenarios.Find("push"); err != nil || len(found) != 2 {
		t.Errorf("push is %d scenarios, %v", len(found), err)
	}
	found, err := scenarios.Find("all,-growth,-echo")
	if err != nil || len(found) != len(scenarios.All)-len(scenarios.Growth)-1 {
		t.Errorf("all but growth and echo are %d scenarios, %v", len(found), err)
	}
	if _, err := scenarios.Find("pusch"); err == nil {
		t.Error("a wrong name is accepted")
	}
}
