package splice

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// Options configure a Loop. The zero value works.
type Options struct {
	// IdleTimeout ends a tunnel on which no byte moved for so long. If zero, never.
	IdleTimeout time.Duration
	// HalfCloseTimeout ends a tunnel that is half-closed, or is being reset, and on
	// which no byte moved for so long. If zero, 30s; if negative, never.
	HalfCloseTimeout time.Duration
	// Lifetime ends a tunnel whatever moves, in the last eighth of that time: each
	// tunnel has a Lifespan of its own. If zero, never.
	Lifetime time.Duration
	// Pipes is where pipes are borrowed. If nil, a pool of the loop's own.
	Pipes *Pipes
	// Ended is told of every tunnel that ended, on the loop's goroutine, after its
	// descriptors were closed. It must not block.
	Ended func(End)
}

const (
	// bufferSize is the loop's buffer, and so the read that counts as a sign of bulk.
	bufferSize = 64 << 10
	// eventsMost is how many events one epoll_wait brings.
	eventsMost = 256
	// parkCost is about what it takes to park and to be woken up at once.
	parkCost = 5 * time.Microsecond
	// looksMost is how many looks for events in vain cost as much.
	looksMost = 4
	// tick is the resolution of every time limit, and the unit of entry.last.
	tick = 50 * time.Millisecond
	// longest is the longest time limit that ticks can tell from a wrap-around.
	longest = 5 * 365 * 24 * time.Hour
)

// Loop is one goroutine over one epoll descriptor. See the package documentation.
type Loop struct {
	opt    Options
	ep     int
	file   *os.File // ep in Go's own poller: waiting costs no thread and no processor
	raw    syscall.RawConn
	wake   int // eventfd, registered edge-triggered, so it need not be read
	start  time.Time
	now    time.Duration // since start, taken once a turn
	table  table
	guests []guest
	keeper Keeper
	timed  int // guests with a deadline
	held   []held
	spare  []int32 // free indices of held
	half   []Ref   // tunnels that HalfCloseTimeout applies to
	again  []Ref   // tunnels that have another turn coming, from next on
	next   int
	buf    []byte
	events [eventsMost]unix.EpollEvent
	ready  int // events of the last wait
	turns  uint64

	balance  *balance // nil: this loop keeps its tunnels
	index    int      // among the loops of balance
	load     load
	giving   int // so many tunnels move to givingTo as they get a turn
	givingTo *Loop
	leaving  []moving // in this turn
	spillTo  *Loop    // nil: new connections stay here
	spilled  bool     // the last one did not

	level  bool          // an event of this turn is told again while it lasts
	parked time.Duration // when it ran out of work, since start; 0: it is at work
	rested time.Duration // how long it was parked before this turn
	looks  int           // so many times more it looks for events before it parks
	serve  func(uintptr) bool

	armed     time.Duration // the deadline that file has; 0: none
	nextTick  time.Duration // when deadlines and half-closed tunnels are looked at; 0: not needed
	nextSweep time.Duration // when idle and old tunnels are looked for; 0: not needed

	count     Stats // the loop's own
	published published

	mu      sync.Mutex
	posted  []func()
	running []func() // the batch being run; posted and running swap
	stopped bool     // under mu: nothing can be posted any more
	stop    bool
}

// NewLoop makes a loop; Run starts it. It holds two descriptors.
func NewLoop(opt Options) (*Loop, error) {
	switch {
	case opt.HalfCloseTimeout == 0:
		opt.HalfCloseTimeout = 30 * time.Second
	case opt.HalfCloseTimeout < 0:
		opt.HalfCloseTimeout = longest
	}
	opt.HalfCloseTimeout, opt.IdleTimeout = min(opt.HalfCloseTimeout, longest), min(opt.IdleTimeout, longest)
	opt.Lifetime = min(opt.Lifetime, longest)
	if opt.Pipes == nil {
		opt.Pipes = NewPipes()
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll descriptor: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		rawsock.Close(ep)
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	l := &Loop{opt: opt, ep: ep, wake: wake, start: time.Now(), buf: make([]byte, bufferSize)}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: -1}
	if errno := rawsock.EpollCtl(ep, unix.EPOLL_CTL_ADD, wake, &ev); errno != 0 {
		err = fmt.Errorf("register eventfd: %w", errno)
	} else if err = unix.SetNonblock(ep, true); err == nil {
		// os.NewFile takes a non-blocking descriptor into Go's poller. An epoll
		// descriptor is readable when an event waits in it, so the poller can wait for
		// it as for any socket, and the goroutine parks instead of a thread.
		l.file = os.NewFile(uintptr(ep), "epoll")
		l.raw, err = l.file.SyscallConn()
	}
	if err != nil {
		rawsock.Close(wake)
		if l.file != nil {
			l.file.Close()
		} else {
			rawsock.Close(ep)
		}
		return nil, fmt.Errorf("make loop: %w", err)
	}
	l.serve = l.work
	return l, nil
}

// Run serves the loop's guests until Close. It returns an error only if waiting
// fails, which nothing from the network can bring about.
func (l *Loop) Run() error {
	defer l.finish()
	for !l.stop {
		err := l.raw.Read(l.serve)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			l.armed = 0
			l.file.SetReadDeadline(time.Time{})
			l.count.Wakeups++
			l.turn(0)
		} else if err != nil {
			return fmt.Errorf("wait for events: %w", err)
		}
	}
	return nil
}

// work serves events until there are none, and is called again, by RawConn.Read,
// once there are new ones: as long as it returns false that call lasts. The poller
// remembers an edge that comes while work runs, so nobody need look for events once
// more before the goroutine parks, unless some are likely to be there: to park and be
// woken up at once costs as much as some looks. What an edge does not tell, since it
// is left over, has to be fetched before.
func (l *Loop) work(uintptr) bool {
	l.count.Wakeups++
	for looking := false; ; {
		n, errno := rawsock.EpollWait(l.ep, l.events[:])
		if errno != 0 {
			n = 0
		}
		if n == 0 && looking {
			break
		}
		l.level = false
		l.turn(n)
		if l.stop {
			return true
		}
		if looking || l.rested > 0 && l.rested < parkCost {
			l.looks = looksMost // this look paid, or one would have
		}
		left := n == len(l.events) || l.level || l.waiting() > 0
		if looking = !left && n > 0 && l.looks > 0; looking {
			l.looks--
		} else if !left {
			break
		}
	}
	l.arm()
	l.parked = time.Since(l.start)
	return false
}

// turn serves the n events that were fetched, and what is due.
func (l *Loop) turn(n int) {
	l.ready = n
	l.turns++
	l.now = time.Since(l.start)
	l.rested = 0
	if l.parked != 0 {
		l.rested, l.parked = l.now-l.parked, 0
	}
	if l.balance != nil {
		l.measure(n + l.waiting())
	}
	for i := range n {
		l.dispatch(&l.events[i])
	}
	l.goOn()
	if len(l.leaving) > 0 {
		l.sendOff()
	}
	l.runTimers()
	l.publish()
}

// dispatch hands one event to its owner. Slot and side are in Fd, the generation in
// Pad: an event that is older than the slot's present owner finds nobody.
func (l *Loop) dispatch(ev *unix.EpollEvent) {
	if ev.Fd < 0 {
		l.runPosted()
		return
	}
	ref, side := makeRef(ev.Fd>>1, uint32(ev.Pad)), Side(ev.Fd&1)
	e := l.table.get(ref)
	switch {
	case e == nil:
		l.count.StaleEvents++
	case e.kind == kindTunnel:
		l.tunnelReady(ref, e, side, Events(ev.Events))
	case e.kind == kindKept:
		l.keeper.Ready(ref, side, Events(ev.Events))
	default:
		l.level = l.level || e.level
		l.guests[e.guest].handler.Ready(side, Events(ev.Events))
	}
}

// goOn gives the tunnel that has waited longest its turn: one, and then the loop looks
// for events again, so that a small message waits for one turn of bulk at most.
func (l *Loop) goOn() {
	if l.waiting() == 0 {
		return
	}
	ref := l.again[l.next]
	if l.next++; l.next == len(l.again) {
		l.again, l.next = l.again[:0], 0
	} else if l.next >= 64 && 2*l.next >= len(l.again) {
		l.again, l.next = l.again[:copy(l.again, l.again[l.next:])], 0
	}
	if e := l.table.get(ref); e != nil && e.kind == kindTunnel {
		e.queued = false
		l.haveTurn(ref, e)
	}
}

// Post has f run on the loop's goroutine; it may be called from anywhere. It says
// false, and f will never run, if the loop has stopped.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return false
	}
	l.posted = append(l.posted, f)
	first := len(l.posted) == 1
	if first {
		// Under the lock, so that finish cannot have closed the descriptor.
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1) // the counter is never read, and a full one wakes nobody
		unix.Write(l.wake, one[:])
	}
	l.mu.Unlock()
	return true
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	l.posted, l.running = l.running[:0], l.posted
	l.mu.Unlock()
	for i, f := range l.running {
		l.running[i] = nil
		f()
	}
}

// Close ends the loop: every guest is dropped, every tunnel closed. Run returns
// once that is done. It may be called from anywhere, more than once.
func (l *Loop) Close() { l.Post(func() { l.stop = true }) }

// Turn numbers the loop's turns: in each it serves the events that wait.
func (l *Loop) Turn() uint64 { return l.turns }

// Buffer is the loop's buffer, for guests to read into. What is in it is lost when
// the guest's method returns.
func (l *Loop) Buffer() []byte { return l.buf }

func (l *Loop) finish() {
	l.mu.Lock()
	l.stopped = true
	left := l.posted
	l.posted = nil
	l.mu.Unlock()
	// What was posted before the end still runs: somebody may be waiting for it. It
	// runs first, since it may bring guests and tunnels.
	for _, f := range left {
		f()
	}
	l.endTunnels()
	l.table.each(kindKept, func(ref Ref, _ *entry) { l.keeper.Drop(ref) })
	for len(l.guests) > 0 {
		ref := l.guests[len(l.guests)-1].ref
		l.guests[len(l.guests)-1].handler.Drop()
		if l.table.get(ref) != nil {
			l.Remove(ref)
		}
	}
	rawsock.Close(l.wake)
	l.file.Close()
	l.publish()
}

func (l *Loop) publish() { l.published.store(&l.count) }

// Stats is a snapshot of the loop's counters as of its last turn. It may be called
// from anywhere, also after the loop has ended.
func (l *Loop) Stats() Stats { return l.published.load() }
