// Package peers knows the proxies that are compared: how each is installed,
// configured and started. They all do one job: the token goes from the query
// into Authorization, Connection and Upgrade go on, and then bytes pass.
package peers

import (
	"bytes"
	"embed"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed openresty.conf haproxy.cfg Caddyfile gorevproxy/main.go iocopy/main.go
var files embed.FS

// Peer is one row of the tables: a proxy in one configuration.
type Peer struct {
	Name   string
	Title  string // for a reader
	Config string // file beside this one that says how it runs; "" if a command line says all
	// Command is that command line.
	Command string
	// OnlyPlain marks a configuration that differs from another in plain requests only.
	OnlyPlain bool
	// NoPlain marks one that relays upgrades only.
	NoPlain bool
	// Heavy marks one that 100,000 tunnels would cost 5 GiB and more.
	Heavy bool
	// Go marks a Go program.
	Go bool
	// Metrics marks one that serves them at Job.Admin.
	Metrics bool
	// Descriptors it holds for a tunnel.
	Descriptors int

	start   func(j Job) (*exec.Cmd, error)
	version func(tools Tools) string
}

// Tools are the programs that peers are started from.
type Tools struct {
	Wssplice string
	Bin      string // directory of the peers that are built from source
}

// Job is one start of a peer.
type Job struct {
	Listen   netip.AddrPort
	Upstream netip.AddrPort
	Dir      string // for its files, its own
	Admin    netip.AddrPort
	Tools    Tools
	Env      []string // added to the environment
}

// All are the peers in the order of the tables.
var All = slices.Concat(direct, wssplice, openresty, haproxy, caddy, golang)

// Find gives the peers that the comma-separated list names. "openresty" means
// the peer of that name only; "all" every one.
func Find(list string) ([]Peer, error) {
	if list == "all" {
		return All, nil
	}
	var found []Peer
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(All, func(p Peer) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no peer %q; there are %s", name, strings.Join(Names(), ", "))
		}
		found = append(found, All[i])
	}
	return found, nil
}

// Names lists every peer's name.
func Names() []string {
	var names []string
	for _, p := range All {
		names = append(names, p.Name)
	}
	return names
}

// Direct says that there is no proxy.
func (p Peer) Direct() bool { return p.start == nil }

// Version is what the peer says of itself, or why it cannot be asked.
func (p Peer) Version(t Tools) string {
	if p.version == nil {
		return ""
	}
	return p.version(t)
}

// Source is the text of the peer's configuration file, a template.
func (p Peer) Source() (string, error) {
	if p.Config == "" {
		return "", nil
	}
	b, err := files.ReadFile(p.Config)
	if err != nil {
		return "", fmt.Errorf("read configuration of %s: %w", p.Name, err)
	}
	return string(b), nil
}

// render writes a configuration file for j and gives its path. values is Job
// with whatever the template wants besides.
func render(name, dir string, values any) (string, error) {
	t, err := template.ParseFS(files, name)
	if err != nil {
		return "", fmt.Errorf("parse template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, values); err != nil {
		return "", fmt.Errorf("fill template: %w", err)
	}
	path := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return path, nil
}

// missing stands where a program should have said its version.
const missing = "not installed"

// says runs a program and gives the first line that it prints.
func says(program string, args ...string) string {
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return missing
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(line)
}
