package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wssplice/wssplice/bench/peers"
	"github.com/wssplice/wssplice/bench/proc"
)

func machine() proc.Machine { return proc.ThisMachine() }

// bin is where programs built from source lie, beside this file.
const bin = ".bin"

// tools builds what the chosen peers need. The program runs in bench/, as
// "go run ." there does.
func tools(wssplice string, chosen []peers.Peer) (peers.Tools, error) {
	dir, err := filepath.Abs(bin)
	if err != nil {
		return peers.Tools{}, fmt.Errorf("find %s: %w", bin, err)
	}
	t := peers.Tools{Wssplice: wssplice, Bin: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return t, fmt.Errorf("make %s: %w", bin, err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(chosen, func(p peers.Peer) bool { return p.Name == name })
	}
	if t.Wssplice == "" {
		t.Wssplice = filepath.Join(dir, "wssplice")
		if has("wssplice") {
			if err := build("..", t.Wssplice, "./cmd/wssplice", "-s -w -X main.version="+describe()); err != nil {
				return t, err
			}
		}
	} else if t.Wssplice, err = filepath.Abs(t.Wssplice); err != nil {
		return t, fmt.Errorf("find wssplice: %w", err)
	}
	for name, from := range map[string]string{"gorevproxy": ".", "iocopy": ".", "caddy": "peers/caddy"} {
		if !has(name) {
			continue
		}
		pkg := "./peers/" + name
		if from != "." {
			pkg = "."
		}
		if err := build(from, filepath.Join(dir, name), pkg, ""); err != nil {
			return t, err
		}
	}
	return t, nil
}

// build compiles a program as it would be shipped: static, without paths.
func build(dir, out, pkg, linker string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", linker, "-o", out, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", filepath.Base(out), err, said)
	}
	return nil
}

// describe is the version that the project's Makefile would give the program.
func describe() string {
	out, err := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "devel"
	}
	return strings.TrimSpace(string(out))
}

// measured is what a figure depends on, as git pathspecs: the program and the benchmark.
var measured = []string{"--", ":(top)cmd", ":(top)httphead", ":(top)metrics", ":(top)proxy", ":(top)splice", ":(top)go.mod", ":(top)go.sum",
	":(top)bench", ":(top,exclude)bench/results", ":(top,exclude)bench/*.md"}

// commit is the last that changed what is measured, with a plus sign if some of
// that is not committed. A document that is committed meanwhile changes nothing.
func commit() string {
	rev, err := exec.Command("git", append([]string{"log", "-1", "--format=%h"}, measured...)...).Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(rev))
	dirty, err := exec.Command("git", append([]string{"status", "--porcelain"}, measured...)...).Output()
	if err != nil || len(dirty) > 0 {
		name += "+"
	}
	return name
}
