package proxy

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/wssplice/wssplice/httphead"
)

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
			x.toldToGoOn = x.toldToGoOn || x.res.Status == 100
			if x.req10 {
				// RFC 9110 section 15.2: there are none in HTTP/1.0.
			} else if err = x.toClient(x.ans.bytes()[:n]); err != nil {
				x.gone.Store(true)
				return 0, true, endGone, "", err
			}
			x.ans.consume(n)
			seen = 0
			continue
		}
		seen = x.ans.len()
		x.ans.room(answerLimits.Bytes + 1)
		m, err := x.up.Fill(&x.ans)
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
// reports whether both connections may carry another request, for which the request
// has to be persistent. With closing the client is told that they will not.
func (x *exchange) relayAnswer(n int, closing, persistent bool) (keep bool) {
	method := []byte("GET")
	if x.headOnly {
		method = []byte("HEAD")
	}
	body := x.res.Body(method)
	keep = x.res.Persistent() && persistent && !closing
	x.untilClose, x.events = body.UntilClose(), x.res.EventStream
	x.live(0)
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
	if berr != nil {
		return x.answerBad(berr)
	}
	return x.relayBody(body, keep)
}

// relayBody relays what is to come of an answer's body, x.ans first, and returns
// keep if it comes to the body's end. An event stream may leave for a loop: then the
// rest is done there, and by another exchange.
func (x *exchange) relayBody(body httphead.Body, keep bool) bool {
	limit := x.p.set.IdleTimeout
	if x.events {
		limit = x.p.set.TunnelIdleTimeout
	}
	var c carrier
	for !body.Done() {
		if x.ans.len() > 0 {
			take, berr := body.Next(x.ans.bytes())
			if err := x.toClient(x.ans.bytes()[:take]); err != nil {
				return x.clientLost(err)
			}
			x.ans.consume(take)
			if berr != nil {
				return x.answerBad(berr)
			}
			continue
		}
		wait, resting := limit, false
		if x.mayLeave && x.in.len() == 0 {
			left := x.rest - time.Since(epoch)
			if left <= 0 && x.toLoop(body, keep) {
				return false
			}
			if resting = left > 0 && (limit <= 0 || left < limit); resting {
				wait = left
			}
		}
		alive, over := x.waitAlive(wait)
		if over {
			// The client must not take what it got for the whole, or it might not come
			// back: a FIN in the midst of the body, or finish's reset, tells it.
			x.endAs(endLifetime, ByProxy, nil)
			return false
		}
		resting = resting || alive != wait
		x.armRead(alive)
		if !x.events {
			n, serr, cerr := x.carryDown(&c, body.Raw())
			body.Skip(n)
			switch {
			case cerr != nil:
				return x.clientLost(cerr)
			case serr != nil:
				return x.answerEnds(serr)
			case n > 0:
				continue
			}
		}
		m, err := x.up.Fill(&x.ans)
		x.p.count.fromUpstream.Add(uint64(m))
		if resting && errors.Is(err, os.ErrDeadlineExceeded) && !x.interrupted() {
			continue
		}
		if m == 0 {
			return x.answerEnds(err)
		}
	}
	return keep
}

// carryDown moves up to max bytes of the answer past the program's memory.
func (x *exchange) carryDown(c *carrier, max int64) (n int64, srcErr, dstErr error) {
	x.armClient()
	n, srcErr, dstErr = c.try(x.p, x.client, x.up, max, x.armClient)
	x.p.count.fromUpstream.Add(uint64(n))
	x.p.count.toClient.Add(uint64(n))
	x.downBytes += uint64(n)
	return n, srcErr, dstErr
}

// answerEnds judges the end of the upstream's bytes within a body. An orderly one is
// left to the caller to name.
func (x *exchange) answerEnds(err error) bool {
	whole := err == io.EOF && x.untilClose
	if whole {
		x.untilClose = false
	}
	if x.interrupted() || whole {
		return false
	}
	by, err, reset := brokenOff(err)
	x.endAs(endCut, by, err)
	if reset {
		x.client.Reset()
	}
	return false
}

// brokenOff judges an answer that ended before its body did. With reset the client
// has to be told by a reset, as a FIN would make a body until close look complete.
func brokenOff(err error) (by Party, noted error, reset bool) {
	switch {
	case err == io.EOF:
		return ByUpstream, nil, false // the client sees by the framing that something is missing
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ByProxy, err, true
	}
	return ByUpstream, err, true
}

// answerBad ends an answer whose framing is wrong.
func (x *exchange) answerBad(err error) bool {
	x.p.warnAnswer(refusedAnswer, err)
	x.endAs(endCut, ByUpstream, err)
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
