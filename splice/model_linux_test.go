package splice

import (
	"bytes"
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// actor is one of the two programs that talk through a tunnel, and the model of what
// it must receive: the bytes of its peer's stream in order; all of them and then the
// end if the peer ended its direction; no more than a beginning, but everything that
// was acknowledged, if the peer reset the connection.
type actor struct {
	t       testing.TB
	fd      int
	out     stream
	peer    *actor
	resetOK bool // whether this kind of socket shows a reset as one

	want    int  // bytes of out that it means to send
	sent    int  // bytes of out that its kernel took
	endWant bool // it means to send a FIN once all are sent
	ended   bool // it did
	stalled bool // it does not read
	closed  bool // it reset the connection
	sure    int  // once closed: bytes of out that the tunnel's kernel had acknowledged

	got    int  // bytes of the peer's stream that arrived
	urgent int  // urgent bytes that arrived among them
	eof    bool // its reading came to an end
	broken bool // a read or write told of a reset
}

// pump sends and receives what can be at once. It reports whether anything moved.
func (a *actor) pump() bool {
	moved := a.push()
	if !a.stalled {
		for a.pull(256<<10) > 0 {
			moved = true
		}
	}
	return moved
}

func (a *actor) push() (moved bool) {
	var buf [32 << 10]byte
	for !a.closed && !a.broken && a.sent < a.want {
		p := buf[:min(len(buf), a.want-a.sent)]
		a.out.fill(p, a.sent)
		n, errno := rawsock.Write(a.fd, p)
		if errno == unix.EAGAIN {
			return moved
		}
		if errno != 0 {
			a.fail(errno)
			return moved
		}
		a.sent += n
		moved = true
	}
	if a.endWant && !a.ended && !a.closed && !a.broken {
		a.ended = true
		rawsock.ShutdownWrite(a.fd)
	}
	return moved
}

// pull reads max bytes at most and compares them with what the peer sent.
func (a *actor) pull(max int) int {
	if a.closed || a.eof {
		return 0
	}
	buf := make([]byte, min(max, 256<<10))
	n, errno := rawsock.Read(a.fd, buf)
	switch {
	case errno == unix.EAGAIN:
		return 0
	case errno != 0:
		a.fail(errno)
		a.eof = true
		return 0
	case n == 0:
		a.eof = true
		if whole := a.peer.ended && a.got == a.peer.sent; !whole && !a.broken && !(a.peer.closed && (a.peer.ended || !a.resetOK)) {
			a.t.Fatalf("stream %d looks complete after %d of %d bytes (FIN sent: %t, reset: %t)",
				a.peer.out, a.got, a.peer.sent, a.peer.ended, a.peer.closed)
		}
		return 0
	}
	plain := buf[:n]
	if bytes.IndexByte(plain, urgentByte) >= 0 {
		plain = plain[:0]
		for _, b := range buf[:n] {
			if b != urgentByte {
				plain = append(plain, b)
			}
		}
	}
	a.urgent += n - len(plain)
	if a.got+len(plain) > a.peer.sent || !bytes.Equal(plain, a.peer.out.bytes(a.got, len(plain))) {
		a.t.Fatalf("stream %d: other bytes than were sent after byte %d (of %d)", a.peer.out, a.got, a.peer.sent)
	}
	a.got += len(plain)
	return n
}

func (a *actor) fail(errno unix.Errno) {
	if errno != unix.ECONNRESET && errno != unix.EPIPE || !a.peer.closed {
		a.t.Fatalf("the receiver of stream %d got %v, and its peer did not reset the connection", a.peer.out, errno)
	}
	a.broken = true
}

// reset gives the connection up.
func (a *actor) reset() {
	if a.closed {
		return
	}
	a.closed = true
	a.sure = max(0, a.sent-rawsock.Unsent(a.fd))
	rawsock.Reset(a.fd)
}

// oob sends an urgent byte, if everything before it has gone and there is room.
func (a *actor) oob() {
	if a.closed || a.broken || a.ended || a.sent < a.want {
		return
	}
	err := unix.Sendto(a.fd, []byte{urgentByte}, unix.MSG_OOB|unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, nil)
	if errno, _ := err.(unix.Errno); errno == unix.ECONNRESET || errno == unix.EPIPE {
		a.fail(errno)
	}
}

// over says whether nothing is left to come for a.
func (a *actor) over() bool { return a.closed || a.eof && (a.ended || a.broken) }

// settle has both actors read and send all they want, end, and wait for their ends.
func settle(t testing.TB, actors []*actor) {
	for _, a := range actors {
		a.stalled, a.endWant = false, true
	}
	for give := time.Now().Add(limit); !actors[0].over() || !actors[1].over(); {
		if actors[0].pump() || actors[1].pump() {
			give = time.Now().Add(limit)
			continue
		}
		var polls []unix.PollFd
		for _, a := range actors {
			p := unix.PollFd{Fd: int32(a.fd)}
			if a.closed {
				continue
			}
			if !a.eof {
				p.Events |= unix.POLLIN
			}
			if a.sent < a.want && !a.broken {
				p.Events |= unix.POLLOUT
			}
			if p.Events != 0 {
				polls = append(polls, p)
			}
		}
		unix.Poll(polls, 50)
		if time.Now().After(give) {
			for _, a := range actors {
				t.Logf("sent %d of %d, FIN %t, reset %t, got %d of %d, end %t, broken %t",
					a.sent, a.want, a.ended, a.closed, a.got, a.peer.sent, a.eof, a.broken)
			}
			t.Fatal("the tunnel is stuck")
		}
	}
	for _, a := range actors {
		if a.closed || a.peer.closed && a.got >= a.peer.sure {
			continue
		}
		if a.peer.closed {
			t.Fatalf("stream %d: %d bytes arrived of %d that were acknowledged before the reset", a.peer.out, a.got, a.peer.sure)
		}
		if a.got != a.peer.sent || a.peer.sent != a.peer.want {
			t.Fatalf("stream %d: %d bytes arrived of %d", a.peer.out, a.got, a.peer.sent)
		}
	}
}
