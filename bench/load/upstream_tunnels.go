package load

import "golang.org/x/sys/unix"

// echo sends back whatever comes.
type echo struct{ wire }

func (e *echo) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		e.flush()
		return
	}
	b, over := e.read()
	if over {
		e.close()
		return
	}
	e.feed(b)
}

func (e *echo) feed(b []byte) {
	if len(b) > 0 {
		e.send(b)
	}
}

// pushed is a tunnel that messages are pushed over. It counts what the client
// says and answers its Close.
type pushed struct {
	wire
	w        *upstreamWorker
	index    int // in w.pushed
	sequence uint32
	heard    uint32
	chunked  bool // an event stream: messages go as chunks
}

// subscribe makes a tunnel one that messages are pushed over.
func (w *upstreamWorker) subscribe(base wire) *pushed {
	p := &pushed{wire: base, w: w, index: len(w.pushed)}
	w.pushed = append(w.pushed, p)
	return p
}

func (p *pushed) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		p.flush()
	}
	if events&^unix.EPOLLOUT == 0 {
		return
	}
	b, over := p.read()
	if over {
		p.close()
		return
	}
	p.feed(b)
}

func (p *pushed) feed(b []byte) {
	p.frames(b, func(payload []byte, isClose bool) bool {
		if isClose {
			// The server closes first (RFC 6455 section 7.1.1): TIME_WAIT stays on
			// its port, and no proxy runs out of ephemeral ones.
			p.send(closeFrame)
			p.close()
			return false
		}
		p.check(payload, p.heard)
		p.heard++
		p.tally.Replies++
		return true
	})
}

func (p *pushed) close() {
	list := p.w.pushed
	last := list[len(list)-1]
	list[p.index], last.index = last, p.index
	p.w.pushed = list[:len(list)-1]
	p.wire.close()
}

// upstreamBulk is a stream that runs while the worker's flow is on.
type upstreamBulk struct {
	stream
	w *upstreamWorker
}

// bulk takes over a tunnel from the loop that accepted it.
func (w *upstreamWorker) bulk(fd int, id uint32, early []byte) {
	b := &upstreamBulk{w: w, stream: stream{
		wire:   wire{loop: w.loop, tally: &w.tally, fd: fd, id: id},
		outSum: &w.tally.Down, gotSum: &w.tally.Up,
	}}
	var err error
	if b.slot, err = w.loop.add(fd, unix.EPOLLIN, b); err != nil {
		w.tally.fail("%v", err)
		_ = unix.Close(fd)
		return
	}
	w.tally.Open++
	w.bulks = append(w.bulks, b)
	b.flow()
	b.feed(early)
}

func (b *upstreamBulk) flow() {
	if b.gone {
		return
	}
	b.paced, b.allowed = b.w.flowing != nil, b.sent
	b.set(b.w.flow.On && !b.paced, false)
}
