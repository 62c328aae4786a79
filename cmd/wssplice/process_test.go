package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// beMain makes the test binary the program: the tests of this package start it
// as a process of its own, with the real signals, streams and exit codes.
const beMain = "BE_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program prepares a call of the program with nothing of its variables set.
func program(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, envPrefix) {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	// Under -race a process sleeps for a second at its end unless told not to.
	cmd.Env = append(cmd.Env, beMain+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// call runs the program to its end.
func call(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := program(ctx, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	return exitCode(t, cmd.Run()), out.String(), errs.String()
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		t.Fatal(err)
		return -1
	}
}

// process is a running wssplice serve.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	addr  string // where it listens
	admin string // the URL of its admin address

	stderr io.ReadCloser // what p.read reads

	mu  sync.Mutex
	log bytes.Buffer // standard error so far
	out bytes.Buffer // standard output; to be read once the process has ended

	lines chan map[string]any // standard error, line by line
}

// serve starts the program before upstream on free ports and waits until it has
// said where it listens.
func serve(t *testing.T, upstream string, args ...string) *process {
	t.Helper()
	p := &process{t: t, lines: make(chan map[string]any, 1000)}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.cmd = program(ctx, nil, append([]string{"--upstream", "http://" + upstream,
		"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json"}, args...)...)
	p.cmd.Stdout = &p.out
	var err error
	if p.stderr, err = p.cmd.StderrPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read()
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		p.cmd.Wait()
		if t.Failed() {
			t.Logf("standard error:\n%s", p.printed())
		}
	})
	p.addr = p.await("listening")["address"].(string)
	p.await("started")
	return p
}

func (p *process) read() {
	defer close(p.lines)
	decoder := json.NewDecoder(io.TeeReader(p.stderr, p))
	for {
		line := make(map[string]any)
		if err := decoder.Decode(&line); err != nil {
			io.Copy(p, p.stderr) // the end, or a crash that is not JSON
			return
		}
		p.lines <- line
	}
}

// Write keeps what the process wrote to standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

// printed is what the process wrote to standard error so far.
func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// await reads the log up to a line with the message msg.
func (p *process) await(msg string) map[string]any {
	p.t.Helper()
	for line := range p.lines {
		if line["msg"] == "admin" {
			p.admin = "http://" + line["address"].(string)
		}
		if line["msg"] == msg {
			return line
		}
	}
	p.t.Fatalf("ended without logging %q:\n%s", msg, p.printed())
	return nil
}

func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the process and returns its exit code.
func (p *process) end() int {
	p.t.Helper()
	for range p.lines {
	}
	return exitCode(p.t, p.cmd.Wait())
}
