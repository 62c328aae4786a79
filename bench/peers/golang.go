package peers

import (
	"os/exec"
	"path/filepath"
	"runtime"
)

var golang = []Peer{
	goPeer("gorevproxy", "Go, httputil.ReverseProxy", false, 2),
	goPeer("iocopy", "Go, hijack and io.Copy", true, 6),
}

func goPeer(name, title string, noPlain bool, descriptors int) Peer {
	return Peer{
		Name: name, Title: title, Config: name + "/main.go", NoPlain: noPlain, Heavy: true, Go: true, Descriptors: descriptors,
		start: func(j Job) (*exec.Cmd, error) {
			return exec.Command(filepath.Join(j.Tools.Bin, name), j.Listen.String(), j.Upstream.String()), nil
		},
		version: func(Tools) string { return runtime.Version() },
	}
}
