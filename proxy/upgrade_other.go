//go:build !linux || portable

package proxy

import (
	"time"

	"github.com/wssplice/wssplice/httphead"
	"github.com/wssplice/wssplice/splice"
)

// upgrade is the handshake and the tunnel on the exchange's own goroutine. The
// upgrade's head is the first n bytes of x.in.
func (x *exchange) upgrade(v verdict, n int) {
	p, asked := x.p, time.Now()
	head := x.req.AppendUpgrade(nil, v.cred)
	var accept [28]byte
	httphead.AcceptKey(&accept, x.req.Key())
	x.took(n) // what is left came early: it waits for the 101
	x.dropUpstream()
	if _, ok := x.connect(); !ok {
		return
	}
	p.count.move(&x.step, StepAnswer)
	if _, err := x.toUpstream(head); err != nil {
		x.refuse(refusedLost, "")
		return
	}
	x.upgrading = true
	m, _, why, detail, err := x.readAnswer(nil)
	if err != nil {
		x.refuseAnswer(nil, why, detail, err)
		return
	}
	if x.res.Status != 101 {
		p.count.refused[refusedByUpstream].Add(1)
		x.relayAnswer(m, true, false)
		x.endAs(refusedByUpstream, ByUpstream, nil)
		x.partOrderly(false)
		return
	}
	if err := x.res.CheckAccepted(&accept); err != nil {
		p.warnAnswer(refusedAccept, err)
		x.refuse(refusedAccept, err.Error())
		return
	}
	p.count.handshake.observe(time.Since(asked))
	p.count.upgrades.Add(1)
	p.count.move(&x.step, StepTunnel)
	if x.toClient(x.ans.bytes()) != nil {
		x.endAs(firstTunnelEnd+reason(splice.WasReset), ByClient, nil)
		return
	}
	if x.in.len() > 0 {
		if _, err := x.toUpstream(x.in.bytes()); err != nil {
			x.endAs(firstTunnelEnd+reason(splice.WasReset), ByUpstream, nil)
			return
		}
		x.took(x.in.len())
	}
	x.ans.release()
	x.in.release()
	x.tunnel()
}

// tunnel relays until both directions have ended.
func (x *exchange) tunnel() {
	p := x.p
	// Package net's deadlines last until they are set anew: the handshake's limits would
	// end the tunnel.
	x.client.(netSock).SetDeadline(time.Time{})
	x.up.(netSock).SetDeadline(time.Time{})
	x.relaying.Store(true)
	if x.stop.Load() { // halt may have come before, and its deadlines are cleared
		x.endAs(firstTunnelEnd+reason(splice.Stopped), ByProxy, nil)
		return
	}
	end := splice.Relay(x.client.(netSock).Conn, x.up.(netSock).Conn, splice.RelayOptions{
		IdleTimeout: timeLimit(p.set.TunnelIdleTimeout), HalfCloseTimeout: p.set.HalfCloseTimeout,
		Lifetime: timeLimit(p.set.TunnelLifetime),
	})
	p.count.fromClient.Add(end.Up)
	p.count.toUpstream.Add(end.Up)
	p.count.fromUpstream.Add(end.Down)
	p.count.toClient.Add(end.Down)
	x.upBytes += end.Up
	x.downBytes += end.Down
	by, why := ByProxy, firstTunnelEnd+reason(end.Reason)
	switch {
	case x.stop.Load() && (end.By == splice.ByLoop || end.Reason == splice.Failed): // halt closes the client
		why = firstTunnelEnd + reason(splice.Stopped)
	case end.By == splice.Client:
		by = ByClient
	case end.By == splice.Upstream:
		by = ByUpstream
	}
	x.endAs(why, by, nil)
}
