package proxy

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// How an exchange ends: by a word of its own, or of those that may interrupt it.

// endAs notes how the connection ends; the first word counts.
func (x *exchange) endAs(why reason, by Party, err error) {
	if !x.ends {
		x.ends = true
		x.end = ending{why: why, by: by, err: err, opened: x.opened, peer: x.peer}
	}
}

// refuse answers with a refusal, and ends the connection.
func (x *exchange) refuse(why reason, detail string) {
	x.p.count.refused[why].Add(1)
	x.endAs(why, why.by(), nil)
	x.out = appendRefusal(x.out[:0], why, detail, x.headOnly)
	x.dropUpstream()
	if x.toClient(x.out) == nil {
		x.linger()
	}
}

// linger closes the client's side in an orderly way: closing a socket that still
// holds unread bytes resets it, and the reset would destroy the answer on its way.
func (x *exchange) linger() {
	if x.client.CloseWrite() != nil {
		return
	}
	x.client.SetReadDeadline(deadline(lingerTime))
	x.took(x.in.len())
	for left := lingerBytes; left > 0 && !x.stop.Load(); {
		n, err := x.client.Fill(&x.in)
		if n == 0 || err != nil {
			return
		}
		x.took(n)
		left -= n
	}
}

const (
	lingerTime  = 2 * time.Second
	lingerBytes = 1 << 20
)

// drained ends the connection because the proxy drains. An answer may be on its way
// yet, and a request behind it that nobody will read.
func (x *exchange) drained() {
	x.endAs(endStopped, ByProxy, nil)
	x.dropUpstream()
	x.linger()
}

// clientGone is told by the loop that the client has closed or reset its side:
// the upstream is let go at once, also while its answer is awaited.
func (x *exchange) clientGone() {
	x.gone.Store(true)
	x.interrupt()
}

// interrupt ends a wait for the upstream. Whoever sets a deadline on it looks at
// gone and stop afterwards, so one of the two sees the other.
func (x *exchange) interrupt() {
	x.mu.Lock()
	if x.upMu != nil {
		x.upMu.SetReadDeadline(past)
		x.upMu.SetWriteDeadline(past)
	}
	if x.wake != nil {
		close(x.wake)
		x.wake = nil
	}
	x.mu.Unlock()
}

// interruption is for a wait that has no socket yet: it is closed by interrupt, or is
// closed already if that has come before.
func (x *exchange) interruption() <-chan struct{} {
	wake := make(chan struct{})
	x.mu.Lock()
	if x.gone.Load() || x.stop.Load() {
		close(wake)
	} else {
		x.wake = wake
	}
	x.mu.Unlock()
	return wake
}

// halt ends the exchange at once.
func (x *exchange) halt() {
	x.stop.Store(true)
	x.interrupt()
	x.client.SetReadDeadline(past)
	x.client.SetWriteDeadline(past)
	if x.relaying.Load() {
		x.client.Close() // a relay sets deadlines of its own
	}
}

// interrupted says whether the exchange has to end, and notes why.
func (x *exchange) interrupted() bool {
	switch {
	case x.stop.Load():
		x.endAs(endStopped, ByProxy, nil)
	case x.gone.Load():
		x.endAs(endGone, ByClient, nil)
	default:
		return false
	}
	return true
}

// finish closes what is open and reports the end.
func (x *exchange) finish() {
	x.dropUpstream()
	x.took(x.in.len())
	x.in.release()
	x.ans.release()
	if x.passedOn {
		return
	}
	if x.untilClose {
		x.client.Reset()
	}
	x.client.Close()
	x.endAs(endDone, ByClient, nil)
	x.end.step, x.end.up, x.end.down = x.step, x.upBytes, x.downBytes
	x.leave()
	x.p.ended(&x.end)
}

// notEOF is err, or nil for an orderly end and for resets: both are goodbyes.
func notEOF(err error) error {
	if err == io.EOF || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}
