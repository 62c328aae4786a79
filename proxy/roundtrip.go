package proxy

import (
	"time"

	"github.com/wssplice/wssplice/httphead"
)

// roundTrip carries one plain request, whose head is the first n bytes of x.in, and
// its answer. It reports whether the connection goes on.
func (x *exchange) roundTrip(n int) bool {
	body, persistent, repeatable, expects := x.req.Body(), x.req.Persistent(), idempotent(x.req.Method), x.req.Expect100
	take, err := body.Next(x.in.bytes()[n:])
	if err != nil {
		x.refuse(refusedBody, err.Error())
		return false
	}
	whole := x.in.bytes()[:n+take]
	if x.req.NeedsRewrite() {
		x.out = append(x.req.AppendPlain(x.out[:0]), whole[n:]...)
		whole = x.out
	}
	var up *upload
	var m int
	var interim bool
	var werr error
	x.toldToGoOn, x.req10 = false, x.req.Minor == 0
	for {
		fresh, ok := x.connect()
		if !ok {
			return false
		}
		// An error is no matter yet: the upstream may have answered and closed.
		var sent int
		sent, werr = x.toUpstream(whole)
		if !body.Done() {
			x.took(n + take)
			up = x.startUpload(body)
		}
		var why reason
		var detail string
		m, interim, why, detail, err = x.readAnswer(up)
		if err == nil {
			break
		}
		if why == refusedLost && !fresh && up == nil && !interim && (repeatable || sent == 0) && !x.interrupted() {
			// The upstream closed its idle connection while the request was on its
			// way (RFC 9112 section 9.3.1): it is safe to ask again on a new one.
			x.dropUpstream()
			continue
		}
		up.halt(x)
		x.refuseAnswer(up, why, detail, err)
		return false
	}
	x.p.count.requests.Add(1)
	if up == nil {
		x.took(n + take)
	}
	up.answered(x)
	x.mayLeave = up == nil && x.res.EventStream && x.res.Status == 200
	keep := x.relayAnswer(m, false, persistent && werr == nil)
	if x.passedOn {
		return false
	}
	if expects && !x.toldToGoOn && up != nil {
		// The client waited to be told to go on, and was told something else: what it
		// sends next may be the body or another request (RFC 9110 section 10.1.1).
		keep = false
	}
	if keep && up != nil {
		// The answer came before the body ended, and both sides mean to go on.
		<-up.done
		keep = up.complete
	}
	if !keep {
		x.part(up.halt(x))
	}
	return keep
}

// part ends the connection because one of its sides wants no more requests, or
// because the answer has ended it. unread says that the client may still be sending.
func (x *exchange) part(unread bool) {
	x.endAs(endDone, ByUpstream, nil)
	x.partOrderly(unread)
}

// refuseAnswer says why there is no answer, unless the fault turned out to be the
// client's: its body's, or that it has gone.
func (x *exchange) refuseAnswer(up *upload, why reason, detail string, err error) {
	switch {
	case up != nil && up.failed:
		x.refuse(up.why, up.detail)
	case x.interrupted():
	default:
		if why == refusedAnswer || why == refusedLost {
			x.p.warnAnswer(why, err)
		}
		x.refuse(why, detail)
	}
}

// idempotent methods may be sent again (RFC 9110 section 9.2.2).
func idempotent(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PROPFIND", "REPORT":
		return true
	}
	return false
}

// toUpstream writes p whole, as toClient does, and returns how much of it went out.
func (x *exchange) toUpstream(p []byte) (sent int, err error) {
	for sent < len(p) && err == nil {
		x.armWrite()
		var n int
		n, err = x.up.WriteSome(p[sent:])
		x.p.count.toUpstream.Add(uint64(n))
		x.upBytes += uint64(n)
		sent += n
	}
	return sent, err
}

// armRead sets the time limit for reading from the upstream, and armWrite for writing
// to it. interrupt sets them to the past, under the same lock, and must not lose.
func (x *exchange) armRead(d time.Duration) {
	x.mu.Lock()
	if x.gone.Load() || x.stop.Load() {
		x.upMu.SetReadDeadline(past) // it may be newer than the interrupt
	} else {
		x.upRead.read(x.upMu, d)
	}
	x.mu.Unlock()
}

func (x *exchange) armWrite() {
	x.mu.Lock()
	if x.gone.Load() || x.stop.Load() || x.quit.Load() {
		x.upMu.SetWriteDeadline(past)
	} else {
		x.upWrite.write(x.upMu, x.p.set.IdleTimeout)
	}
	x.mu.Unlock()
}

// serveRefused relays the answer of an upstream that did not accept an upgrade. It
// is in x.ans, and its head is complete.
func (x *exchange) serveRefused() {
	defer x.finish()
	n, ok := x.parseAnswer()
	if !ok {
		return
	}
	x.relayAnswer(n, true, false)
	x.endAs(refusedByUpstream, ByUpstream, nil)
	x.partOrderly(false)
}

// partOrderly ends the connection after its last answer. The upstream goes first:
// nothing more is wanted of it. unread says that the client may still be sending.
func (x *exchange) partOrderly(unread bool) {
	x.dropUpstream()
	if x.untilClose {
		return // no FIN: see finish
	}
	if x.end.why == endDone || x.end.why == refusedByUpstream || unread {
		x.linger()
	}
}

// parseAnswer parses the answer's head in x.ans, which the handshake that hands it
// over has seen whole, and returns its length.
func (x *exchange) parseAnswer() (n int, ok bool) {
	n, err := httphead.End(x.ans.bytes(), 0, answerLimits)
	if err == nil {
		err = x.res.Parse(x.ans.bytes()[:n], answerLimits)
	}
	if err != nil { // cannot be
		x.refuse(refusedAnswer, err.Error())
	}
	return n, err == nil
}
