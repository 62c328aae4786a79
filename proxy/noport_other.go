//go:build !linux

package proxy

import "syscall"

// takeNoPort does nothing where a bind cannot be told to leave the port to connect.
func takeNoPort(string, string, syscall.RawConn) error { return nil }
