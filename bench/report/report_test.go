package report

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wssplice/wssplice/bench/method"
)

// root is the project's.
const root = "../.."

// The document, its plots and the README's table are what the results say.
func TestDocumentAndDataAreInStep(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(root, "docs/benchmarks.md"))
	if os.IsNotExist(err) {
		t.Skip("no benchmarks have been published yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, name := range Sources(string(document)) {
		files = append(files, filepath.Join("../results", name))
	}
	if len(files) == 0 {
		t.Fatal("docs/benchmarks.md does not say what it was made from")
	}
	d, err := Read(files...)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range Files(d) {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		} else if string(got) != want {
			t.Errorf("%s is not what %v says: run make bench-report", name, files)
		}
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	switch want, err := Insert(string(readme), Summary(d)); {
	case err != nil:
		t.Errorf("README.md: %v", err)
	case want != string(readme):
		t.Errorf("README.md's table is not what %v says: run make bench-report", files)
	}
}

// sample writes a results file: three peers, two rounds of the handshake.
func sample(t *testing.T, change func(r *method.Result)) Data {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "sample.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := json.NewEncoder(file)
	write := func(v any) {
		if err := lines.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	write(method.Suite{Kind: "suite", Rounds: 2, Versions: map[string]string{"haproxy": "HAProxy 9.9"}})
	for round := range 2 {
		for peer, m := range map[string]map[string]float64{
			"direct":   {"per_s": 40_000 + float64(round), "p99_us": 500},
			"wssplice": {"per_s": 20_000 + float64(round), "cpu_us": 40, "p99_us": []float64{8005, 9994}[round]},
			"haproxy":  {"per_s": 15_000 + float64(round), "cpu_us": []float64{38, 62}[round], "p99_us": 4000},
		} {
			r := method.Result{Kind: "run", Scenario: "handshake", Peer: peer, Round: round + 1, Metrics: m}
			if change != nil {
				change(&r)
			}
			write(r)
		}
	}
	d, err := Read(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheBetterPeerIsNamedInBold(t *testing.T) {
	d := sample(t, nil)
	text := Document(d)
	for _, want := range []string{
		"| wssplice | **20,000** | **40.0** | | 9,000 (8,010–9,990) |",
		"**2.25 times HAProxy: HAProxy is better**.",
		"handshakes 1.33 times HAProxy; CPU each 0.80 times HAProxy (they overlap);",
		"| HAProxy | [haproxy.cfg](../bench/peers/haproxy.cfg) | HAProxy 9.9 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if !strings.Contains(Summary(d), "| handshakes | 20,000 /s | – | 15,000 /s | 15,000 /s, HAProxy | 1.33 |") {
		t.Error(Summary(d))
	}
	if got := Sources(text); len(got) != 1 || got[0] != "sample.jsonl" {
		t.Errorf("the document names its data as %q", got)
	}
}

func TestNothingIsComparedAfterAnError(t *testing.T) {
	d := sample(t, func(r *method.Result) {
		if r.Peer == "haproxy" && r.Round == 2 {
			r.Errors, r.First = 3, "tunnel 9: message 4 where 3 is due"
		}
	})
	text := Document(d)
	if !strings.Contains(text, "No comparison: haproxy, round 2: tunnel 9: message 4 where 3 is due.") {
		t.Errorf("no reason is given:\n%s", text)
	}
	if strings.Contains(text, "20,000") || strings.Contains(Summary(d), "handshakes |") {
		t.Error("figures are printed all the same")
	}
}

func TestInsert(t *testing.T) {
	got, err := Insert("before\n"+Begin+"\nold\n"+End+"\nafter\n", "new\n")
	if err != nil || got != "before\n"+Begin+"\nnew\n"+End+"\nafter\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Insert("nothing here", "new"); err == nil {
		t.Error("a text without markers is accepted")
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.10749: "0.107", 0.00012: "0.0001", 1: "1.00", 9.996: "10.0", 12.34: "12.3", 999.6: "1,000", 1234: "1,230", 293_456: "293,000", 1_500_000: "1,500,000",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is written %q, not %q", v, got, want)
		}
	}
}

func TestAxesEndAtRoundNumbers(t *testing.T) {
	for _, c := range []struct{ low, high, from, to float64 }{
		{0.3, 7, 0.2, 10}, {5, 20, 5, 20}, {3, 3, 2, 5}, {10, 10, 10, 20}, {0.11, 2200, 0.1, 5000},
	} {
		a := axisOver(c.low, c.high)
		if math.Abs(a.from/c.from-1) > 1e-9 || math.Abs(a.to/c.to-1) > 1e-9 {
			t.Errorf("from %v to %v: %v", c.low, c.high, a)
		}
		if n := len(a.ticks()); n < 2 || n > 8 {
			t.Errorf("from %v to %v: %d lines", c.low, c.high, n)
		}
	}
}

func TestALateRoundIsTold(t *testing.T) {
	rounds := map[string]int{}
	d := sample(t, func(r *method.Result) {
		if rounds[r.Peer]++; r.Peer == "haproxy" && rounds[r.Peer] == 1 {
			r.Saturated = "messages were sent late"
		}
	})
	// One of two rounds is half of them.
	if text := Document(d); !strings.Contains(text, "No comparison: haproxy, round 1: messages were sent late.") {
		t.Error(text)
	}
	d.Compared[0].Refused = ""
	if text := Document(d); !strings.Contains(text, "In 1 runs the load was the limit or late") {
		t.Error(text)
	}
}
