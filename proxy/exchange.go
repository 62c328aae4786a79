package proxy

import (
	"errors"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wssplice/wssplice/httphead"
)

// exchange is a client connection while it carries plain requests: one goroutine
// that reads top to bottom, and one upstream connection that belongs to this
// client alone. An upgrade on the same connection ends the exchange and goes
// back to where handshakes are made.
type exchange struct {
	p      *Proxy
	client sock
	up     sock // nil while there is none
	peer   netip.AddrPort
	opened time.Time
	step   Step

	clientRead, clientWrite limit
	upRead, upWrite         limit // under mu

	in  inbuf // from the client
	ans inbuf // from the upstream
	out []byte
	req httphead.Request
	res httphead.Response

	first      bool // no request was read yet; on Linux a loop has read it
	upgrading  bool // a 101 is welcome
	req10      bool // the request is HTTP/1.0
	toldToGoOn bool // a 100 came for it
	headOnly   bool // the request is a HEAD: its answer has no body
	untilClose bool // its body is under way, and the client takes a FIN for its end
	events     bool // the answer is an event stream: it has the idle limit of a tunnel
	mayLeave   bool // and may leave for the loop, as nothing of the request is left to send

	rest time.Duration // since epoch: an event stream stays until then
	born time.Duration // since epoch: when the event stream began
	life time.Duration // of an event stream; 0: without end

	upBytes, downBytes uint64
	end                ending
	ends               bool // end is set
	passedOn           bool // the connection went to a loop: finish leaves it alone

	// What others may touch: the loop's watch on the client, drain and stop.
	mu       sync.Mutex
	upMu     sock          // up, under mu, for interrupt
	wake     chan struct{} // under mu: closed by interrupt, see interruption
	gone     atomic.Bool
	stop     atomic.Bool
	relaying atomic.Bool // where there are no loops: it is a tunnel
	quit     atomic.Bool // the upload has to end
	idle     atomic.Bool // between requests: drain may end it
	place    place       // where the connection came from, and an upgrade goes
}

// bufSize is an exchange's buffer per direction; a head that does not fit gets a larger one.
const bufSize = 32 << 10

// serve answers the client's requests until the connection ends. in holds what was
// read of it already.
func (x *exchange) serve() {
	defer x.finish()
	x.serveRequests()
}

func (x *exchange) serveRequests() {
	for {
		n, ok := x.readHead()
		if !ok {
			return
		}
		v := x.p.judge(&x.req, x.in.bytes()[:n])
		x.headOnly = string(x.req.Method) == "HEAD"
		switch {
		case v.refused:
			x.refuse(v.why, v.detail)
			return
		case v.upgrade:
			x.upgrade(v, n)
			return
		}
		x.p.count.move(&x.step, StepExchange)
		if !x.roundTrip(n) || !x.goesOn() {
			return
		}
	}
}

// goesOn makes ready for the next request, if there is to be one.
func (x *exchange) goesOn() bool {
	if x.ans.len() == 0 {
		x.ans.release() // x.in lets go by itself while it waits
	}
	x.p.count.move(&x.step, StepHead)
	if x.p.draining.Load() {
		x.drained()
		return false
	}
	return true
}

// readHead reads until a head is complete and returns its length. Before its first
// byte the connection is idle; from then on the head has its time limit.
func (x *exchange) readHead() (n int, ok bool) {
	seen := 0
	begun := x.in.len() > 0
	if !begun {
		wait := x.p.set.IdleTimeout
		if x.first {
			wait = x.p.set.HeadTimeout
		}
		x.first = false
		x.clientRead.read(x.client, wait)
		x.idle.Store(true)
		defer x.idle.Store(false)
	}
	if x.stop.Load() || !begun && x.p.draining.Load() {
		x.drained()
		return 0, false
	}
	for {
		if x.in.len() > seen {
			n, err := httphead.End(x.in.bytes(), seen, x.p.set.limits)
			if err != nil {
				why, detail := headReason(err, refusedHead)
				x.headOnly = false
				x.refuse(why, detail)
				return 0, false
			}
			if n > 0 {
				if x.p.draining.Load() {
					x.clientRead = limit{} // drain may have ended this wait: its deadline does not hold
				}
				return n, true
			}
			if seen == 0 {
				begun = true
				x.idle.Store(false)
				x.clientRead.until = 0 // from here on, exactly
				x.clientRead.read(x.client, x.p.set.HeadTimeout)
				if x.stop.Load() {
					x.client.SetReadDeadline(past) // halt's may have come before
				}
			}
			seen = x.in.len()
		}
		x.in.room(x.p.set.HeadBytes + 1)
		m, err := x.client.Fill(&x.in)
		if m > 0 {
			continue
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && (x.stop.Load() || x.p.draining.Load() && !begun):
			x.endAs(endStopped, ByProxy, nil)
		case errors.Is(err, os.ErrDeadlineExceeded) && begun:
			x.headOnly = false
			x.refuse(refusedHeadSlow, "")
		case errors.Is(err, os.ErrDeadlineExceeded):
			x.endAs(endIdle, ByProxy, nil)
		case begun:
			x.endAs(endGone, ByClient, notEOF(err))
		default:
			// A FIN or a reset between requests is how clients say goodbye.
			x.endAs(endDone, ByClient, nil)
		}
		return 0, false
	}
}

// took drops the first n bytes of x.in, and counts them. What becomes of the rest is
// not known before: bytes behind an upgrade's head are the loop's to count.
func (x *exchange) took(n int) {
	x.p.count.fromClient.Add(uint64(n))
	x.in.consume(n)
}

// toClient writes p whole. The time limit begins anew with every part that goes out.
func (x *exchange) toClient(p []byte) (err error) {
	for len(p) > 0 && err == nil {
		x.armClient()
		var n int
		n, err = x.client.WriteSome(p)
		x.p.count.toClient.Add(uint64(n))
		x.downBytes += uint64(n)
		p = p[n:]
	}
	return err
}

// armClient sets the time limit for writing to the client. halt sets it to the past,
// and must not lose.
func (x *exchange) armClient() {
	x.clientWrite.write(x.client, x.p.set.IdleTimeout)
	if x.stop.Load() {
		x.client.SetWriteDeadline(past)
	}
}

// setUpstream makes s the upstream connection, where interrupt finds it.
func (x *exchange) setUpstream(s sock) {
	x.mu.Lock()
	x.up, x.upMu = s, s
	x.upRead, x.upWrite = limit{}, limit{}
	x.mu.Unlock()
}

func (x *exchange) dropUpstream() {
	if x.up != nil {
		s := x.up
		x.setUpstream(nil)
		s.Close()
	}
}
