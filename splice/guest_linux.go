package splice

import (
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// Events is what happened to a descriptor, as epoll_ctl(2) says it.
type Events uint32

const (
	In     Events = unix.EPOLLIN    // there are bytes to read
	Out    Events = unix.EPOLLOUT   // there is room to write
	Urgent Events = unix.EPOLLPRI   // an urgent byte is among those to read
	FIN    Events = unix.EPOLLRDHUP // the peer will send no more
	Gone   Events = unix.EPOLLHUP   // nothing can be sent or received any more
	Broken Events = unix.EPOLLERR   // reset, or another error of the socket
	Level  Events = 1 << 30         // Watch only: repeat the event while it lasts (listeners)
	Share  Events = unix.EPOLLEXCLUSIVE

	edges = unix.EPOLLET
)

// Handler is a guest of a Loop that drives its descriptors itself. Its methods run
// on the loop's goroutine and must not block.
type Handler interface {
	// Ready tells of events on the descriptor of side. They are edges: they are not
	// told again until something new happens. An event of a descriptor that the
	// handler closed in the same turn may still come.
	Ready(side Side, ev Events)
	// Expire tells that the deadline has passed; it is cleared before.
	Expire()
	// Drop tells that the loop is closing. The handler releases what it owns besides
	// the descriptors that it watches, which the loop closes.
	Drop()
}

type guest struct {
	handler  Handler
	ref      Ref
	deadline time.Duration // on the loop's clock; 0: none
}

// Add makes h a guest. It has no descriptor and no deadline yet.
func (l *Loop) Add(h Handler) Ref {
	ref, e := l.table.take(kindGuest)
	e.guest = int32(len(l.guests))
	l.guests = append(l.guests, guest{handler: h, ref: ref})
	l.count.Guests++
	return ref
}

// Watch registers fd as the guest's socket of that side; it belongs to the loop
// from then on, also if an error is returned. ev is what Ready is to be told of,
// besides Gone and Broken, which are always told.
func (l *Loop) Watch(ref Ref, side Side, fd int, ev Events) error {
	e := l.table.get(ref)
	e.fd[side] = int32(fd)
	return l.register(unix.EPOLL_CTL_ADD, ref, e, side, ev)
}

// Own gives fd to the loop as the guest's socket of that side, as Watch does, and
// registers nothing: Rewatch does, once there is something to wait for. A socket
// that is read before it is registered brings no event for what was read.
func (l *Loop) Own(ref Ref, side Side, fd int) { l.table.get(ref).fd[side] = int32(fd) }

// Rewatch changes what Ready is told of, or begins to tell it. What is already there
// is told again.
func (l *Loop) Rewatch(ref Ref, side Side, ev Events) error {
	e := l.table.get(ref)
	op := unix.EPOLL_CTL_MOD
	if e.watched&(1<<side) == 0 {
		op = unix.EPOLL_CTL_ADD
	}
	return l.register(op, ref, e, side, ev)
}

func (l *Loop) register(op int, ref Ref, e *entry, side Side, ev Events) error {
	if ev&Out != 0 {
		e.armed |= 1 << side
	} else {
		e.armed &^= 1 << side
	}
	event := unix.EpollEvent{Events: uint32(ev&^Level) | edges, Fd: ref.slot()<<1 | int32(side), Pad: int32(ref.gen())}
	if e.level = ev&Level != 0; e.level {
		event.Events &^= edges
	}
	if errno := rawsock.EpollCtl(l.ep, op, int(e.fd[side]), &event); errno != 0 {
		return errno
	}
	e.watched |= 1 << side
	return nil
}

// CloseSide closes the guest's descriptor of that side, if it has one.
func (l *Loop) CloseSide(ref Ref, side Side) {
	if e := l.table.get(ref); e != nil && e.fd[side] >= 0 {
		rawsock.Close(int(e.fd[side]))
		e.fd[side] = -1
		e.watched &^= 1 << side
	}
}

// Release takes the descriptor of that side out of the loop's care and its epoll
// set: it is the caller's again. It is -1 if there was none.
func (l *Loop) Release(ref Ref, side Side) int {
	fd := l.Forget(ref, side)
	if fd >= 0 {
		rawsock.EpollCtl(l.ep, unix.EPOLL_CTL_DEL, fd, nil)
	}
	return fd
}

// Forget takes the descriptor of that side out of the loop's care and leaves it in
// the epoll set: Ready goes on being told of it until its new owner closes it,
// which takes it out (no duplicate of it must exist then).
func (l *Loop) Forget(ref Ref, side Side) int {
	e := l.table.get(ref)
	fd := int(e.fd[side])
	e.fd[side] = -1
	e.watched &^= 1 << side
	return fd
}

// Remove ends the guest: descriptors that it still watches are closed.
func (l *Loop) Remove(ref Ref) {
	e := l.table.get(ref)
	l.CloseSide(ref, Client)
	l.CloseSide(ref, Upstream)
	l.dropGuest(e)
	l.table.put(ref)
}

// Guest is the handler behind ref, or nil if it has gone or become a tunnel.
func (l *Loop) Guest(ref Ref) Handler {
	if e := l.table.get(ref); e != nil && e.kind == kindGuest {
		return l.guests[e.guest].handler
	}
	return nil
}

// EachGuest calls f for every guest; f must not remove any.
func (l *Loop) EachGuest(f func(Handler)) {
	for i := range l.guests {
		f(l.guests[i].handler)
	}
}

// Replace makes h the guest in place of ref's present handler.
func (l *Loop) Replace(ref Ref, h Handler) { l.guests[l.table.get(ref).guest].handler = h }

// Unwatch takes a descriptor that was left to another owner by Forget out of the
// epoll set. It may be called from anywhere.
func (l *Loop) Unwatch(fd int) { rawsock.EpollCtl(l.ep, unix.EPOLL_CTL_DEL, fd, nil) }

// dropGuest takes e off the list of guests; the last one moves to its place.
func (l *Loop) dropGuest(e *entry) {
	i, last := e.guest, len(l.guests)-1
	if l.guests[i].deadline != 0 {
		l.timed--
	}
	l.guests[i] = l.guests[last]
	l.guests[last] = guest{}
	l.guests = l.guests[:last]
	if int(i) < last {
		l.table.get(l.guests[i].ref).guest = i
	}
	l.count.Guests--
}

// SetDeadline has Expire called once d has passed, a tick early or late at most;
// zero or less clears the deadline.
func (l *Loop) SetDeadline(ref Ref, d time.Duration) {
	g := &l.guests[l.table.get(ref).guest]
	if g.deadline != 0 {
		l.timed--
	}
	g.deadline = 0
	if d > 0 {
		g.deadline = l.now + d
		l.timed++
		l.needTick()
	}
}
