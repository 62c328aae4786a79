package load

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Upstream is the mail server's stand-in: it demands the Bearer header, answers
// 101, and then does what the path says: echo, push, bulk; blob answers plain
// requests. Its methods are called over net/rpc.
type Upstream struct {
	workers []*upstreamWorker
}

// upstreamWorker is one loop with its listener and tunnels.
type upstreamWorker struct {
	loop   *Loop
	tally  Tally
	pushed []*pushed
	bulks  []*upstreamBulk
	push   *pushing
	flow   bool // bulk tunnels send
}

// NewUpstream listens with n loops on one address.
func NewUpstream(at netip.AddrPort, n int) (*Upstream, error) {
	u := &Upstream{}
	for range n {
		fd, err := listen(at)
		if err != nil {
			return nil, err
		}
		l, err := NewLoop()
		if err != nil {
			return nil, err
		}
		w := &upstreamWorker{loop: l}
		l.do(func() {
			l.tick = w.tick
			_, err = l.add(fd, unix.EPOLLIN, &acceptor{w, fd})
		})
		if err != nil {
			return nil, err
		}
		u.workers = append(u.workers, w)
	}
	return u, nil
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
	Size  int // of a payload, in bytes
	Rate  int // messages a second; 0 sends as fast as the sockets take them
	Count int // messages in all; 0 goes on until Halt
	Once  bool
}

// Push starts to push, one message per tunnel in turn. With Once it sends one
// message to each tunnel at one due time and returns that time in due.
func (u *Upstream) Push(args PushArgs, due *int64) error {
	total := 0
	counts := make([]int, len(u.workers))
	for i, w := range u.workers {
		w.loop.do(func() { counts[i] = len(w.pushed) })
		total += counts[i]
	}
	if total == 0 {
		return fmt.Errorf("no push tunnel is open")
	}
	*due = Now()
	for i, w := range u.workers {
		share := float64(counts[i]) / float64(total)
		p, err := newPushing(args, share, *due)
		if err != nil {
			return err
		}
		if counts[i] > 0 {
			w.loop.do(func() { w.push = p })
		}
	}
	return nil
}

// Flow starts or stops the bulk tunnels' streams towards the client.
func (u *Upstream) Flow(on bool, _ *struct{}) error {
	for _, w := range u.workers {
		w.loop.do(func() {
			w.flow = on
			for _, b := range w.bulks {
				b.flow()
			}
		})
	}
	return nil
}

// Halt stops pushing and streaming. What sockets could not take yet still goes out.
func (u *Upstream) Halt(_ struct{}, _ *struct{}) error {
	for _, w := range u.workers {
		w.loop.do(func() { w.push, w.flow = nil, false })
	}
	return nil
}

// Mark gives what was counted and starts new histograms.
func (u *Upstream) Mark(_ struct{}, t *Tally) error {
	*t = Tally{}
	for _, w := range u.workers {
		var one Tally
		w.loop.do(func() { one = w.tally.take() })
		t.Merge(&one)
	}
	return nil
}

func (w *upstreamWorker) tick(now int64) int64 {
	if w.push == nil {
		return -1
	}
	wait, done := w.push.send(w, now)
	if done {
		w.push = nil
		return -1
	}
	return wait
}
