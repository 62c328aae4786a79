//go:build linux && !portable

package proxy

import (
	"net/netip"
	"time"

	"github.com/wssplice/wssplice/httphead"
	"github.com/wssplice/wssplice/splice"
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// refuse answers with a refusal and sees the client off.
func (h *handshake) refuse(why reason, detail string) {
	w := h.w
	w.p.count.refused[why].Add(1)
	h.ended = ending{why: why, by: why.by()}
	h.dropUpstream()
	// Only after these two is w.req this connection's request, and still to be read.
	bodyless := (why == refusedPath || why == refusedUpgrade) && string(w.req.Method) == "HEAD"
	w.out = appendRefusal(w.out[:0], why, detail, bodyless)
	n, errno := rawsock.Write(h.client, w.out)
	w.p.count.toClient.Add(uint64(max(n, 0)))
	if errno != 0 || rawsock.ShutdownWrite(h.client) != 0 {
		h.finish()
		return
	}
	if !h.watchClient() {
		return
	}
	// Closing a socket that holds unread bytes resets it, and the reset would
	// destroy the answer on its way. So the client has a moment to close first.
	h.stage = atLinger
	w.loop.SetDeadline(h.ref, lingerTime)
	h.linger()
}

// linger reads what the client still sends, to no purpose, until it closes.
func (h *handshake) linger() {
	for range 16 {
		n, errno := rawsock.Read(h.client, h.w.loop.Buffer())
		if errno == unix.EAGAIN {
			return
		}
		if n <= 0 {
			break
		}
		h.got += n
	}
	h.finish()
}

// close ends the connection without an answer.
func (h *handshake) close(why reason, by Party, err error) {
	h.ended = ending{why: why, by: by, err: err}
	h.finish()
}

// finish closes both sockets, reports, and gives the handshake back.
func (h *handshake) finish() {
	w := h.w
	if h.extra {
		w.refusing--
	}
	h.ended.peer, h.ended.step, h.ended.opened, h.ended.seatless = h.peer, h.step, h.opened, h.extra
	w.loop.Remove(h.ref)
	e := h.ended
	h.free()
	w.p.ended(&e)
}

// place is the loop that an exchange's client is watched by.
type place struct {
	w   *worker
	ref splice.Ref
}

// toExchange hands the client to a goroutine, with the bytes that were read of it.
// The loop goes on watching the socket for one thing: that the client leaves.
func (h *handshake) toExchange(data []byte) {
	x := h.newExchange(data)
	h.got -= len(data) // they are the exchange's to count, see took
	h.free()
	x.p.start(x, x.serve)
}

// toAnsweredExchange hands the client, the upstream and what was read of its answer to
// a goroutine that goes on with serve.
func (h *handshake) toAnsweredExchange(answer []byte, serve func(*exchange)) {
	up := h.w.loop.Release(h.ref, splice.Upstream)
	h.up = -1
	x := h.newExchange(nil)
	x.setUpstream(newSock(up))
	x.upBytes = uint64(h.length)
	x.ans.add(answer) // may lie in h.out
	h.free()
	x.p.start(x, func() { serve(x) })
}

func (h *handshake) newExchange(data []byte) *exchange {
	w := h.w
	x := &exchange{p: w.p, peer: h.peer, opened: h.opened, step: h.step}
	x.in.add(data)
	w.loop.SetDeadline(h.ref, 0)
	w.loop.Replace(h.ref, x)
	x.take(w, h.ref, h.client)
	return x
}

// take makes x, which is the guest behind ref, the owner of the client's descriptor. It
// stays in the epoll set, for its FIN, until x closes it.
func (x *exchange) take(w *worker, ref splice.Ref, client int) {
	x.place = place{w, ref}
	x.client = newSock(client)
	w.loop.Rewatch(ref, splice.Client, splice.FIN)
	w.loop.Forget(ref, splice.Client)
}

// Ready tells that the client has closed. See splice.Handler.
func (x *exchange) Ready(side splice.Side, ev splice.Events) {
	if side == splice.Client && ev&leaves != 0 {
		x.clientGone()
	}
}

// Expire is never called. See splice.Handler.
func (x *exchange) Expire() {}

// Drop is called when the loop closes. See splice.Handler.
func (x *exchange) Drop() { x.halt() }

// unwatch closes the client's descriptor in favour of a duplicate of it. It has to leave
// the epoll set by itself: what is closed stays there as long as a duplicate is open.
func (x *exchange) unwatch() {
	s := x.client.(*fdSock)
	s.raw.Control(func(fd uintptr) { x.place.w.loop.Unwatch(int(fd)) })
	s.Close()
}

// leave ends the loop's watch; the descriptor is closed already.
func (x *exchange) leave() {
	l, ref := x.place.w.loop, x.place.ref
	l.Post(func() {
		if l.Guest(ref) != nil {
			l.Remove(ref)
		}
	})
}

// upgrade hands the client back to its loop, where handshakes are made, with all
// that was read of it. Its plain requests' upstream connection is closed: a
// handshake begins on a fresh one.
func (x *exchange) upgrade(verdict, int) {
	x.dropUpstream()
	fd, err := x.client.(*fdSock).duplicate()
	if err != nil {
		x.refuse(refusedDescriptors, "")
		return
	}
	x.passedOn = true
	x.unwatch()
	w, ref, peer, opened, step := x.place.w, x.place.ref, x.peer, x.opened, x.step
	data := append([]byte(nil), x.in.bytes()...)
	x.in.drop() // the handshake counts them
	if !w.loop.Post(func() { w.resume(ref, fd, peer, opened, step, data) }) {
		w.tooLate(fd, peer, opened, step, data)
	}
}

// resume makes a handshake of a connection that comes back from its exchange. data
// begins with the upgrade's complete head.
func (w *worker) resume(ref splice.Ref, fd int, peer netip.AddrPort, opened time.Time, step Step, data []byte) {
	if w.loop.Guest(ref) == nil { // the loop is closing
		w.tooLate(fd, peer, opened, step, data)
		return
	}
	h := w.newHandshake()
	h.ref, h.client, h.peer, h.opened, h.step, h.unread, h.got = ref, fd, peer, opened, step, true, len(data)
	w.loop.Replace(ref, h)
	w.loop.Own(ref, splice.Client, fd)
	n, err := httphead.End(data, 0, w.p.set.limits)
	if err != nil || n == 0 {
		h.close(endGone, ByClient, err) // cannot be: the exchange has seen it whole
		return
	}
	h.request(data, n)
}

// tooLate ends a connection that comes back to a loop that has ended.
func (w *worker) tooLate(fd int, peer netip.AddrPort, opened time.Time, step Step, data []byte) {
	rawsock.Close(fd)
	w.p.count.fromClient.Add(uint64(len(data)))
	w.p.ended(&ending{why: endStopped, by: ByProxy, peer: peer, opened: opened, step: step})
}
