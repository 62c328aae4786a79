package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
	"github.com/wssplice/wssplice/bench/scenarios"
)

// Data is what one or more results files hold.
type Data struct {
	Files  []string // names without directory: they belong into bench/results
	Suites []method.Suite
	// Compared has every scenario that was run, in the scenarios' order, and
	// From the number of the suite each was run in.
	Compared []method.Comparison
	From     map[string]int
}

// Read reads results files. A scenario that several hold comes from the last
// one: figures of two runs are never mixed in one table.
func Read(files ...string) (Data, error) {
	d := Data{From: map[string]int{}}
	results := map[string][]method.Result{}
	for i, file := range files {
		suite, runs, err := ReadFile(file)
		if err != nil {
			return d, err
		}
		d.Files = append(d.Files, filepath.Base(file))
		d.Suites = append(d.Suites, suite)
		here := map[string][]method.Result{}
		for _, r := range runs {
			here[r.Scenario] = append(here[r.Scenario], r)
			d.From[r.Scenario] = i
		}
		for name, runs := range here {
			results[name] = runs
		}
	}
	for _, s := range scenarios.All {
		if runs := results[s.Name]; len(runs) > 0 {
			d.Compared = append(d.Compared, method.Compare(s, peers.Names(), runs))
		}
	}
	return d, nil
}

// ReadFile reads one results file: what its runs have in common, and the runs.
func ReadFile(name string) (s method.Suite, runs []method.Result, err error) {
	f, err := os.Open(name)
	if err != nil {
		return s, nil, fmt.Errorf("open results: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var kind struct{ Kind string }
		if err := json.Unmarshal(lines.Bytes(), &kind); err != nil {
			return s, nil, fmt.Errorf("read %s, line %d: %w", name, n, err)
		}
		var into any = &s
		if kind.Kind == "run" {
			runs = append(runs, method.Result{})
			into = &runs[len(runs)-1]
		}
		if err := json.Unmarshal(lines.Bytes(), into); err != nil {
			return s, nil, fmt.Errorf("read %s, line %d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return s, nil, fmt.Errorf("read %s: %w", name, err)
	}
	if s.Kind != "suite" {
		return s, nil, fmt.Errorf("read %s: no line says what was run", name)
	}
	return s, runs, nil
}

// Of gives a scenario's comparison, if it was run and may be compared.
func (d Data) Of(scenario string) (method.Comparison, bool) {
	for _, c := range d.Compared {
		if c.Scenario.Name == scenario {
			return c, c.Refused == ""
		}
	}
	return method.Comparison{}, false
}
