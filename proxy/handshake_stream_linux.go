//go:build linux && !portable

package proxy

import (
	"bytes"
	"time"

	"github.com/wssplice/wssplice/splice"
	"github.com/wssplice/wssplice/splice/rawsock"
)

// A connection that begins by asking for an event stream takes the way of an upgrade:
// dial, ask and answer on the loop, and from there the stream. So it never needs a
// goroutine, of which there would be left more than the stream takes. If the answer is
// anything else, an exchange goes on with it.

// asksForEvents says whether the request, of which w.req holds the head, is one that
// browsers make for an EventSource. Only the answer tells for certain.
func (h *handshake) asksForEvents(early []byte) bool {
	r := &h.w.req
	if h.left || len(early) > 0 || r.HasBody() || r.Minor == 0 || string(r.Method) != "GET" {
		return false
	}
	accept, _ := r.Get("Accept")
	return bytes.Contains(accept, []byte("text/event-stream"))
}

// askForEvents dials, with the request's head as it came.
func (h *handshake) askForEvents() {
	w := h.w
	if !h.watchClient() {
		return
	}
	w.out = w.req.AppendPlain(w.out[:0])
	h.events, h.persistent, h.length = true, w.req.Persistent(), len(w.out)
	h.asked = time.Now()
	putBuffer(&h.in)
	h.startDial()
}

// eventsAnswered goes on once the answer's head, the first n bytes of data, is there.
func (h *handshake) eventsAnswered(data []byte, n int) {
	w := h.w
	p, res := w.p, &w.res
	if res.Status == 101 {
		p.warnAnswer(refusedAnswer, errUnasked)
		h.refuse(refusedAnswer, errUnasked.Error())
		return
	}
	body := res.Body([]byte("GET"))
	take, err := body.Next(data[n:])
	if !res.EventStream || res.Status != 200 || err != nil || body.Done() || n+take > plainlyRoom {
		persistent := h.persistent
		h.toAnsweredExchange(data, func(x *exchange) { x.serveAnswered(persistent) })
		return
	}
	p.count.requests.Add(1)
	w.out = append(res.AppendPlain(w.out[:0], false), data[n:n+take]...)
	m, errno := rawsock.Write(h.client, w.out)
	p.count.toClient.Add(uint64(m))
	if errno != 0 || m < len(w.out) {
		h.close(endGone, ByClient, nil)
		return
	}
	s := stream{body, res.Persistent() && h.persistent}
	w.streams.begin(h.ref, s, splice.Record{Peer: h.peer, Opened: h.opened, Up: uint64(h.length), Down: uint64(m)})
	h.free()
}

// plainlyRoom is what a socket takes that has been sent nothing yet: it is less than
// the smallest buffer that can be configured (4 KiB, tcp(7)).
const plainlyRoom = 4 << 10

// serveAnswered relays the answer in x.ans, whose head is complete, and goes on.
func (x *exchange) serveAnswered(persistent bool) {
	defer x.finish()
	n, ok := x.parseAnswer()
	if !ok {
		return
	}
	x.p.count.requests.Add(1)
	x.mayLeave = x.res.EventStream && x.res.Status == 200
	x.after(x.relayAnswer(n, false, persistent))
}

// after goes on behind an answer that has come to its end, or not.
func (x *exchange) after(keep bool) {
	switch {
	case x.passedOn:
	case !keep:
		x.part(false)
	case x.goesOn():
		x.serveRequests()
	}
}
