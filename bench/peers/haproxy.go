package peers

import (
	"os/exec"
	"strings"
)

var haproxy = []Peer{
	ha("haproxy", "HAProxy", haConfig{}),
	ha("haproxy-64k", "HAProxy, 64 KiB buffers", haConfig{Buffer: 65536}),
	ha("haproxy-splice", "HAProxy, splice-auto", haConfig{Splice: true}),
	ha("haproxy-nodelay", "HAProxy, http-no-delay", haConfig{NoDelay: true}),
}

// haConfig is what the variants differ in.
type haConfig struct {
	Job
	Buffer  int // tune.bufsize; 0 leaves it as it comes
	Splice  bool
	NoDelay bool // option http-no-delay, without which events wait for 200 ms
}

func ha(name, title string, config haConfig) Peer {
	return Peer{
		Name: name, Title: title, Config: "haproxy.cfg", Descriptors: 2,
		start: func(j Job) (*exec.Cmd, error) {
			config := config
			config.Job = j
			path, err := render("haproxy.cfg", j.Dir, config)
			if err != nil {
				return nil, err
			}
			return exec.Command("haproxy", "-db", "-f", path), nil
		},
		version: func(Tools) string {
			v, _, _ := strings.Cut(says("haproxy", "-v"), " - ")
			return v
		},
	}
}
