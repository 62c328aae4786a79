package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
	"github.com/wssplice/wssplice/bench/report"
)

// An hour of measurements survives an end in the middle of a line.
func TestResultsGoOnWhereTheyEnded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "r.jsonl")
	suite := method.Suite{Kind: "suite", Commit: "abc", Size: "full", Rounds: 2}
	first, err := openResults(name, suite, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []method.Result{
		{Kind: "run", Scenario: "echo", Peer: "haproxy", Round: 1},
		{Kind: "run", Scenario: "echo", Peer: "caddy", Round: 1, Errors: 1},
	} {
		if err := first.add(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := first.file.WriteString(`{"kind":"run","scenario":"echo","pe`); err != nil {
		t.Fatal(err)
	}
	if err := first.file.Close(); err != nil {
		t.Fatal(err)
	}

	if _, err := openResults(name, suite, false); err == nil {
		t.Error("a file that is there is written over")
	}
	other := suite
	other.Commit = "def"
	if _, err := openResults(name, other, true); err == nil || !strings.Contains(err.Error(), "commit abc") {
		t.Errorf("figures of two commits would be mixed: %v", err)
	}
	second, err := openResults(name, suite, true)
	if err != nil {
		t.Fatal(err)
	}
	run := func(peer string, round int) method.Run {
		return method.Run{Scenario: method.Scenario{Name: "echo"}, Peer: peers.Peer{Name: peer}, Round: round}
	}
	for want, runs := range map[bool][]method.Run{
		true:  {run("haproxy", 1), run("caddy", 1)},
		false: {run("haproxy", 2), run("wssplice", 1)},
	} {
		for _, r := range runs {
			if got := second.has(r); got != want {
				t.Errorf("%s, round %d: has is %v", r.Peer.Name, r.Round, got)
			}
		}
	}
	if err := second.add(method.Result{Kind: "run", Scenario: "echo", Peer: "haproxy", Round: 2}); err != nil {
		t.Fatal(err)
	}
	if err := second.file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, runs, err := report.ReadFile(name); err != nil || len(runs) != 3 {
		b, _ := os.ReadFile(name)
		t.Errorf("%d runs, %v:\n%s", len(runs), err, b)
	}
}
