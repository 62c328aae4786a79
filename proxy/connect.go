package proxy

import (
	"log/slog"
	"time"
)

// connect sees to it that x.up is a usable connection: the one that the client has
// already, if the upstream has left it alone since, or a new one. fresh says which.
// If it returns false the client has been told.
func (x *exchange) connect() (fresh, ok bool) {
	if x.up != nil {
		if x.ans.len() == 0 && x.up.Quiet() {
			return false, true
		}
		// Closed, or it says something that nobody asked for: no answer to the next
		// request may be made of that.
		x.dropUpstream()
	}
	x.ans.drop()
	x.p.count.move(&x.step, StepDial)
	begun := time.Now()
	a := attempts{last: refusedDialSlow, end: deadline(x.p.set.DialTimeout)}
	for {
		if x.connectRound(&a) {
			x.p.count.dial.observe(time.Since(begun))
			x.p.count.move(&x.step, StepExchange)
			return true, !x.interrupted()
		}
		pause, ok := a.wait(time.Now())
		if x.interrupted() {
			return false, false
		}
		if !ok {
			x.p.warnDial(&a)
			x.refuse(a.last, "")
			return false, false
		}
		x.pause(pause)
	}
}

// pause waits, but not for who has left meanwhile.
func (x *exchange) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.interruption():
	}
}

// connectRound tries every address once.
func (x *exchange) connectRound(a *attempts) bool {
	addrs := x.p.set.up.addresses(time.Now())
	if addrs == nil {
		addrs = x.awaitAddresses(a)
	}
	a.begin(addrs)
	for {
		addr, limit := a.address(time.Now())
		if addr == nil {
			break
		}
		err := x.dialUpstream(addr, limit, a.err != nil)
		if err == nil {
			return true
		}
		a.failed(dialReason(err), err)
		if x.gone.Load() || x.stop.Load() {
			return false
		}
	}
	x.p.set.up.refresh()
	return false
}

// awaitAddresses waits for a name to resolve, for as long as the dial may take.
func (x *exchange) awaitAddresses(a *attempts) []address {
	done := make(chan error, 1)
	x.p.set.up.resolve(func(err error) { done <- err })
	timer := time.NewTimer(a.left(time.Now()))
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			a.failed(refusedResolve, err)
			return nil
		}
		return x.p.set.up.addresses(time.Now())
	case <-timer.C:
		a.failed(refusedResolve, errResolveSlow)
	case <-x.interruption():
	}
	return nil
}

// warnDial tells the operator that clients are being refused for want of an upstream.
func (p *Proxy) warnDial(a *attempts) {
	attrs := []slog.Attr{slog.String("upstream", p.set.up.name), slog.String("reason", a.last.String())}
	if a.err != nil {
		attrs = append(attrs, slog.Any("err", a.err))
	}
	if a.last == refusedPorts {
		attrs = append(attrs, slog.Int("addresses", len(a.addrs)), slog.Int("sources", len(p.set.from.all)))
		p.warner.warn("no local port left towards the upstream: add source or upstream addresses, widen ip_local_port_range, or use a unix socket", attrs...)
		return
	}
	p.warner.warn("upstream unreachable", attrs...)
}

func (p *Proxy) warnAnswer(why reason, err error) {
	p.warner.warn("upstream answered badly", slog.String("upstream", p.set.up.name), slog.String("reason", why.String()), slog.Any("err", err))
}
