package peers

import (
	"os/exec"
	"path/filepath"
)

var caddy = []Peer{{
	Name: "caddy", Title: "Caddy", Config: "Caddyfile", Heavy: true, Go: true, Descriptors: 2,
	start: func(j Job) (*exec.Cmd, error) {
		path, err := render("Caddyfile", j.Dir, j)
		if err != nil {
			return nil, err
		}
		return exec.Command(filepath.Join(j.Tools.Bin, "caddy"), "run", "--adapter", "caddyfile", "--config", path), nil
	},
	version: func(t Tools) string {
		return "Caddy " + says(filepath.Join(t.Bin, "caddy"), "version")
	},
}}
