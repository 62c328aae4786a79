package load

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Upstream is the mail server's stand-in: it demands the Bearer header, answers
// 101, and then does what the path says: echo, push, bulk; blob answers plain
// requests. Its methods are called over net/rpc.
//
// It has two loops: bulk tunnels go to the second, so that a megabyte on its
// way does not delay a message that is to be timed.
type Upstream struct {
	workers [2]*upstreamWorker
}

// upstreamWorker is one loop with its tunnels.
type upstreamWorker struct {
	loop    *Loop
	bytes   *upstreamWorker // the worker for bulk tunnels
	tally   Tally
	pushed  []*pushed
	bulks   []*upstreamBulk
	push    *pushing
	flow    FlowArgs
	flowing *flowing // nil unless bulk is paced
}

// NewUpstream listens on an address.
func NewUpstream(at netip.AddrPort) (*Upstream, error) {
	fd, err := listen(at)
	if err != nil {
		return nil, err
	}
	u := &Upstream{}
	for i := range u.workers {
		l, err := NewLoop()
		if err != nil {
			return nil, err
		}
		w := &upstreamWorker{loop: l}
		l.do(func() { l.tick = w.tick })
		u.workers[i] = w
	}
	first := u.workers[0]
	first.bytes = u.workers[1]
	first.loop.do(func() {
		_, err = first.loop.add(fd, unix.EPOLLIN, &acceptor{first, fd})
	})
	return u, err
}

// acceptor is the guest behind a listener.
type acceptor struct {
	w  *upstreamWorker
	fd int
}

func (a *acceptor) ready(uint32) {
	// The bound lets connections that are up have their turn in a storm.
	for range 64 {
		fd, _, err := unix.Accept4(a.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
		case unix.EAGAIN:
			return
		case unix.ECONNABORTED, unix.EINTR:
			continue
		default:
			a.w.tally.fail("accept: %v", err)
			return
		}
		s := &served{w: a.w, fd: fd}
		if s.slot, err = a.w.loop.add(fd, unix.EPOLLIN, s); err != nil {
			a.w.tally.fail("%v", err)
			_ = unix.Close(fd)
			continue
		}
		// The head is mostly there already: one wake-up less for the loop.
		s.ready(unix.EPOLLIN)
	}
}

// PushArgs says what to push over all push tunnels together.
type PushArgs struct {
	Size  int  // of a payload, in bytes
	Rate  int  // messages a second; 0 sends as fast as the sockets take them
	Count int  // messages in all; 0 goes on until Halt
	Once  bool // one message to each tunnel, all due at one time
}

// Push starts to push, one message per tunnel in turn. due is when the first
// message is.
func (u *Upstream) Push(args PushArgs, due *int64) (err error) {
	w := u.workers[0]
	*due = Now()
	p, err := newPushing(args, *due)
	if err != nil {
		return err
	}
	w.loop.do(func() {
		if len(w.pushed) == 0 {
			err = errors.New("no push tunnel is open")
			return
		}
		w.push = p
	})
	return err
}

// Halt stops pushing and streaming. What sockets could not take yet still goes out.
func (u *Upstream) Halt(_ struct{}, _ *struct{}) error {
	first := u.workers[0]
	first.loop.do(func() { first.push = nil })
	return u.Flow(FlowArgs{}, nil)
}

// HangUp ends every tunnel that is pushed over.
func (u *Upstream) HangUp(_ struct{}, _ *struct{}) error {
	first := u.workers[0]
	first.loop.do(func() {
		for len(first.pushed) > 0 {
			first.pushed[len(first.pushed)-1].close()
		}
	})
	return nil
}

// Hurry lets this end have a processor at once when it wants one.
func (u *Upstream) Hurry(_ struct{}, _ *struct{}) error { return hurry() }

// Background lets bulk tunnels give way to messages that are timed.
func (u *Upstream) Background(_ struct{}, _ *struct{}) error {
	return background(u.workers[1].loop)
}

// Mark gives what was counted and starts new histograms.
func (u *Upstream) Mark(_ struct{}, t *Tally) error {
	*t = Tally{}
	for _, w := range u.workers {
		var one Tally
		w.loop.do(func() { one = w.mark() })
		t.Merge(&one)
	}
	return nil
}

func (w *upstreamWorker) mark() Tally {
	w.tally.Busy = []int64{w.loop.busy}
	return w.tally.take()
}

func (w *upstreamWorker) tick(now int64) int64 {
	wait := int64(-1)
	if w.push != nil {
		var done bool
		if wait, done = w.push.send(w, now); done {
			w.push = nil
			wait = -1
		}
	}
	if w.flowing != nil {
		if next := w.flowing.grant(w, now); next >= 0 && (wait < 0 || next < wait) {
			wait = next
		}
	}
	return wait
}
