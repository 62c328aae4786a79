// Command bench measures wssplice beside the proxies that it wants to replace.
//
//	go run . --peers wssplice,haproxy --scenarios push --rounds 5
//
// runs what is named and prints a table; see --help for the rest.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/wssplice/wssplice/bench/load"
	"github.com/wssplice/wssplice/bench/method"
	"github.com/wssplice/wssplice/bench/peers"
	"github.com/wssplice/wssplice/bench/report"
	"github.com/wssplice/wssplice/bench/scenarios"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) > 0 && args[0] == "agent":
		err = load.Serve(args[1:], os.Stdin, os.Stdout)
	case len(args) > 0 && args[0] == "report":
		err = makeReport(args[1:])
	default:
		err = run(args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	peerList := flags.String("peers", "all", "peers, comma-separated: "+strings.Join(peers.Names(), ", "))
	scenarioList := flags.String("scenarios", "all", "scenarios, comma-separated; the part before a dash takes all that begin so, a minus sign before leaves out: "+strings.Join(scenarios.Names(), ", "))
	rounds := flags.Int("rounds", 5, "interleaved rounds")
	sizeName := flags.String("size", "full", "full, quick (short windows) or ci (as small as can be)")
	out := flags.String("out", scratch, "file for the raw results")
	resume := flags.Bool("resume", false, "go on with the results file where an earlier start ended")
	list := flags.Bool("list", false, "say what would run, and end")
	binary := flags.String("wssplice", "", "wssplice program to measure; built from the checkout if empty")
	onlyBuild := flags.Bool("build", false, "build the peers that are built from source, say every version, and end")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: bench [flags]            run and print tables\n       bench report FILE...      make docs/benchmarks.md and the README's table of results\n\nflags:")
		flags.PrintDefaults()
	}
	_ = flags.Parse(args)
	size, ok := method.Sizes[*sizeName]
	if !ok {
		return fmt.Errorf("no size %q; there are full, quick and ci", *sizeName)
	}
	plan := method.Plan{Rounds: *rounds, Size: size, Chosen: *peerList != "all"}
	var err error
	if plan.Peers, err = peers.Find(*peerList); err != nil {
		return err
	}
	if plan.Scenarios, err = scenarios.Find(*scenarioList); err != nil {
		return err
	}
	if *list {
		for _, r := range plan.Runs() {
			fmt.Println(r.Round, r.Scenario.Name, r.Peer.Name)
		}
		return nil
	}
	if plan.Tools, err = tools(*binary, plan.Peers); err != nil {
		return err
	}
	if *onlyBuild {
		for _, p := range plan.Peers {
			fmt.Printf("%-16s %s\n", p.Name, p.Version(plan.Tools))
		}
		return nil
	}
	file, err := openResults(*out, suite(plan), *resume)
	if err != nil {
		return err
	}
	defer file.file.Close()
	plan.Have = file.has
	total, start, before := len(plan.Runs()), time.Now(), len(file.runs)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		method.StopAll()
		os.Exit(130)
	}()
	plan.Done = func(r method.Result) error {
		if err := file.add(r); err != nil {
			return err
		}
		n := len(file.runs)
		left := time.Duration(float64(time.Since(start)) / float64(n-before) * float64(total-n)).Round(time.Minute)
		fmt.Fprintf(os.Stderr, "[%d/%d, %v left] %s %s round %d: %.1f s", n, total, left, r.Scenario, r.Peer, r.Round, r.Took)
		if why := r.Refused(); why != "" {
			fmt.Fprintf(os.Stderr, ": NOT GOOD (%d errors): %s", r.Errors, why)
		}
		fmt.Fprintln(os.Stderr)
		return nil
	}
	if err := plan.Run(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d runs in %v\n", len(file.runs)-before, time.Since(start).Round(time.Second))
	return tables(plan, file.runs)
}

// makeReport writes the documents; README.md may do without the table.
func makeReport(args []string) error {
	flags := flag.NewFlagSet("bench report", flag.ExitOnError)
	root := flags.String("root", "..", "directory that gets docs/, and whose README.md gets the table")
	_ = flags.Parse(args)
	if flags.NArg() == 0 {
		return errors.New("report: name the results files; where two hold a scenario, the last one counts")
	}
	d, err := report.Read(flags.Args()...)
	if err != nil {
		return err
	}
	err = report.Write(d, *root)
	if errors.Is(err, report.ErrNoMarkers) || errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return nil
	}
	return err
}

// tables prints every comparison and fails if one is refused. The ci size asks
// only whether everything works.
func tables(plan method.Plan, results []method.Result) error {
	if plan.Size.Name == "ci" {
		bad := 0
		for _, r := range results {
			if r.Errors > 0 {
				bad++
			}
		}
		fmt.Printf("%d passed, %d failed\n", len(results)-bad, bad)
		if bad > 0 {
			return errors.New("not every byte arrived as it was sent")
		}
		return nil
	}
	refused := 0
	for _, s := range plan.Scenarios {
		c := method.Compare(s, peers.Names(), results)
		if err := report.Terminal(os.Stdout, c); err != nil {
			return err
		}
		if c.Refused != "" {
			refused++
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d scenarios gave nothing to compare", refused, len(plan.Scenarios))
	}
	return nil
}

func suite(plan method.Plan) method.Suite {
	s := method.Suite{
		Kind: "suite", Date: time.Now().UTC().Truncate(time.Second), Commit: commit(),
		Size: plan.Size.Name, Rounds: plan.Rounds, Machine: machine(), Versions: map[string]string{},
	}
	for _, p := range plan.Peers {
		if v := p.Version(plan.Tools); v != "" {
			s.Versions[p.Name] = filepath.ToSlash(v)
		}
	}
	return s
}
