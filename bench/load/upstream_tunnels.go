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

func (b *upstreamBulk) flow() {
	if b.gone {
		return
	}
	b.outSum, b.gotSum = &b.tally.Down, &b.tally.Up
	b.set(b.w.flow, false)
}
