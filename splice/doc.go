// Package splice ties pairs of sockets together and moves bytes between them:
// descriptors in, bytes moved. It knows nothing of HTTP.
//
// A Loop is one goroutine over one epoll descriptor. It has two kinds of guests.
// A Handler drives up to two descriptors of its own, one event at a time: a
// listener, a handshake on its way, a watch on a socket that somebody else reads.
// A tunnel is what becomes of a handshake when both sides have agreed: an entry in
// the loop's table and its two descriptors, and nothing else while it is idle: no
// goroutine, no buffer, no pipe, no timer. Becoming a tunnel registers nothing anew.
//
//	l, err := splice.NewLoop(splice.Options{Ended: func(e splice.End) { ... }})
//	go l.Run()
//	l.Post(func() {
//		ref := l.Add(handler)
//		l.Watch(ref, splice.Client, fd, splice.In)
//		...
//		l.Tunnel(ref, splice.Handover{})
//	})
//
// Everything about a Loop but Post, Stats and Close belongs to its goroutine: call
// it from a Handler's methods, from Options.Ended, or from a function that was posted.
//
// Bytes move through one buffer per loop. A read that fills the buffer is a sign
// of bulk: from then on the bytes stay in the kernel and go through a pipe, borrowed
// for as long as bytes are in it. What a full socket leaves over waits in a pooled
// buffer, or in the pipe, and nothing more is read from the other side until it is
// gone: a slow reader stalls its own tunnel and costs a bounded amount of memory.
//
// A direction that ends with a FIN ends alone: the other goes on. A reset is passed
// on as a reset, after the bytes that came before it.
//
// On systems other than Linux there is no Loop, only Relay, which does the same with
// two goroutines.
package splice

// Side is one of the two sockets of a tunnel.
type Side uint8

const (
	Client   Side = iota // the side that connected to us
	Upstream             // the side that we connected to
)

// Reason is why a tunnel ended.
type Reason uint8

const (
	Closed     Reason = iota // both directions ended with a FIN
	WasReset                 // a side reset the connection
	Lost                     // a side stopped acknowledging: keepalive or user time-out
	Failed                   // any other error of a socket
	Idle                     // no byte moved for Options.IdleTimeout
	HalfClosed               // one direction had ended and no byte moved for Options.HalfCloseTimeout
	Lifetime                 // as old as Options.Lifetime lets a tunnel be
	Stopped                  // the loop was told to
	NumReasons
)

// String gives the reason's name in logs and metrics.
func (r Reason) String() string {
	return [...]string{"closed", "reset", "lost", "failed", "idle", "half_closed", "lifetime", "stopped"}[r]
}
