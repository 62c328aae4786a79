//go:build unix

package main

import (
	"bufio"
	"context"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestDemo starts the demo as make run does, fetches the page from the address
// that it prints, and stops it as Ctrl-C does.
func TestDemo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := program(ctx, nil, "demo", "--listen", "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/?`)
	lines := bufio.NewScanner(stdout)
	url := ""
	for url == "" && lines.Scan() {
		url = page.FindString(lines.Text())
	}
	if url == "" {
		t.Fatalf("no address printed; ended with %v", cmd.Wait())
	}
	status, body := get(t, url)
	if status != 200 || !strings.Contains(body, "<html") {
		t.Errorf("the page is %d:\n%s", status, body)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if code := exitCode(t, cmd.Wait()); code != exitStopped {
		t.Errorf("exit code %d", code)
	}
}
