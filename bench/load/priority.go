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

// Nice values of a loop that times messages, and of one that only makes work for
// the proxy, which has 0.
const (
	urgent  = -15
	patient = 10
)

// hurry lets this process have a processor at once when it wants one. In a
// deployment the sender and the receiver of a push have machines of their own; here
// they share one with the proxy, and what they waited for a processor would count
// as the proxy's delay. Raising a priority takes CAP_SYS_NICE; without it the
// results show how late the sender was.
func hurry() error {
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return fmt.Errorf("read number of a thread: %w", err)
		}
		// Threads that come later inherit from the one that starts them.
		err = unix.Setpriority(unix.PRIO_PROCESS, tid, urgent)
		if err != nil && !errors.Is(err, os.ErrPermission) && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("raise the priority of a thread: %w", err)
		}
	}
	return nil
}

// background makes bulk give way to everything else, messages that are timed above all.
func background(bulk *Loop) error {
	if err := hurry(); err != nil {
		return err
	}
	var err error
	// No thread inherits from this one: it stays with its loop and starts none.
	bulk.do(func() {
		runtime.LockOSThread()
		err = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), patient)
	})
	if err != nil {
		return fmt.Errorf("lower the priority of a loop: %w", err)
	}
	return nil
}
