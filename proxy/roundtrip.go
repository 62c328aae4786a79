package proxy

import (
	"errors"
	"io"
	"os"
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
	for {
		fresh, ok := x.connect()
		if !ok {
			return false
		}
		// An error is no matter yet: the upstream may have answered and closed.
		sent, _ := x.toUpstream(whole)
		if !body.Done() {
			x.in.consume(n + take)
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
		x.in.consume(n + take)
	}
	keep := x.relayAnswer(m, false) && persistent
	if expects && !interim && up != nil {
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
		unread := up.halt(x)
		x.endAs(endDone, ByUpstream, nil)
		x.partOrderly(unread)
	}
	return keep
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

// toUpstream writes p whole.
func (x *exchange) toUpstream(p []byte) (int, error) {
	x.armWrite()
	n, err := x.up.Write(p)
	x.p.count.toUpstream.Add(uint64(n))
	x.upBytes += uint64(n)
	return n, err
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
	if x.gone.Load() || x.stop.Load() {
		x.upMu.SetWriteDeadline(past)
	} else {
		x.upWrite.write(x.upMu, x.p.set.IdleTimeout)
	}
	x.mu.Unlock()
}

// readAnswer reads up to the end of the final answer's head, relaying interim ones
// (RFC 9110 section 15.2), and returns the head's length; it stays in x.ans.
func (x *exchange) readAnswer(up *upload) (n int, interim bool, why reason, detail string, err error) {
	if up == nil {
		x.armRead(x.p.set.AnswerTimeout)
	} else {
		up.armAnswer(x)
	}
	for seen := 0; ; {
		n, err = httphead.End(x.ans.bytes(), seen, answerLimits)
		if err == nil && n > 0 {
			err = x.res.Parse(x.ans.bytes()[:n], answerLimits)
		}
		if err == nil && n > 0 && x.res.Status == 101 && !x.upgrading {
			err = errUnasked
		}
		if err != nil {
			return 0, interim, refusedAnswer, err.Error(), err
		}
		if n > 0 && (x.res.Status >= 200 || x.res.Status == 101) {
			return n, interim, 0, "", nil
		}
		if n > 0 {
			interim = true
			if err = x.toClient(x.ans.bytes()[:n]); err != nil {
				x.gone.Store(true)
				return 0, true, endGone, "", err
			}
			x.ans.consume(n)
			seen = 0
			continue
		}
		seen = x.ans.len()
		x.ans.room(answerLimits.Bytes + 1)
		m, err := x.ans.fill(x.up)
		x.p.count.fromUpstream.Add(uint64(m))
		if m > 0 {
			continue
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, interim, refusedAnswerSlow, "", err
		case seen > 0:
			return 0, interim, refusedAnswer, "it ends within its head", errCutHead
		}
		return 0, interim, refusedLost, "", err
	}
}

// answerLimits are for answers' heads. They are wider than for requests: the mail
// server is trusted more than its clients, and sets cookies and policies.
var answerLimits = httphead.Limits{Bytes: 64 << 10, Fields: 500}

var (
	errUnasked = errors.New("it switches protocols, and nobody asked it to")
	errCutHead = errors.New("answer ends within its head")
)

// relayAnswer relays the answer whose head is the first n bytes of x.ans, and
// reports whether both connections may carry another request. With closing the
// client is told that they will not.
func (x *exchange) relayAnswer(n int, closing bool) (keep bool) {
	method := []byte("GET")
	if x.headOnly {
		method = []byte("HEAD")
	}
	body := x.res.Body(method)
	keep = x.res.Persistent() && !closing
	limit := x.p.set.IdleTimeout
	if x.res.EventStream {
		limit = x.p.set.TunnelIdleTimeout
	}
	take, berr := body.Next(x.ans.bytes()[n:])
	first := x.ans.bytes()[:n+take]
	if closing || x.res.NeedsRewrite() {
		x.out = append(x.res.AppendPlain(x.out[:0], closing), first[n:]...)
		first = x.out
	}
	if err := x.toClient(first); err != nil {
		return x.clientLost(err)
	}
	x.ans.consume(n + take)
	var c carrier
	for berr == nil && !body.Done() {
		x.armRead(limit)
		if !x.res.EventStream {
			n, serr, cerr := x.carryDown(&c, body.Raw())
			body.Skip(n)
			switch {
			case cerr != nil:
				return x.clientLost(cerr)
			case serr != nil:
				return x.answerEnds(&body, serr)
			case n > 0:
				continue
			}
		}
		m, err := x.ans.fill(x.up)
		x.p.count.fromUpstream.Add(uint64(m))
		if m == 0 {
			return x.answerEnds(&body, err)
		}
		take, berr = body.Next(x.ans.bytes())
		if err := x.toClient(x.ans.bytes()[:take]); err != nil {
			return x.clientLost(err)
		}
		x.ans.consume(take)
	}
	if berr != nil {
		x.p.warnAnswer(refusedAnswer, berr)
		return x.cutShort(ByUpstream, berr)
	}
	return keep
}

// carryDown moves up to max bytes of the answer past the program's memory.
func (x *exchange) carryDown(c *carrier, max int64) (n int64, srcErr, dstErr error) {
	x.clientWrite.write(x.client, x.p.set.IdleTimeout)
	n, srcErr, dstErr = c.try(x.p, x.client, x.up, max)
	x.p.count.fromUpstream.Add(uint64(n))
	x.p.count.toClient.Add(uint64(n))
	x.downBytes += uint64(n)
	return n, srcErr, dstErr
}

// answerEnds judges the end of the upstream's bytes within a body.
func (x *exchange) answerEnds(body *httphead.Body, err error) bool {
	switch {
	case x.interrupted():
	case err == io.EOF && body.UntilClose():
		x.endAs(endDone, ByUpstream, nil)
	case err == io.EOF:
		// The client sees by the framing that something is missing.
		x.endAs(endCut, ByUpstream, nil)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return x.cutShort(ByProxy, err)
	default:
		return x.cutShort(ByUpstream, err)
	}
	return false
}

// cutShort ends an answer that broke off, with a reset: a FIN would make a body
// that lasts until close look complete.
func (x *exchange) cutShort(by Party, err error) bool {
	x.endAs(endCut, by, err)
	x.client.Reset()
	return false
}

func (x *exchange) clientLost(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) && !x.stop.Load() {
		x.endAs(endIdle, ByClient, nil)
		x.client.Reset()
	} else if !x.interrupted() {
		x.endAs(endGone, ByClient, notEOF(err))
	}
	return false
}

// serveRefused relays the answer of an upstream that did not accept an upgrade. It
// is in x.ans, and its head is complete.
func (x *exchange) serveRefused() {
	defer x.finish()
	n, err := httphead.End(x.ans.bytes(), 0, answerLimits)
	if err == nil {
		err = x.res.Parse(x.ans.bytes()[:n], answerLimits)
	}
	if err != nil { // cannot be: the handshake has seen it whole
		x.refuse(refusedAnswer, err.Error())
		return
	}
	x.relayAnswer(n, true)
	x.endAs(refusedByUpstream, ByUpstream, nil)
	x.partOrderly(false)
}

// partOrderly ends the connection after its last answer. The upstream goes first:
// nothing more is wanted of it. unread says that the client may still be sending.
func (x *exchange) partOrderly(unread bool) {
	x.dropUpstream()
	if x.end.why == endDone || x.end.why == refusedByUpstream || unread {
		x.linger()
	}
}
