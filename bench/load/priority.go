package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Nice values of the two loops while one of them times messages and the other
// only makes work for the proxy, which has 0.
const (
	urgent  = -15
	patient = 10
)

// background makes bulk give way to messages that are timed. In a deployment the
// sender and the receiver of a push have a processor each; here they share theirs
// with the bulk, and what they waited for one would count as the proxy's delay.
// Raising a priority takes CAP_SYS_NICE; without it the results show how late
// the sender was.
func background(bulk *Loop) error {
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return fmt.Errorf("read number of a thread: %w", err)
		}
		if err := raise(tid); err != nil {
			return err
		}
	}
	// Threads that come later inherit from the one that starts them, and this one
	// starts none: it stays with its loop.
	bulk.do(func() {
		runtime.LockOSThread()
		err = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), patient)
	})
	if err != nil {
		return fmt.Errorf("lower the priority of a loop: %w", err)
	}
	return nil
}

func raise(tid int) error {
	err := unix.Setpriority(unix.PRIO_PROCESS, tid, urgent)
	if err != nil && !errors.Is(err, os.ErrPermission) && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("raise the priority of a thread: %w", err)
	}
	return nil
}
