package splice

import (
	"sync/atomic"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

const (
	// pipeWant is the size asked for: with 64 KiB pipes bulk runs a fifth slower and
	// costs half as much CPU again. An unprivileged user gets it for the first few only
	// (pipe-user-pages-soft, pipe(7)), then F_SETPIPE_SZ fails with EPERM.
	pipeWant = 1 << 20
	// pipeLeast is the size below which copying is better. Past the same limit new
	// pipes come with one or two pages.
	pipeLeast = 64 << 10
	// pipesMost bounds what stalled readers can take: bytes that wait in a pipe are
	// kernel memory. When all are lent the loops copy.
	pipesMost = 64
	// pipesKept idle ones are kept open for the next bulk transfer, in all loops.
	pipesKept = 8
)

// pipe is a kernel pipe. It is empty whenever it is in the pool.
type pipe struct {
	r, w int
	size int // capacity in bytes
}

// Pipes lends pipes to the loops and whoever else splices.
// It may be used by several goroutines.
type Pipes struct {
	idle  chan *pipe
	inUse atomic.Int64
}

// NewPipes returns an empty pool.
func NewPipes() *Pipes { return &Pipes{idle: make(chan *pipe, pipesKept)} }

// Counts are the pipes lent out and the pipes kept for later.
func (ps *Pipes) Counts() (inUse, idle int64) { return ps.inUse.Load(), int64(len(ps.idle)) }

// get lends a pipe, or nil if there is none to be had: the caller copies then.
func (ps *Pipes) get() *pipe {
	if ps.inUse.Add(1) > pipesMost {
		ps.inUse.Add(-1)
		return nil
	}
	select {
	case p := <-ps.idle:
		return p
	default:
	}
	p := newPipe()
	if p == nil {
		ps.inUse.Add(-1)
	}
	return p
}

// put takes p back. A pipe that still holds bytes is never lent again: they would
// come out in somebody else's tunnel.
func (ps *Pipes) put(p *pipe, empty bool) {
	ps.inUse.Add(-1)
	if empty {
		select {
		case ps.idle <- p:
			return
		default:
		}
	}
	p.close()
}

// Close closes the idle pipes.
func (ps *Pipes) Close() {
	for {
		select {
		case p := <-ps.idle:
			p.close()
		default:
			return
		}
	}
}

func newPipe() *pipe {
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return nil // EMFILE or ENFILE: copying needs no descriptor
	}
	p := &pipe{r: fds[0], w: fds[1]}
	size, err := unix.FcntlInt(uintptr(p.w), unix.F_SETPIPE_SZ, pipeWant)
	if err != nil {
		size, err = unix.FcntlInt(uintptr(p.w), unix.F_GETPIPE_SZ, 0)
	}
	if err != nil || size < pipeLeast {
		p.close()
		return nil
	}
	p.size = size
	return p
}

func (p *pipe) close() {
	rawsock.Close(p.r)
	rawsock.Close(p.w)
}
