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

// readHead reads until the head is complete. The head is almost always there with
// the first read and is parsed where it lies, in the loop's buffer.
func (h *handshake) readHead(ev splice.Events) {
	w := h.w
	limits := w.p.set.limits
	for {
		buf := w.loop.Buffer()
		had := 0
		if h.in != nil {
			had = len(h.in.B)
			h.in.B = grow(h.in.B, limits.Bytes+1)
			buf = h.in.B[:cap(h.in.B)]
		}
		n, errno := rawsock.Read(h.client, buf[had:])
		switch {
		case errno == unix.EAGAIN:
			h.watchClient()
			return
		case n <= 0 && had == 0 && errno == 0:
			h.close(endDone, ByClient, nil)
			return
		case n <= 0:
			h.close(endGone, ByClient, nil)
			return
		}
		h.got += n
		h.left = ev&leaves != 0
		data := buf[:had+n]
		h.unread = n == len(buf)-had || ev != 0 && ev != splice.In
		end, err := httphead.End(data, h.seen, limits)
		if err != nil {
			h.refuse(headReason(err, refusedHead))
			return
		}
		if end > 0 {
			h.request(data, end)
			return
		}
		h.seen = len(data)
		if h.in != nil {
			h.in.B = data
		} else {
			keep(&h.in, data)
		}
		if !h.unread {
			h.watchClient()
			return
		}
	}
}

// grow returns b with room for size bytes in all.
func grow(b []byte, size int) []byte {
	if cap(b) >= size {
		return b
	}
	return append(make([]byte, 0, size), b...)
}

// request decides what becomes of a complete head, the first n bytes of data.
func (h *handshake) request(data []byte, n int) {
	w := h.w
	v := w.p.judge(&w.req, data[:n])
	switch {
	case v.refused:
		h.refuse(v.why, v.detail)
		return
	case !v.upgrade && h.asksForEvents(data[n:]):
		h.askForEvents()
		return
	case !v.upgrade:
		h.toExchange(data)
		return
	case h.left:
		h.close(endGone, ByClient, nil) // nobody is there to have a tunnel
		return
	}
	if !h.watchClient() {
		return
	}
	h.asked = time.Now()
	w.out = w.req.AppendUpgrade(w.out[:0], v.cred)
	httphead.AcceptKey(&h.accept, w.req.Key())
	if w.p.log.Enabled(context.Background(), slog.LevelDebug) {
		w.p.log.Debug("upgrade", "client", peerName(h.peer), "path", loggable(w.req.Path))
	}
	// What the client sent behind its head stays here until the 101 was verified.
	early := data[n:]
	if h.in != nil {
		h.in.B = append(h.in.B[:0], early...)
		if len(early) == 0 {
			putBuffer(&h.in)
		}
	} else {
		keep(&h.in, early)
	}
	h.startDial()
}
