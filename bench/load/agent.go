package load

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
)

// Serve runs one end in this process and takes orders on in and out until in
// ends. args are those that Spawn put behind the agent's name.
func Serve(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("usage: agent client|direct|upstream ADDRESS")
	}
	addr, err := netip.ParseAddrPort(args[1])
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	runtime.GOMAXPROCS(procs)
	if err := sharpenTimers(); err != nil {
		return err
	}
	// A collection would show as latency; what a run allocates fits in memory.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)

	var end any
	if args[0] == "upstream" {
		end, err = NewUpstream(addr)
	} else {
		end, err = NewClient(Target{Addr: addr, Direct: args[0] == "direct"})
	}
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.RegisterName("End", end); err != nil {
		return fmt.Errorf("register methods: %w", err)
	}
	server.ServeConn(pipe{in, out})
	return nil
}

// sharpenTimers takes away the 50 µs by which the kernel may let a wait run
// over, or a paced sender would be late by as much as a proxy takes. Threads
// inherit it from the one that starts them. Without CAP_SYS_NICE it is not
// allowed for every thread; how late the sender was is in the results then.
func sharpenTimers() error {
	files, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, f := range files {
		// The file exists below a thread's own number only.
		f = filepath.Join("/proc", filepath.Base(f), "timerslack_ns")
		if err := os.WriteFile(f, []byte("1"), 0); err != nil && !errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("set timer slack: %w", err)
		}
	}
	return nil
}

// pipe makes one connection of a process's two pipes.
type pipe struct {
	io.Reader
	io.Writer
}

func (pipe) Close() error { return nil }

// Agent is a process that runs one end.
type Agent struct {
	cmd *exec.Cmd
	rpc *rpc.Client
}

// Spawn starts this program again as an agent: kind is client, direct (a client
// without a proxy before it) or upstream.
func Spawn(kind string, addr netip.AddrPort) (*Agent, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	cmd := exec.Command(self, "agent", kind, addr.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	return &Agent{cmd: cmd, rpc: rpc.NewClient(pipe{out, in})}, nil
}

// Call calls a method of the agent's Client or Upstream.
func (a *Agent) Call(method string, args, reply any) error {
	if reply == nil {
		reply = &struct{}{}
	}
	if err := a.rpc.Call("End."+method, args, reply); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// Mark fetches the tally.
func (a *Agent) Mark() (Tally, error) {
	var t Tally
	err := a.Call("Mark", struct{}{}, &t)
	return t, err
}

// PID is the agent's process.
func (a *Agent) PID() int { return a.cmd.Process.Pid }

// Kill ends the process and does not wait for it.
func (a *Agent) Kill() { _ = a.cmd.Process.Kill() }

// Stop ends the process.
func (a *Agent) Stop() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
}
