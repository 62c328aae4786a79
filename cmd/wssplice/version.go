package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by -ldflags "-X main.version=...". If empty, the version is the
// module's, as go install records it.
var version string

// build is what the binary knows of its making.
type build struct {
	version, commit string
}

func readBuild() build {
	b := build{version: version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b.filled()
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if len(b.commit) > 12 {
		b.commit = b.commit[:12]
	}
	if modified {
		b.commit += "-modified"
	}
	if b.version == "" && info.Main.Version != "(devel)" {
		b.version = info.Main.Version
	}
	return b.filled()
}

func (b build) filled() build {
	return build{cmp.Or(b.version, "devel"), cmp.Or(b.commit, "unknown")}
}

func (h *host) version() int {
	b := readBuild()
	fmt.Fprintf(h.stdout, "wssplice %s (commit %s, %s, %s/%s)\n", b.version, b.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitStopped
}
