//go:build unix

package main

import "syscall"

// descriptorLimit is the most descriptors the process may have. The Go runtime has
// raised the soft limit to the hard one before main begins (package syscall, since
// Go 1.19), so nothing else does.
func descriptorLimit() (n uint64, ok bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return uint64(limit.Cur), true
}
