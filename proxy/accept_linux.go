//go:build linux && !portable

package proxy

import (
	"log/slog"
	"time"

	"github.com/wssplice/wssplice/splice"
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// listener is the guest that accepts.
type listener struct {
	w      *worker
	fd     int
	ref    splice.Ref // 0: it does not accept
	paused bool       // fd is out of the loop's hands
	turn   uint64     // of the loop, in which it was last told of connections
	most   int        // connections to accept in a turn
}

func (ln *listener) start() {
	if ln.w.p.draining.Load() {
		rawsock.Close(ln.fd)
		return
	}
	ln.ref = ln.w.loop.Add(ln)
	if err := ln.watch(); err != nil {
		ln.w.p.log.Error("listener cannot be watched", slog.Any("err", err))
	}
}

// acceptMost is how many connections are accepted before others get their turn.
const acceptMost = 64

// Ready accepts. See splice.Handler. To ask for a connection that is not there costs
// the kernel half of what one costs that is, and the loop tells of the rest in its
// next turn: so one at a time, and twice as many each time that it did.
func (ln *listener) Ready(splice.Side, splice.Events) {
	turn := ln.w.loop.Turn()
	if turn == ln.turn+1 {
		ln.most = min(2*ln.most, acceptMost)
	} else {
		ln.most = 1
	}
	ln.turn = turn
	ln.accept(ln.most)
}

// acceptPause is how long a listener rests when there is no descriptor for what
// it should accept: the listener stays readable, and asking again at once would spin.
const acceptPause = 200 * time.Millisecond

func (ln *listener) accept(most int) {
	for range most {
		fd, peer, errno := rawsock.Accept(ln.fd)
		switch errno {
		case 0:
			ln.w.accepted(fd, peer)
		case unix.EAGAIN:
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			ln.w.p.warner.warn("connections cannot be accepted: raise the descriptor limit or lower max-connections", slog.Any("err", errno))
			ln.pause()
			return
		default:
			// The connection died in the queue, or its network did (accept(2) lists
			// a dozen such errors): the next one may be fine.
		}
	}
}

func (ln *listener) pause() {
	ln.w.loop.Release(ln.ref, splice.Client)
	ln.w.loop.SetDeadline(ln.ref, acceptPause)
	ln.paused = true
}

// Expire ends the pause. See splice.Handler.
func (ln *listener) Expire() {
	ln.paused = false
	if err := ln.watch(); err != nil {
		ln.pause()
	}
}

func (ln *listener) watch() error {
	return ln.w.loop.Watch(ln.ref, splice.Client, ln.fd, splice.In|splice.Level|splice.Share)
}

// Drop is called when the loop closes. See splice.Handler.
func (ln *listener) Drop() {
	if ln.paused {
		rawsock.Close(ln.fd)
		ln.paused = false
	}
	ln.ref = 0
}
