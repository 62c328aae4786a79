//go:build linux && !portable

package proxy

import (
	"context"
	"log/slog"
	"time"

	"github.com/wssplice/wssplice/httphead"
	"github.com/wssplice/wssplice/splice"
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// readAnswer reads until the answer's head is complete, and judges it.
func (h *handshake) readAnswer(ev splice.Events) {
	w := h.w
	for {
		buf := w.loop.Buffer()
		had := 0
		if h.out != nil && !h.kept {
			had = len(h.out.B)
			h.out.B = grow(h.out.B, 2*answerLimits.Bytes)
			buf = h.out.B[:cap(h.out.B)]
		}
		n, errno := rawsock.Read(h.up, buf[had:])
		switch {
		case errno == unix.EAGAIN:
			return
		case n <= 0 && had == 0:
			h.unanswered()
			return
		case n <= 0:
			w.p.warnAnswer(refusedAnswer, errCutHead)
			h.refuse(refusedAnswer, "it ends within its head")
			return
		}
		h.heardOf()
		h.gotUp += n
		data := buf[:had+n]
		more := n == len(buf)-had || ev&^(splice.In|splice.Out) != 0
		left, done, err := h.answer(data, more)
		if err != nil {
			w.p.warnAnswer(refusedAnswer, err)
			h.refuse(refusedAnswer, err.Error())
			return
		}
		if done {
			return
		}
		if h.out != nil {
			h.out.B = append(h.out.B[:0], left...)
		} else {
			keep(&h.out, left)
		}
		if !more {
			return
		}
	}
}

// answer looks for the final answer's head in data, past interim ones, and acts on
// it. It returns what is left of data, and done once the final head was there.
func (h *handshake) answer(data []byte, more bool) (left []byte, done bool, err error) {
	w := h.w
	for {
		n, err := httphead.End(data, 0, answerLimits)
		if err != nil || n == 0 {
			return data, false, err
		}
		if err := w.res.Parse(data[:n], answerLimits); err != nil {
			return data, false, err
		}
		switch status := w.res.Status; {
		case h.events && (status == 101 || status >= 200):
			h.eventsAnswered(data, n)
			return data, true, nil
		case status == 101:
			if err := w.res.CheckAccepted(&h.accept); err != nil {
				w.p.warnAnswer(refusedAccept, err)
				h.refuse(refusedAccept, err.Error())
				return data, true, nil
			}
			h.toTunnel(data, more)
			return data, true, nil
		case status >= 200:
			w.p.count.refused[refusedByUpstream].Add(1)
			h.toAnsweredExchange(data, (*exchange).serveRefused)
			return data, true, nil
		}
		// Interim answers are for the client, and at once (RFC 9110 section 15.2). It
		// has been sent nothing yet, so a socket without room is beyond help.
		if m, errno := rawsock.Write(h.client, data[:n]); errno != 0 || m < n {
			h.close(endGone, ByClient, nil)
			return data, true, nil
		}
		w.p.count.toClient.Add(uint64(n))
		data = data[n:]
	}
}

// toTunnel ends the handshake: both sides have agreed.
func (h *handshake) toTunnel(answer []byte, more bool) {
	w, p := h.w, h.w.p
	p.count.handshake.observe(time.Since(h.asked))
	p.count.upgrades.Add(1)
	p.count.move(&h.step, StepTunnel)
	hand := splice.Handover{Peer: h.peer, Unread: [2]bool{h.unread, more}}
	hand.Early[splice.Upstream] = answer
	if h.in != nil {
		hand.Early[splice.Client] = h.in.B
	}
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug("tunnel opened", "client", peerName(h.peer), "upstream", p.set.up.name)
	}
	// From here on the loop counts, what it is handed included.
	h.got -= len(hand.Early[splice.Client])
	h.gotUp -= len(answer)
	w.loop.Tunnel(h.ref, hand)
	h.free()
}
