package splice

import (
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
)

// TestMain fails the package if a descriptor or a goroutine outlives its tests.
func TestMain(m *testing.M) {
	// The runtime's poller opens its own descriptors at the first use and keeps them.
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close()
	}
	files, goroutines := openFiles(), runtime.NumGoroutine()
	code := m.Run()
	// A fuzzing process shares pipes with its workers: its descriptors are not ours alone.
	if f := flag.Lookup("test.fuzz"); f == nil || f.Value.String() == "" {
		if !eventually(func() bool { return len(openFiles()) <= len(files) }) {
			fmt.Fprintf(os.Stderr, "descriptors left open: %v\n", leftOpen(files))
			code = max(code, 1)
		}
		if !eventually(func() bool { return runtime.NumGoroutine() <= goroutines }) {
			fmt.Fprintf(os.Stderr, "%d goroutines left, %d before:\n", runtime.NumGoroutine(), goroutines)
			pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// openFiles is what /proc/self/fd says, less the descriptor that looks.
func openFiles() map[string]string {
	files := map[string]string{}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			files[e.Name()] = to
		}
	}
	return files
}

func leftOpen(before map[string]string) []string {
	var left []string
	for fd, to := range openFiles() {
		if before[fd] != to {
			left = append(left, fd+" "+to)
		}
	}
	return left
}

// pipeFiles counts the open ends of pipes.
func pipeFiles() (n int) {
	for _, to := range openFiles() {
		if strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}
