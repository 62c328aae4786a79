//go:build linux && !portable

package proxy

import (
	"errors"
	"time"

	"github.com/wssplice/wssplice/splice"
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

var errNoAnswer = errors.New("connection closed without an answer")

// startDial connects to the upstream and sends the head, which is in w.out.
func (h *handshake) startDial() {
	w := h.w
	h.dialled = h.asked
	h.dial = attempts{last: refusedDialSlow}
	if d := w.p.set.DialTimeout; d > 0 {
		h.dial.end = h.dialled.Add(d)
	}
	w.p.count.move(&h.step, StepDial)
	h.dialRound()
}

// dialRound tries every address once. The first time the head is in w.out; a
// handshake that has to wait keeps it in h.out.
func (h *handshake) dialRound() {
	up := h.w.p.set.up
	addrs := up.addresses(time.Now())
	if addrs == nil {
		h.keepHead()
		h.stage = atResolve
		h.w.loop.SetDeadline(h.ref, h.dial.left(time.Now()))
		loop, ref := h.w.loop, h.ref
		up.resolve(func(err error) {
			loop.Post(func() {
				if loop.Guest(ref) == splice.Handler(h) && h.ref == ref && h.stage == atResolve {
					h.resolved(err)
				}
			})
		})
		return
	}
	h.dial.begin(addrs)
	h.connectNext()
}

func (h *handshake) resolved(err error) {
	if err != nil {
		h.dial.failed(refusedResolve, err)
		h.dialFailed()
		return
	}
	h.dialRound()
}

// connectNext tries the addresses that are left in this round. The head is written
// right behind connect: towards a near upstream the connection is up by then, and
// neither a wait nor a copy of the head is needed.
func (h *handshake) connectNext() {
	w := h.w
	for {
		now := time.Now()
		addr, limit := h.dial.address(now)
		if addr == nil {
			h.keepHead()
			h.dialFailed()
			return
		}
		fd, _, err := w.p.reach(addr, now, h.dial.err != nil)
		if err != nil {
			h.dial.failed(dialReason(err), err)
			continue
		}
		head := h.head()
		n, errno := rawsock.Write(fd, head)
		watch := splice.In | splice.FIN | splice.Urgent
		if n < len(head) {
			watch |= splice.Out
		}
		if errno != 0 && errno != unix.EAGAIN {
			rawsock.Close(fd)
			h.dial.failed(dialReason(errno), errno)
			continue
		}
		h.up = fd
		if err := w.loop.Watch(h.ref, splice.Upstream, fd, watch); err != nil {
			h.dropUpstream()
			h.dial.failed(dialReason(err), err)
			continue
		}
		if errno != 0 {
			h.keepHead()
			h.stage = atConnect
			w.loop.SetDeadline(h.ref, limit)
			return
		}
		h.sent(n)
		return
	}
}

// head is what is still to be sent.
func (h *handshake) head() []byte {
	if h.out != nil {
		return h.out.B[h.off:]
	}
	return h.w.out
}

// keepHead saves the head before the loop's next guest uses the room.
func (h *handshake) keepHead() {
	if h.out == nil {
		keep(&h.out, h.w.out)
	}
}

// connected is called when something happened to a connection that was on its way up.
func (h *handshake) connected() {
	if errno := rawsock.ConnectError(h.up); errno != 0 {
		h.dial.failed(dialReason(errno), errno)
		h.dropUpstream()
		h.connectNext()
		return
	}
	h.sendHead()
}

// sendHead writes what is left of the head.
func (h *handshake) sendHead() {
	n, errno := rawsock.Write(h.up, h.head())
	switch {
	case errno == unix.EAGAIN:
	case errno != 0 && h.stage == atConnect:
		h.dial.failed(dialReason(errno), errno)
		h.dropUpstream()
		h.connectNext()
	case errno != 0:
		h.w.p.warnAnswer(refusedLost, errno)
		h.refuse(refusedLost, "")
	default:
		h.sent(n)
	}
}

// sent notes that n more bytes of the head went out. The first of them prove that
// the connection is up.
func (h *handshake) sent(n int) {
	w := h.w
	if h.step == StepDial {
		w.p.count.dial.observe(time.Since(h.dialled))
		step := StepAnswer
		if h.events {
			step = StepExchange
		}
		w.p.count.move(&h.step, step)
		w.loop.SetDeadline(h.ref, timeLimit(w.p.set.AnswerTimeout))
	}
	w.p.count.toUpstream.Add(uint64(n))
	if n < len(h.head()) {
		h.keepHead()
		h.off += n
		h.stage = atAsk
		return
	}
	h.off = 0
	h.stage = atAnswer
	if !h.events && (h.out != nil || w.p.set.up.wary()) {
		h.keepHead()
		h.kept = true
		return
	}
	putBuffer(&h.out)
	h.dial = attempts{}
}

// unanswered goes on when the upstream has closed without a byte of an answer. So does
// a server that is killed with connections in its queue, and what listens in the place
// of a container that is down. An upgrade is a GET and may be sent again (RFC 9110
// section 9.2.2), so that is as good as a refused connect, while the dial limit lasts.
// It takes a copy of the head, which there is of one that had to wait, and, for a while
// after such a close, of all: see wary.
func (h *handshake) unanswered() {
	w := h.w
	if !h.events {
		w.p.set.up.beWary()
	}
	if !h.kept || h.dial.spent(time.Now()) {
		w.p.warnAnswer(refusedLost, errNoAnswer)
		h.refuse(refusedLost, "")
		return
	}
	h.kept = false
	h.dropUpstream()
	w.p.count.move(&h.step, StepDial)
	h.dial.failed(refusedLost, errNoAnswer)
	h.connectNext()
}

// heardOf ends the keeping of the head: an answer has begun.
func (h *handshake) heardOf() {
	if h.kept {
		h.kept = false
		putBuffer(&h.out)
		h.dial = attempts{}
	}
}

// dialFailed ends a round: another one follows while the dial limit lasts.
func (h *handshake) dialFailed() {
	w := h.w
	w.p.set.up.refresh()
	pause, ok := h.dial.wait(time.Now())
	if !ok {
		w.p.warnDial(&h.dial)
		h.refuse(h.dial.last, "")
		return
	}
	h.stage = atPause
	w.loop.SetDeadline(h.ref, pause)
}

func (h *handshake) dropUpstream() {
	if h.up >= 0 {
		h.up = -1
		h.w.loop.CloseSide(h.ref, splice.Upstream)
	}
}
