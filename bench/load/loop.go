// Package load is the two ends of every measurement: the clients in front of a
// proxy and the upstream behind it. Both run on epoll loops of their own that
// block in the kernel without telling the Go scheduler, because a load
// generator that costs as much as the proxy measures itself.
package load

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guest is whatever sits behind one descriptor of a loop.
type guest interface {
	// ready is called with the events of epoll_wait.
	ready(events uint32)
}

// readBuffer is what one recv may bring. It is larger than any socket buffer
// gives at once on loopback, so that bulk is bound by the proxy.
const readBuffer = 256 << 10

// slot is one place of the table that epoll's user data points to.
type slot struct {
	guest      guest
	generation uint32
}

// Loop waits for readiness and calls guests. Everything that belongs to it is
// touched by its own goroutine only; other goroutines use do.
type Loop struct {
	epoll, wake int
	slots       []slot
	free        []int32
	buf         []byte

	busy int64 // nanoseconds not spent waiting

	// parked are streams whose socket claims to be writable and takes nothing.
	parked   []*stream
	parkedAt int64

	// tick, if set, is called before every wait with the time and returns
	// when it wants to be called next: 0 for at once, negative for never.
	tick func(now int64) int64

	mu     sync.Mutex
	posted []func()
}

// NewLoop starts a loop that runs until the process ends.
func NewLoop() (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	l := &Loop{epoll: epoll, wake: wake, buf: make([]byte, readBuffer)}
	if _, err := l.add(wake, unix.EPOLLIN, (*waker)(l)); err != nil {
		return nil, err
	}
	go l.run()
	return l, nil
}

// procs is the GOMAXPROCS of a process with two loops: a waiting loop keeps
// its P, so two more are left for the control connection and the runtime.
const procs = 4

// waker empties the eventfd; run looks at posted after every wait anyway.
type waker Loop

func (w *waker) ready(uint32) {
	var b [8]byte
	_, _ = rawRead(w.wake, b[:])
}

// add registers fd and gives back its slot.
func (l *Loop) add(fd int, events uint32, g guest) (int32, error) {
	var s int32
	if n := len(l.free); n > 0 {
		s, l.free = l.free[n-1], l.free[:n-1]
	} else {
		s = int32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	l.slots[s].guest = g
	ev := unix.EpollEvent{Events: events, Fd: s, Pad: int32(l.slots[s].generation)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		l.release(s)
		return 0, fmt.Errorf("add to epoll: %w", err)
	}
	return s, nil
}

// want changes the events that a slot is woken for.
func (l *Loop) want(s int32, fd int, events uint32) {
	ev := unix.EpollEvent{Events: events, Fd: s, Pad: int32(l.slots[s].generation)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, fd, &ev); err != nil {
		panic(fmt.Sprintf("change epoll interest of a live descriptor: %v", err))
	}
}

// drop closes fd and frees its slot. Closing the last reference takes the
// descriptor out of epoll; events of this turn that still name the slot are
// recognised by their generation.
func (l *Loop) drop(s int32, fd int) {
	_ = unix.Close(fd)
	l.release(s)
}

func (l *Loop) release(s int32) {
	l.slots[s].guest = nil
	l.slots[s].generation++
	l.free = append(l.free, s)
}

// do runs f on the loop and waits for it.
func (l *Loop) do(f func()) {
	done := make(chan struct{})
	l.post(func() { f(); close(done) })
	<-done
}

// post runs f on the loop some time later.
func (l *Loop) post(f func()) {
	l.mu.Lock()
	l.posted = append(l.posted, f)
	l.mu.Unlock()
	var one = [8]byte{1}
	_, _ = unix.Write(l.wake, one[:])
}

// parkedFor is how long a stream is left alone, in nanoseconds.
const parkedFor = int64(2 * time.Millisecond)

// park leaves a stream alone for a moment. Where the kernel is short of memory for
// sockets (net.ipv4.tcp_mem), it says that one is writable and then takes nothing,
// and a loop that believes it turns and turns.
func (l *Loop) park(s *stream) {
	s.arm(false)
	if len(l.parked) == 0 {
		l.parkedAt = Now()
	}
	l.parked = append(l.parked, s)
}

func (l *Loop) unpark(now int64) {
	if len(l.parked) == 0 || now-l.parkedAt < parkedFor {
		return
	}
	for _, s := range l.parked {
		if !s.gone {
			s.arm(s.sending)
		}
	}
	l.parked = l.parked[:0]
}

// let takes fd out of the loop without closing it.
func (l *Loop) let(s int32, fd int) {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		panic(fmt.Sprintf("take a live descriptor out of epoll: %v", err))
	}
	l.release(s)
}

func (l *Loop) run() {
	events := make([]unix.EpollEvent, 512)
	woken := Now()
	for {
		wait := int64(-1)
		if l.tick != nil {
			wait = l.tick(Now())
		}
		if len(l.parked) > 0 && (wait < 0 || wait > parkedFor) {
			wait = parkedFor
		}
		if wait != 0 {
			l.busy += Now() - woken
		}
		n := l.wait(events, wait)
		if wait != 0 {
			woken = Now()
		}
		l.unpark(woken)
		for i := range events[:n] {
			ev := &events[i]
			s := &l.slots[ev.Fd]
			if s.guest == nil || s.generation != uint32(ev.Pad) {
				continue
			}
			s.guest.ready(ev.Events)
		}
		l.mu.Lock()
		posted := l.posted
		l.posted = nil
		l.mu.Unlock()
		for _, f := range posted {
			f()
		}
	}
}

// wait blocks for at most d nanoseconds, without end if d is negative.
//
// The call is raw: the scheduler is not told and no P changes hands, which is
// why GOMAXPROCS must leave room (procs). The runtime's preemption signal
// ends the call with EINTR every now and then, so nothing can hang on it.
func (l *Loop) wait(events []unix.EpollEvent, d int64) int {
	var ts *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(d)
		ts = &t
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(ts)), 0, 0)
	switch errno {
	case 0:
		return int(n)
	case unix.EINTR:
		// A safe point, or a stop-the-world would wait for this goroutine for ever.
		runtime.Gosched()
		return 0
	default:
		fmt.Fprintln(os.Stderr, "epoll_pwait2:", errno)
		os.Exit(1)
		return 0
	}
}

// Now is CLOCK_MONOTONIC in nanoseconds, the same in every process of the
// machine: a message carries the upstream's time and the client takes the difference.
func Now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return time.Now().UnixNano()
	}
	return ts.Nano()
}
