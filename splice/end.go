package splice

import (
	"net/netip"
	"syscall"
	"time"
)

// ByLoop stands in End.By for a tunnel that neither side ended.
const ByLoop Side = 2

// End is how a tunnel ended.
type End struct {
	Peer     netip.AddrPort
	Opened   time.Time
	Up, Down uint64 // bytes passed on
	By       Side   // who ended it first: Client, Upstream, or ByLoop
	Reason   Reason
}

// Windows' own numbers for what other systems call ECONNRESET, ECONNABORTED and
// ETIMEDOUT. No other system has errors as high as these.
const (
	wsaAborted  = syscall.Errno(10053)
	wsaReset    = syscall.Errno(10054)
	wsaTimedOut = syscall.Errno(10060)
)

// reasonOf is what the error of a socket says about its connection.
func reasonOf(errno syscall.Errno) Reason {
	switch errno {
	case syscall.ECONNRESET, syscall.EPIPE, wsaReset, wsaAborted:
		return WasReset
	case syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, wsaTimedOut:
		return Lost
	}
	return Failed
}
