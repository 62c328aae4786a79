// Wssplice takes the token out of a WebSocket's query, sets it as the
// Authorization header that a JMAP mail server wants, and from the server's 101
// on ties the two sockets together.
//
// This package is the command line, the signals and the wiring; package proxy
// does the work. See wssplice --help.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// The exit codes, all three.
const (
	exitStopped = 0 // stopped as asked, or did what was asked
	exitFailed  = 1 // could not start, or had to stop
	exitUsage   = 2 // bad usage or configuration: starting again will not help
)

// host is what a command finds around it, so that tests can stand in for it.
type host struct {
	stdout, stderr io.Writer
	env            environ
}

func main() {
	h := &host{stdout: os.Stdout, stderr: os.Stderr, env: os.Environ()}
	os.Exit(h.run(os.Args[1:]))
}

// run does what args say and returns the exit code.
func (h *host) run(args []string) int {
	var c cli
	parser, err := newParser(&c, h.env)
	if err != nil {
		return h.fail(exitFailed, err) // a mistake in cli's tags
	}
	parsed, err := parser.Parse(args)
	switch {
	case errors.Is(err, errHelp):
		writeHelp(h.stdout, parser.Model)
		return exitStopped
	case err != nil:
		return h.fail(exitUsage, err)
	case c.ShowVersion:
		return h.version()
	}
	switch parsed.Command() {
	case "check":
		return h.check(&c.Check.settings)
	case "demo":
		return h.demo(&c.Demo)
	case "ready":
		return h.ready(&c.Ready)
	case "version":
		return h.version()
	case "help":
		writeHelp(h.stdout, parser.Model)
		return exitStopped
	default:
		return h.serve(&c.Serve.settings)
	}
}

// fail reports err where the operator looks first and returns code.
func (h *host) fail(code int, err error) int {
	fmt.Fprintf(h.stderr, "wssplice: %v\n", err)
	if code == exitUsage {
		fmt.Fprintln(h.stderr, "wssplice --help lists every flag, wssplice demo needs none.")
	}
	return code
}

// newParser builds the command line that fills c; flags that are not given come
// from env, then from their defaults.
func newParser(c *cli, env environ) (*kong.Kong, error) {
	options := append(readers(), kong.Name("wssplice"), kong.NoDefaultHelp(), kong.Resolvers(env))
	return kong.New(c, options...)
}
