package splice

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// RelayOptions configure Relay. The zero value works.
type RelayOptions struct {
	// IdleTimeout ends a tunnel on which no byte moved for so long. If zero, never.
	IdleTimeout time.Duration
	// HalfCloseTimeout ends a tunnel that is half-closed, or is being reset, and on
	// which no byte moved for so long. If zero, 30s; if negative, never.
	HalfCloseTimeout time.Duration
	// Lifetime ends a tunnel whatever moves, in the last eighth of that time: each
	// tunnel has a Lifespan of its own. If zero, never.
	Lifetime time.Duration
}

// Relay is a tunnel for systems without a Loop: two goroutines and two buffers. It
// passes on bytes, FINs and resets between two connections until both directions
// have ended, closes both, and says how it went. End.Peer is left to the caller.
// Closing the connections from elsewhere ends it as Stopped.
//
// A connection without a CloseWrite method cannot pass a FIN on: its tunnel ends when
// both directions have, or by HalfCloseTimeout. One without SetLinger is closed where
// it ought to be reset.
func Relay(client, upstream net.Conn, opt RelayOptions) End {
	if opt.HalfCloseTimeout == 0 {
		opt.HalfCloseTimeout = 30 * time.Second
	}
	now := time.Now()
	r := &relay{conns: [2]net.Conn{client, upstream}, opt: opt, opened: now, last: now, by: ByLoop, why: Closed}
	if opt.Lifetime > 0 {
		r.life = Lifespan(opt.Lifetime, rand.Uint32())
	}
	r.timer = time.AfterFunc(time.Hour, r.check)
	r.mu.Lock()
	r.setTimer()
	r.mu.Unlock()
	var down sync.WaitGroup
	down.Go(func() { r.flow(1) })
	r.flow(0)
	down.Wait()
	r.close()
	return End{Opened: now, Up: r.moved[0], Down: r.moved[1], By: r.by, Reason: r.why}
}

// relay is one tunnel. Flow f carries what side f sends to side 1-f, as in a Loop.
type relay struct {
	conns  [2]net.Conn
	opt    RelayOptions
	opened time.Time
	life   time.Duration // 0: without end
	timer  *time.Timer

	mu     sync.Mutex
	last   time.Time // when the last byte moved, or the first direction ended
	moved  [2]uint64
	over   [2]bool // flows that have ended
	lost   [2]bool // flows that threw bytes away
	broken [2]bool // sides that were reset, or are gone without a FIN
	known  bool    // by and why are final
	by     Side
	why    Reason
}

// relayBuffer is what one direction carries at a time.
const relayBuffer = 32 << 10

func (r *relay) flow(f int) {
	src, dst := r.conns[f], r.conns[1-f]
	buf := make([]byte, relayBuffer)
	for {
		n, err := src.Read(buf)
		for done := 0; done < n; {
			// A write is cut into two, so that a reader that takes a little is seen to.
			part := buf[done:min(n, done+relayBuffer/2)]
			m, err := dst.Write(part)
			r.progress(f, m)
			if done += m; err != nil {
				r.fail(f, 1-f, err, done < n)
				return // what that side sent before is the other flow's
			}
		}
		if err == io.EOF {
			r.finish(f, dst)
			return
		}
		if err != nil {
			r.fail(f, f, err, false)
			return
		}
	}
}

func (r *relay) progress(f, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved[f] += uint64(n)
	r.last = time.Now()
}

// finish ends a flow whose source has sent its FIN, or reads like it: a reset is told
// once, and a write may have been told already.
func (r *relay) finish(f int, dst net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := dst.(interface{ CloseWrite() error }); ok && !r.broken[f] {
		c.CloseWrite()
	}
	r.endFlow(f, Side(f))
}

// fail ends a flow because of an error at side.
func (r *relay) fail(f, side int, err error, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost[f] = lost
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded): // somebody else ended it, and said why
	case errors.Is(err, net.ErrClosed):
		r.stop(Stopped)
	default:
		r.broken[side] = true
		if !r.known {
			why := Failed
			if errno := syscall.Errno(0); errors.As(err, &errno) {
				why = reasonOf(errno)
			}
			r.by, r.why, r.known = Side(side), why, true
		}
		// Nothing can be sent to that side any more: the flow towards it is over.
		r.conns[1-side].SetReadDeadline(longAgo)
		r.conns[side].SetWriteDeadline(longAgo)
	}
	r.endFlow(f, r.by)
}

// longAgo is a deadline that ends whatever waits.
var longAgo = time.Unix(1, 0)

func (r *relay) endFlow(f int, by Side) {
	if !r.over[0] && !r.over[1] {
		r.last = time.Now()
	}
	if r.by == ByLoop && !r.known {
		r.by = by
	}
	r.over[f] = true
	r.setTimer()
}

// due is when the tunnel has to end if no byte moves until then, and why.
func (r *relay) due() (at time.Time, why Reason, limited bool) {
	limit, why := r.opt.IdleTimeout, Idle
	if r.over[0] || r.over[1] {
		limit, why = r.opt.HalfCloseTimeout, HalfClosed
	}
	if limit > 0 {
		at, limited = r.last.Add(limit), true
	}
	if end := r.opened.Add(r.life); r.life > 0 && (!limited || end.Before(at)) {
		at, why, limited = end, Lifetime, true
	}
	return at, why, limited
}

// setTimer has check called when the tunnel is due, if that is ever.
func (r *relay) setTimer() {
	if at, _, limited := r.due(); limited {
		r.timer.Reset(time.Until(at))
	} else {
		r.timer.Stop()
	}
}

// check ends the tunnel if it is due.
func (r *relay) check() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over[0] && r.over[1] {
		return
	}
	if at, why, limited := r.due(); limited && !time.Now().Before(at) {
		r.stop(why)
	} else {
		r.setTimer()
	}
}

// stop has both flows end, for a reason that neither side gave.
func (r *relay) stop(why Reason) {
	if !r.known {
		r.by, r.why, r.known = ByLoop, why, true
	}
	for _, c := range r.conns {
		c.SetDeadline(longAgo)
	}
}

// close closes both connections. A side is reset if the other was, or if bytes for it
// were thrown away: what was cut off must not look complete.
func (r *relay) close() {
	r.timer.Stop()
	for side, c := range r.conns {
		if cut := r.broken[1-side] || r.lost[1-side]; cut && !r.broken[side] {
			if r.broken[1-side] {
				r.delivered(c)
			}
			if c, ok := c.(interface{ SetLinger(int) error }); ok {
				c.SetLinger(0)
			}
		}
		c.Close()
	}
}

// delivered waits until c's peer has acknowledged all that was written, at most as
// long as a half-closed tunnel may be idle: a reset throws away what has not.
func (r *relay) delivered(c net.Conn) {
	const step = 10 * time.Millisecond
	left := r.opt.HalfCloseTimeout
	if left < 0 {
		left = time.Hour
	}
	for ; left > 0 && unsent(c) > 0; left -= step {
		time.Sleep(step)
	}
}
