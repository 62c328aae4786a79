//go:build linux && !portable

package proxy

import (
	"net/netip"
	"time"

	"github.com/valyala/bytebufferpool"
	"github.com/wssplice/wssplice/splice"
	"golang.org/x/sys/unix"
)

// handshake is a client connection on a loop, from accept to tunnel: a guest of the
// loop, driven by events, without a goroutine. It ends as a tunnel, as an exchange
// (a plain request, or a refused upgrade), or closed.
type handshake struct {
	w      *worker
	ref    splice.Ref
	peer   netip.AddrPort
	client int // descriptors; the loop owns them
	up     int // -1 while there is none
	stage  stage
	step   Step
	opened time.Time

	in      *bytebufferpool.ByteBuffer // from the client: part of a head, later what came early behind it
	seen    int                        // of in, looked at for the end of the head
	unread  bool                       // the client may hold bytes for which no event will come
	watched bool                       // the client is in the loop's epoll set
	left    bool                       // the client has sent a FIN, or worse
	heard   splice.Events              // of the upstream, not acted on yet
	got     int                        // bytes from the client, and from the upstream,
	gotUp   int                        // that nobody has counted yet
	extra   bool                       // over the connection limit: it has no seat, and is counted in w.refusing
	out     *bytebufferpool.ByteBuffer // to the upstream: what is left of the rewritten head; later part of the answer
	off     int                        // of out: sent
	kept    bool                       // out is the head still, though all of it was sent: see unanswered
	accept  [28]byte                   // the Sec-WebSocket-Accept that must come back

	events     bool // no upgrade: an event stream was asked for
	persistent bool // and the client may want more afterwards
	length     int  // of that request

	asked   time.Time // when the head was complete
	dialled time.Time // when the dial began
	dial    attempts

	ended ending
}

// stage is what a handshake waits for.
type stage uint8

const (
	atHead    stage = iota
	atResolve       // the upstream's addresses
	atPause         // the next round of a dial
	atConnect       // an address to connect
	atAsk           // room for the rest of the head
	atAnswer        // the 101
	atLinger        // the client to close, after a refusal
)

// accepted begins the journey of a connection, on this loop or one that has more time.
func (w *worker) accepted(fd int, peer netip.AddrPort) {
	p := w.p
	p.count.accepted.Add(1)
	p.count.now[StepHead].Add(1)
	why, ok := p.seats.enter(peer.Addr())
	opened := time.Now()
	if to := p.front.workers[w.loop.Spill()]; to != w && to.loop.Post(func() { to.begin(fd, peer, opened, why, ok) }) {
		return
	}
	w.begin(fd, peer, opened, why, ok)
}

// begin makes a handshake of a connection; if it has no seat (not ok), one that is
// refused for that reason.
func (w *worker) begin(fd int, peer netip.AddrPort, opened time.Time, why reason, ok bool) {
	p := w.p
	h := w.newHandshake()
	h.client, h.peer, h.opened = fd, peer, opened
	h.ref = w.loop.Add(h)
	w.loop.Own(h.ref, splice.Client, fd)
	if !ok {
		w.refusing++
		h.extra = true
		if w.refusing > refusingMost {
			p.count.refused[why].Add(1)
			h.close(why, ByProxy, nil)
			return
		}
		h.refuse(why, "")
		return
	}
	w.loop.SetDeadline(h.ref, timeLimit(p.set.HeadTimeout))
	h.readHead(0)
}

// watchClient has the loop tell of the client, from now on; it is put off until
// there is nothing left to read, so that the first head brings no event of its own.
// false: the connection had to be closed.
func (h *handshake) watchClient() bool {
	if h.watched {
		return true
	}
	h.watched = true
	if err := h.w.loop.Rewatch(h.ref, splice.Client, splice.In|splice.FIN|splice.Urgent); err != nil {
		h.close(refusedDescriptors, ByProxy, err)
		return false
	}
	return true
}

// refusingMost bounds the connections over the limit that are kept for as long as
// it takes to tell them so; beyond it they are closed without a word.
const refusingMost = 64

func (w *worker) newHandshake() *handshake {
	if n := len(w.spare); n > 0 {
		h := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return h
	}
	return &handshake{w: w, up: -1}
}

// spareMost bounds what a burst of handshakes leaves behind: half a megabyte.
const spareMost = 1024

// free gives the handshake back; the loop does not know it any more.
func (h *handshake) free() {
	h.w.p.count.fromClient.Add(uint64(h.got))
	h.w.p.count.fromUpstream.Add(uint64(h.gotUp))
	putBuffer(&h.in)
	putBuffer(&h.out)
	w := h.w
	*h = handshake{w: w, up: -1}
	if len(w.spare) < spareMost {
		w.spare = append(w.spare, h)
	}
}

func putBuffer(b **bytebufferpool.ByteBuffer) {
	if *b != nil {
		bytebufferpool.Put(*b)
		*b = nil
	}
}

// keep appends p to *b.
func keep(b **bytebufferpool.ByteBuffer, p []byte) {
	if len(p) == 0 {
		return
	}
	if *b == nil {
		*b = bytebufferpool.Get()
	}
	(*b).Write(p)
}

// leaves are the events that mean that a peer sends no more.
const leaves = splice.FIN | splice.Gone | splice.Broken

// Ready goes on where the handshake waits. See splice.Handler.
func (h *handshake) Ready(side splice.Side, ev splice.Events) {
	switch {
	case side == splice.Upstream && h.up < 0:
		// Of an attempt that was given up in the same turn.
	case side == splice.Upstream:
		h.heard |= ev &^ splice.Out
		switch h.stage {
		case atConnect:
			h.connected()
		case atAsk:
			h.sendHead()
		}
		// Not an else: an answer may have come before all of the head had gone, and
		// its edge is this one.
		if h.stage == atAnswer && h.heard != 0 {
			ev, h.heard = h.heard, 0
			h.readAnswer(ev)
		}
	case h.stage == atHead:
		h.readHead(ev)
	case h.stage == atLinger:
		h.linger()
	case ev&leaves != 0:
		// The client has gone, so nobody is there for whom to go on.
		h.close(endGone, ByClient, nil)
	case ev&(splice.In|splice.Urgent) != 0:
		h.unread = true
	}
}

// Expire ends a wait that took too long. See splice.Handler.
func (h *handshake) Expire() {
	switch h.stage {
	case atHead:
		if h.in == nil {
			h.close(endIdle, ByProxy, nil) // not a byte: nothing to answer to
			return
		}
		h.refuse(refusedHeadSlow, "")
	case atResolve:
		h.dial.failed(refusedResolve, errResolveSlow)
		h.dialFailed()
	case atPause:
		h.dialRound()
	case atConnect:
		h.dial.failed(refusedDialSlow, unix.ETIMEDOUT)
		h.dropUpstream()
		h.connectNext()
	case atAsk, atAnswer:
		h.refuse(refusedAnswerSlow, "")
	case atLinger:
		h.finish()
	}
}

// Drop is called when the loop closes. See splice.Handler.
func (h *handshake) Drop() {
	if h.stage != atLinger {
		h.ended = ending{why: endStopped, by: ByProxy}
	}
	h.finish()
}
