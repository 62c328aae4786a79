package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

const helpHead = `wssplice takes the token out of a WebSocket's query, sets it as the Authorization header
that a JMAP mail server wants, and then ties the two sockets together.

Usage:
  wssplice [serve] --upstream ADDR [flags]   run the proxy
  wssplice check --upstream ADDR [flags]     say what a configuration means; listens on nothing
  wssplice demo [--listen ADDR]              mail-server stand-in, proxy and web page to try
  wssplice ready [--admin ADDR]              ask a running one if it accepts: exit status 0 or 1
  wssplice version                           version, commit, Go version and platform
`

const helpTail = `
Values:
  TIME has a unit: 500ms, 30s, 5m, 24h; 0 means no limit.
  SIZE has a unit: 512B, 16KiB, 1MiB.

Environment:
  Every flag can be set by a variable: --dial-timeout by WSSPLICE_DIAL_TIMEOUT, and so on.
  A repeatable flag takes a list with commas. A flag beats its variable, a variable beats the
  default. An empty variable counts as none, but turns off what its flag turns off when empty.

Signals:
  SIGTERM, SIGINT  /readyz fails, nothing new is accepted, requests finish, tunnels stay up to
                   --drain-timeout; a second one ends everything at once, with status 1
  SIGHUP           nothing: to change the configuration, start anew

Exit status:
  0  stopped as asked, also when --drain-timeout closed the tunnels that were left
  1  could not start, or had to stop
  2  bad usage or configuration: starting again will not help

Examples:
  wssplice demo
  wssplice --upstream http://mail-server:8080
  wssplice --listen 127.0.0.1:8080 --upstream unix:/run/jmap.sock --allow /jmap,/.well-known
  WSSPLICE_UPSTREAM=http://mail-server:8080 wssplice check
`

// helpWidth is the terminal that the help must fit.
const helpWidth = 100

// writeHelp writes the one help that every command shows. The lines of the flags
// come from the tags of cli, so that none can be missing or say another default.
func writeHelp(w io.Writer, model *kong.Application) {
	fmt.Fprint(w, helpHead)
	serve, demo, ready := command(model, "serve"), command(model, "demo"), command(model, "ready")
	writeFlags(w, serve.Flags, "")
	writeFlags(w, demo.Flags, "Demo")
	writeFlags(w, ready.Flags, "Ready")
	writeFlags(w, model.Flags, "")
	fmt.Fprint(w, helpTail)
}

// writeFlags writes one line a flag under the headings of their groups, or all
// of them under heading if it is set.
func writeFlags(w io.Writer, flags []*kong.Flag, heading string) {
	names := make([]string, len(flags))
	column := 0
	for i, flag := range flags {
		names[i] = flagName(flag)
		column = max(column, len(names[i]))
	}
	under := ""
	for i, flag := range flags {
		group := heading
		if group == "" {
			group = flag.Group.Title
		}
		if group != under {
			fmt.Fprintf(w, "\n%s:\n", group)
			under = group
		}
		line := fmt.Sprintf("  %-*s  %s", column, names[i], flag.Help)
		if flag.HasDefault {
			line += " (" + flag.Default + ")"
		}
		fmt.Fprintln(w, line)
	}
}

func flagName(flag *kong.Flag) string {
	var b strings.Builder
	if flag.Short != 0 {
		fmt.Fprintf(&b, "-%c, ", flag.Short)
	}
	b.WriteString("--" + flag.Name)
	if !flag.IsBool() {
		b.WriteString(" " + flag.PlaceHolder)
	}
	return b.String()
}

func command(model *kong.Application, name string) *kong.Node {
	for _, node := range model.Children {
		if node.Name == name {
			return node
		}
	}
	panic("no command " + name)
}

// allFlags lists the flags of every command; those of serve and check occur twice.
func allFlags(model *kong.Application) []*kong.Flag {
	flags := model.Flags
	for _, node := range model.Children {
		flags = append(flags, node.Flags...)
	}
	return flags
}
