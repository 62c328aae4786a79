package peers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a peer that runs.
type Process struct {
	cmd    *exec.Cmd
	output *tail
	gc     *gcTrace
	ended  chan struct{}
}

// Start starts the peer and returns once it accepts connections. A direct peer
// has no process: Start gives nil.
func (p Peer) Start(j Job) (*Process, error) {
	if p.Direct() {
		return nil, nil
	}
	cmd, err := p.start(j)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", p.Name, err)
	}
	out, gc := &tail{}, &gcTrace{}
	// One writer for both: exec then copies them with one goroutine.
	printed := io.MultiWriter(out, gc)
	cmd.Stdout, cmd.Stderr = printed, printed
	cmd.Dir = j.Dir
	cmd.Env = append(os.Environ(), "HOME="+j.Dir, "XDG_CONFIG_HOME="+j.Dir, "XDG_DATA_HOME="+j.Dir)
	cmd.Env = append(cmd.Env, j.Env...)
	// A group of its own, so that Stop reaches the workers of a dead master too.
	// If the benchmark is killed, the peer is asked to go; nginx takes its workers along.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	r := &Process{cmd: cmd, output: out, gc: gc, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(r.ended)
	}()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", j.Listen.String()); err == nil {
			_ = c.Close()
			return r, nil
		}
		select {
		case <-r.ended:
			return nil, fmt.Errorf("%s ended at once: %s", p.Name, out)
		default:
		}
		if time.Now().After(deadline) {
			r.Stop()
			return nil, fmt.Errorf("%s does not listen: %s", p.Name, out)
		}
	}
}

// PID is the root of the peer's process tree.
func (r *Process) PID() int { return r.cmd.Process.Pid }

// Check says whether the peer is still alive.
func (r *Process) Check() error {
	select {
	case <-r.ended:
		return errors.New("proxy ended during the run: " + r.output.String())
	default:
		return nil
	}
}

// Output is the end of what the peer has printed.
func (r *Process) Output() string { return r.output.String() }

// Collections is what the peer's garbage collector did, if it was started with TraceGC.
func (r *Process) Collections() Collections { return r.gc.collections() }

// Stop ends the peer and all that it started.
func (r *Process) Stop() {
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(time.Second):
	}
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	<-r.ended
}

// tail keeps the last bytes that are written to it.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(b)
	if over := t.b.Len() - 4096; over > 0 {
		t.b.Next(over)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
