package peers

import (
	"os/exec"
	"path/filepath"
	"strings"
)

var openresty = []Peer{
	nginx("openresty", "OpenResty recipe, 1 worker", 1, false),
	nginx("openresty-2w", "OpenResty recipe, 2 workers", 2, false),
	nginx("openresty-ka", "OpenResty with upstream keep-alive, 1 worker", 1, true),
	nginx("openresty-2w-ka", "OpenResty with upstream keep-alive, 2 workers", 2, true),
}

func nginx(name, title string, workers int, keepAlive bool) Peer {
	return Peer{
		Name: name, Title: title, Config: "openresty.conf", OnlyPlain: keepAlive, Descriptors: 2,
		start: func(j Job) (*exec.Cmd, error) {
			path, err := render("openresty.conf", j.Dir, struct {
				Job
				Workers   int
				KeepAlive bool
			}{j, workers, keepAlive})
			if err != nil {
				return nil, err
			}
			return exec.Command("nginx", "-p", j.Dir, "-c", path,
				"-e", filepath.Join(j.Dir, "error.log")), nil
		},
		version: func(Tools) string {
			v := strings.TrimPrefix(says("nginx", "-v"), "nginx version: ")
			// Only Debian knows the module's version.
			if lua := says("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-http-lua"); lua != missing {
				v += ", libnginx-mod-http-lua " + lua
			}
			return v
		},
	}
}
