package proxy

import (
	"errors"
	"os"

	"github.com/wssplice/wssplice/httphead"
)

// upload carries the rest of a request's body up while the exchange waits for the
// answer, which may come before the body has ended. While it runs, x.in is its own.
type upload struct {
	done     chan struct{} // closed at its end; the fields below are good from then on
	complete bool          // the whole body went up
	failed   bool          // the body itself is at fault: why and detail say how
	why      reason
	detail   string

	over    bool // under x.mu: it has ended
	awaited bool // under x.mu: the exchange waits for the answer's head
}

func (x *exchange) startUpload(body httphead.Body) *upload {
	u := &upload{done: make(chan struct{})}
	go u.run(x, body)
	return u
}

func (u *upload) run(x *exchange, body httphead.Body) {
	defer close(u.done)
	u.complete = u.carry(x, &body)
	x.mu.Lock()
	u.over = true
	if u.awaited && x.upMu != nil && !x.gone.Load() && !x.stop.Load() {
		x.upRead.read(x.upMu, x.p.set.AnswerTimeout)
	}
	x.mu.Unlock()
	if u.failed {
		x.interrupt()
	}
}

// armAnswer sets the answer's time limit, which begins when the request has ended.
func (u *upload) armAnswer(x *exchange) {
	x.mu.Lock()
	defer x.mu.Unlock()
	u.awaited = true
	switch {
	case x.gone.Load() || x.stop.Load() || u.over && u.failed:
		x.upMu.SetReadDeadline(past)
	case u.over:
		x.upRead.read(x.upMu, x.p.set.AnswerTimeout)
	default:
		x.upRead.read(x.upMu, 0)
	}
}

// answered says that the answer's head is there: its time limit is over.
func (u *upload) answered(x *exchange) {
	if u != nil {
		x.mu.Lock()
		u.awaited = false
		x.mu.Unlock()
	}
}

// carry reports whether the whole body went up.
func (u *upload) carry(x *exchange, body *httphead.Body) bool {
	var c carrier
	for {
		if x.in.len() > 0 {
			take, err := body.Next(x.in.bytes())
			if _, werr := x.toUpstream(x.in.bytes()[:take]); werr != nil {
				return false // the answer, or its absence, says why
			}
			x.took(take)
			if err != nil {
				return u.fail(refusedBody, err.Error())
			}
			if body.Done() {
				return true
			}
		}
		x.clientRead.read(x.client, x.p.set.IdleTimeout)
		if x.stop.Load() || x.quit.Load() {
			return false
		}
		x.armWrite()
		m, err, derr := c.try(x.p, x.up, x.client, body.Raw(), x.armWrite)
		body.Skip(m)
		x.p.count.fromClient.Add(uint64(m))
		x.p.count.toUpstream.Add(uint64(m))
		x.upBytes += uint64(m)
		if derr != nil {
			return false
		}
		n := int(m)
		if n == 0 && err == nil {
			n, err = x.client.Fill(&x.in)
		}
		if n > 0 {
			continue
		}
		if x.quit.Load() || x.stop.Load() {
			return false
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return u.fail(refusedBodySlow, "")
		}
		x.clientGone() // with its body cut short: the upstream must not take it for whole
		return false
	}
}

func (u *upload) fail(why reason, detail string) bool {
	u.failed, u.why, u.detail = true, why, detail
	return false
}

// halt ends the upload, if there is one and it still runs, and reports whether the
// client may still be sending.
func (u *upload) halt(x *exchange) bool {
	if u == nil {
		return false
	}
	x.quit.Store(true)
	x.client.SetReadDeadline(past)
	x.mu.Lock()
	if x.upMu != nil {
		x.upMu.SetWriteDeadline(past)
	}
	x.mu.Unlock()
	<-u.done
	return !u.complete
}
