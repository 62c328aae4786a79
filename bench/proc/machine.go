package proc

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is what a result must be read beside.
type Machine struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	MemoryGiB   int    `json:"memory_gib"`
	Kernel      string `json:"kernel"`
	Go          string `json:"go"`
	Descriptors uint64 `json:"descriptors"` // RLIMIT_NOFILE of a process
	Backlog     string `json:"somaxconn"`
	Ports       string `json:"ip_local_port_range"`
	Congestion  string `json:"tcp_congestion_control"`
}

// ThisMachine describes where the program runs.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(),
		Backlog: sysctl("net/core/somaxconn"), Ports: sysctl("net/ipv4/ip_local_port_range"),
		Congestion: sysctl("net/ipv4/tcp_congestion_control")}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
	}
	if n, err := kilobytes("/proc/meminfo", "MemTotal:"); err == nil {
		m.MemoryGiB = int((n + 1<<29) >> 30)
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		m.Descriptors = limit.Max
	}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

func sysctl(name string) string {
	b, _ := os.ReadFile("/proc/sys/" + name)
	return strings.Join(strings.Fields(string(b)), " ")
}

// Idle is how long the machine's cores have had nothing to do, all together.
func Idle() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := strings.Fields(string(line)) // cpu user nice system idle iowait ...
	var ticks int64
	for _, i := range []int{4, 5} {
		if len(f) > i {
			n, _ := strconv.ParseInt(f[i], 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * (time.Second / 100) // USER_HZ
}

// Kernel is the kernel's own memory in bytes: slabs that cannot be reclaimed,
// stacks, page tables, and what sockets hold in their queues.
func Kernel() (int64, error) {
	var sum int64
	for _, field := range []string{"SUnreclaim:", "KernelStack:", "PageTables:"} {
		n, err := kilobytes("/proc/meminfo", field)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum + SocketQueues(), nil
}

// SocketQueues is the memory of TCP's send and receive queues in bytes.
func SocketQueues() int64 {
	b, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 0 && f[0] == "TCP:" {
			for i := 1; i+1 < len(f); i += 2 {
				if f[i] == "mem" {
					pages, _ := strconv.ParseInt(f[i+1], 10, 64)
					return pages * int64(os.Getpagesize())
				}
			}
		}
	}
	return 0
}

// Cores is how many the machine has.
func Cores() int { return runtime.NumCPU() }
