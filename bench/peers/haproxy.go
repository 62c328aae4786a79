package peers

import "os/exec"

var haproxy = []Peer{
	ha("haproxy", "HAProxy", 0, false),
	ha("haproxy-64k", "HAProxy, 64 KiB buffers", 65536, false),
	ha("haproxy-splice", "HAProxy, splice-auto", 0, true),
}

func ha(name, title string, buffer int, splice bool) Peer {
	return Peer{
		Name: name, Title: title, Config: "haproxy.cfg", Descriptors: 2,
		start: func(j Job) (*exec.Cmd, error) {
			path, err := render("haproxy.cfg", j.Dir, struct {
				Job
				Buffer int
				Splice bool
			}{j, buffer, splice})
			if err != nil {
				return nil, err
			}
			return exec.Command("haproxy", "-db", "-f", path), nil
		},
		version: func(Tools) string { return says("haproxy", "-v") },
	}
}
