package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// environ is an environment as os.Environ gives it. It resolves flags that are
// not on the command line: --dial-timeout from WSSPLICE_DIAL_TIMEOUT.
type environ []string

const envPrefix = "WSSPLICE_"

// variable is the one rule by which every flag has its variable.
func variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func (e environ) lookup(name string) (value string, ok bool) {
	for _, entry := range e {
		if k, v, _ := strings.Cut(entry, "="); k == name {
			value, ok = v, true // as in a shell, the last one holds
		}
	}
	return value, ok
}

// hasVariable tells the settings from the flags that are commands of their own.
func hasVariable(flag string) bool { return flag != "help" && flag != "version" }

// Validate implements kong.Resolver.
func (e environ) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. kong asks it for the flags of the chosen
// command that were not given, and falls back on the default when it has none.
func (e environ) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !hasVariable(flag.Name) {
		return nil, nil
	}
	name := variable(flag.Name)
	value, ok := e.lookup(name)
	if !ok || value == "" && !mayBeEmpty[flag.Name] {
		return nil, nil
	}
	// kong reads the value again, but its error would not name the variable.
	trial := kong.DecodeContext{Value: flag.Value, Scan: kong.Scan().PushTyped(value, kong.FlagValueToken)}
	if err := readValue(&trial, reflect.New(flag.Target.Type()).Elem()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return value, nil
}

// unknown lists the variables that look like ours and are not, each with the
// known name next to it if one is near: a typo would otherwise pass in silence.
// Values are left out, for they may hold anything.
func (e environ) unknown() (hints []unknownVariable) {
	known := knownVariables()
	for _, entry := range e {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		hints = append(hints, unknownVariable{name, nearest(name, known)})
	}
	return hints
}

type unknownVariable struct {
	name string
	near string // empty if none is
}

// serviceLink matches what Kubernetes puts into every container of a namespace
// for a Service that is called wssplice or wssplice-anything: WSSPLICE_PORT,
// WSSPLICE_SERVICE_HOST, WSSPLICE_ADMIN_PORT_9090_TCP_ADDR and so on. No flag may
// ever be named such that its variable matches.
var serviceLink = regexp.MustCompile(`^WSSPLICE(_[A-Z0-9_]+)?_` +
	`(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// knownVariables lists the variables of every flag of every command.
func knownVariables() (names []string) {
	parser, err := newParser(new(cli), nil)
	if err != nil {
		return nil
	}
	for _, flag := range allFlags(parser.Model) {
		if hasVariable(flag.Name) {
			names = append(names, variable(flag.Name))
		}
	}
	return names
}

// nearest returns the one of known that fewest edits make of name, or "" if
// even that takes more than two.
func nearest(name string, known []string) (near string) {
	least := 3
	for _, k := range known {
		if d := edits(name, k); d < least {
			least, near = d, k
		}
	}
	return near
}

// edits is the Levenshtein distance of a and b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
