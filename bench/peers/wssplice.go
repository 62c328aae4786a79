package peers

import "os/exec"

var wssplice = []Peer{{
	Name: "wssplice", Title: "wssplice", Descriptors: 2, Go: true, Metrics: true,
	Command: "wssplice serve --listen ADDR --upstream http://ADDR --admin ADDR --log-level warn",
	start: func(j Job) (*exec.Cmd, error) {
		return exec.Command(j.Tools.Wssplice, "serve",
			"--listen", j.Listen.String(), "--upstream", "http://"+j.Upstream.String(),
			"--admin", j.Admin.String(), "--log-level", "warn"), nil
	},
	version: func(t Tools) string { return says(t.Wssplice, "version") },
}}
