// Package proc reads what the kernel knows about processes and the machine.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Tree is a process with all that descend from it: nginx's master and workers
// count as one proxy.
type Tree []int

// TreeOf finds the processes below root, root included.
func TreeOf(root int) Tree {
	t := Tree{root}
	for i := 0; i < len(t); i++ {
		// A child hangs below the thread that made it.
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", t[i]))
		for _, list := range lists {
			b, err := os.ReadFile(list)
			if err != nil {
				continue
			}
			for _, f := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil {
					t = append(t, pid)
				}
			}
		}
	}
	return t
}

// CPU is the processor time that the processes have used, to the nanosecond:
// clock_getcpuclockid(3) knows the clock of any process, and it counts threads
// that have ended, where /proc/PID/stat has ticks of 10 ms.
func (t Tree) CPU() time.Duration {
	var sum time.Duration
	for _, pid := range t {
		const schedClock = 2 // CPUCLOCK_SCHED
		id := int32(^pid<<3 | schedClock)
		var ts unix.Timespec
		if err := unix.ClockGettime(id, &ts); err == nil {
			sum += time.Duration(ts.Nano())
		}
	}
	return sum
}

// PSS is the processes' proportional set size in bytes: pages that nginx's
// workers share count once.
func (t Tree) PSS() (int64, error) {
	var sum int64
	for _, pid := range t {
		n, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Descriptors is how many the processes hold together.
func (t Tree) Descriptors() int {
	sum := 0
	for _, pid := range t {
		dir, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err == nil {
			sum += len(dir)
		}
	}
	return sum
}

// Threads is how many the processes have together.
func (t Tree) Threads() int {
	sum := 0
	for _, pid := range t {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		sum += len(tasks)
	}
	return sum
}

// Wakeups is how often the processes' threads have gone to sleep of their own
// accord, which is as often as they were woken.
func (t Tree) Wakeups() int64 {
	var sum int64
	for _, pid := range t {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		for _, f := range files {
			n, err := number(f, "voluntary_ctxt_switches:")
			if err == nil {
				sum += n
			}
		}
	}
	return sum
}

// kilobytes reads a field that is given in kB, as bytes.
func kilobytes(file, field string) (int64, error) {
	n, err := number(file, field)
	return n << 10, err
}

func number(file, field string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) > 1 && string(f[0]) == field {
			n, err := strconv.ParseInt(string(f[1]), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read %s of %s: %w", field, file, err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("no %s in %s", field, file)
}
