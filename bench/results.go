package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/report"
)

// scratch is where results go that nobody gave a name; it may be overwritten.
const scratch = "results/last.jsonl"

// results is a file that every run is appended to as soon as it is over, so that
// an end before its time loses nothing that was measured.
type results struct {
	file *os.File
	runs []method.Result
	have map[string]bool
}

// openResults begins a file with the suite's line, or goes on with one that an
// earlier start of the same suite has left.
func openResults(name string, suite method.Suite, resume bool) (*results, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("make directory for results: %w", err)
	}
	r := &results{have: map[string]bool{}}
	if resume {
		err := r.goOn(name, suite)
		if !errors.Is(err, os.ErrNotExist) {
			return r, err
		}
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if name != scratch {
		flags |= os.O_EXCL
	}
	var err error
	if r.file, err = os.OpenFile(name, flags, 0o644); err != nil {
		return nil, fmt.Errorf("create results (--resume goes on with a file that is there): %w", err)
	}
	return r, r.line(suite)
}

// goOn reads what is there. Figures of two commits, sizes or machines are not to
// be mixed in one table, so all of that must be the same.
func (r *results) goOn(name string, suite method.Suite) error {
	if err := dropHalfLine(name); err != nil {
		return err
	}
	was, runs, err := report.ReadFile(name)
	if err != nil {
		return err
	}
	if was.Commit != suite.Commit || was.Size != suite.Size || was.Rounds != suite.Rounds || was.Machine != suite.Machine {
		return fmt.Errorf("go on with %s: it is of commit %s, size %s, %d rounds on %s, and this is commit %s, size %s, %d rounds on %s", name,
			was.Commit, was.Size, was.Rounds, was.Machine.CPU, suite.Commit, suite.Size, suite.Rounds, suite.Machine.CPU)
	}
	for _, run := range runs {
		r.runs = append(r.runs, run)
		r.have[key(run.Scenario, run.Peer, run.Round)] = true
	}
	if r.file, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return fmt.Errorf("open results: %w", err)
	}
	return nil
}

// dropHalfLine cuts off a last line that was not written to its end.
func dropHalfLine(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open results: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	if err := f.Truncate(int64(bytes.LastIndexByte(b, '\n') + 1)); err != nil {
		return fmt.Errorf("cut results: %w", err)
	}
	return nil
}

func key(scenario, peer string, round int) string { return fmt.Sprint(scenario, " ", peer, " ", round) }

// has says whether a run needs no repetition. One that failed does not either:
// to run until it goes well would be to choose.
func (r *results) has(run method.Run) bool {
	return r.have[key(run.Scenario.Name, run.Peer.Name, run.Round)]
}

func (r *results) add(run method.Result) error {
	r.runs = append(r.runs, run)
	return r.line(run)
}

func (r *results) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if _, err := r.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}
