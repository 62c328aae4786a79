//go:build linux && !portable

package proxy

import (
	"io"
	"os"
	"syscall"
	"time"

	"github.com/wssplice/wssplice/httphead"
	"github.com/wssplice/wssplice/splice"
	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// streams are the answers of server-sent events that flow on one loop: they may be
// silent for hours, so they have no goroutine, no buffer and no object. It does what
// is easy: what comes from the upstream goes to the client, and the framing is kept in
// mind. At a body's end, with a client that is slow and with whatever else takes more
// than that, the connection goes back to a goroutine.
//
// What the client sends meanwhile stays in its socket, unlooked at, until the answer
// has ended; its FIN ends the answer, as in every exchange.
type streams struct {
	w      *worker
	blocks []*streamBlock // by slot of the loop's table
}

// stream is what has to be known of one besides what the loop's table knows.
type stream struct {
	body httphead.Body
	keep bool // both connections may carry another request afterwards
}

// streamBlock holds no pointer: the garbage collector does not look at it.
type streamBlock struct {
	used int
	all  [256]stream
}

const (
	// streamReads bounds the reads of one turn. Who sends that much at a time is
	// better served by a goroutine, and the loop's other guests by its absence.
	streamReads = 4
	// streamRest is how long a stream that came back from its loop stays with its
	// goroutine at least: a slow client must not go back and forth with every event.
	streamRest = time.Second
)

func (all *streams) at(ref splice.Ref) *stream {
	b := all.blocks[ref.Slot()/len(streamBlock{}.all)]
	return &b.all[ref.Slot()%len(b.all)]
}

func (all *streams) add(ref splice.Ref, s stream) {
	i := ref.Slot() / len(streamBlock{}.all)
	for len(all.blocks) <= i {
		all.blocks = append(all.blocks, nil)
	}
	if all.blocks[i] == nil {
		all.blocks[i] = new(streamBlock)
	}
	all.blocks[i].used++
	*all.at(ref) = s
}

func (all *streams) remove(ref splice.Ref) {
	i := ref.Slot() / len(streamBlock{}.all)
	if all.blocks[i].used--; all.blocks[i].used == 0 {
		all.blocks[i] = nil
	}
}

// begin makes a stream of the guest behind ref.
func (all *streams) begin(ref splice.Ref, s stream, r splice.Record) {
	l := all.w.loop
	l.Keep(ref, r)
	all.add(ref, s)
	// What is there already is told at once, a FIN that came meanwhile included.
	err := l.Rewatch(ref, splice.Client, splice.FIN)
	if err == nil {
		err = l.Rewatch(ref, splice.Upstream, splice.In|splice.FIN|splice.Urgent)
	}
	if err != nil {
		all.end(ref, refusedDescriptors, ByProxy, err, true)
	}
}

// Ready relays, or ends the answer because the client has gone. See splice.Keeper.
func (all *streams) Ready(ref splice.Ref, side splice.Side, ev splice.Events) {
	switch {
	case side == splice.Upstream:
		all.relay(ref, ev)
	case ev&leaves != 0:
		all.end(ref, endGone, ByClient, nil, false)
	}
}

// Expire ends an answer that was silent for too long, or has lived long enough. See
// splice.Keeper.
func (all *streams) Expire(ref splice.Ref, why splice.Reason) {
	if why == splice.Lifetime {
		all.end(ref, endLifetime, ByProxy, nil, false)
		return
	}
	all.broken(ref, os.ErrDeadlineExceeded)
}

// Drop is called when the loop closes. See splice.Keeper.
func (all *streams) Drop(ref splice.Ref) { all.end(ref, endStopped, ByProxy, nil, false) }

// relay passes on what the upstream has sent.
func (all *streams) relay(ref splice.Ref, ev splice.Events) {
	l, count, s := all.w.loop, &all.w.p.count, all.at(ref)
	for range streamReads {
		buf := l.Buffer()
		n, errno := rawsock.Read(l.FD(ref, splice.Upstream), buf)
		switch {
		case errno == unix.EAGAIN:
			return
		case n <= 0:
			all.upstreamEnds(ref, errno)
			return
		}
		body := s.body
		take, err := body.Next(buf[:n])
		m, _ := rawsock.Write(l.FD(ref, splice.Client), buf[:take]) // an error is met again by whoever writes next
		count.fromUpstream.Add(uint64(n))
		count.toClient.Add(uint64(m))
		l.Moved(ref, splice.Upstream, m)
		if m < take || err != nil || body.Done() {
			s.body.Next(buf[:m]) // no error: these were found right
			all.back(ref, buf[m:n], nil)
			return
		}
		s.body = body
		if n < len(buf) && ev&^splice.Out == splice.In {
			return // dry; with a FIN or an urgent byte about a short read does not say so
		}
	}
	all.back(ref, nil, nil)
}

func (all *streams) upstreamEnds(ref splice.Ref, errno syscall.Errno) {
	switch {
	case errno != 0:
		all.broken(ref, errno)
	case all.at(ref).body.UntilClose():
		all.back(ref, nil, io.EOF) // in order, and that takes its time
	default:
		all.broken(ref, io.EOF)
	}
}

// broken ends an answer that came to an end before its body did.
func (all *streams) broken(ref splice.Ref, err error) {
	by, err, reset := brokenOff(err)
	all.end(ref, endCut, by, err, reset)
}

// end closes both sockets in the midst of the answer, and reports. The client's is
// reset if that is asked for, or if the client would take a FIN for the answer's end.
func (all *streams) end(ref splice.Ref, why reason, by Party, err error, reset bool) {
	l, p := all.w.loop, all.w.p
	if reset || all.at(ref).body.UntilClose() {
		rawsock.Reset(l.Forget(ref, splice.Client))
	}
	all.remove(ref)
	r := l.Depart(ref)
	p.ended(&ending{why: why, by: by, err: err, peer: r.Peer, opened: r.Opened, step: StepExchange, up: r.Up, down: r.Down})
}

// back hands the connection to a goroutine again: data came from the upstream and is
// not sent yet, err is how the upstream's bytes ended, if they have.
func (all *streams) back(ref splice.Ref, data []byte, err error) {
	l, p, s := all.w.loop, all.w.p, *all.at(ref)
	all.remove(ref)
	x := &exchange{p: p, step: StepExchange, untilClose: s.body.UntilClose(), events: true, mayLeave: true, rest: time.Since(epoch) + streamRest}
	r := l.Resume(ref, x)
	x.peer, x.opened, x.upBytes, x.downBytes = r.Peer, r.Opened, r.Up, r.Down
	x.live(r.Age)
	x.ans.add(data)
	x.setUpstream(newSock(l.Release(ref, splice.Upstream)))
	x.take(all.w, ref, l.FD(ref, splice.Client))
	p.start(x, func() { x.serveStream(s.body, s.keep, err) })
}

// toLoop hands the connection over to its loop, in the middle of an answer of which
// all that came has gone to the client. If it returns false nothing has happened.
func (x *exchange) toLoop(body httphead.Body, keep bool) bool {
	if x.stop.Load() || x.gone.Load() {
		return false
	}
	client, up := x.client.(*fdSock), x.up.(*fdSock)
	cfd, err := client.duplicate()
	if err != nil {
		x.rest = time.Since(epoch) + streamRest // no descriptor to spare: perhaps later
		return false
	}
	ufd, err := up.duplicate()
	if err != nil {
		rawsock.Close(cfd)
		x.rest = time.Since(epoch) + streamRest
		return false
	}
	w, ref := x.place.w, x.place.ref
	x.passedOn = true
	x.dropUpstream()
	x.unwatch()
	r := splice.Record{Peer: x.peer, Opened: x.opened, Up: x.upBytes, Down: x.downBytes, Age: time.Since(epoch) - x.born}
	ok := w.loop.Post(func() {
		// The exchange is a guest until the loop has closed, and what is posted runs
		// before that.
		w.loop.Own(ref, splice.Client, cfd)
		w.loop.Own(ref, splice.Upstream, ufd)
		w.streams.begin(ref, stream{body, keep}, r)
	})
	if !ok {
		rawsock.Close(cfd)
		rawsock.Close(ufd)
		w.p.ended(&ending{why: endStopped, by: ByProxy, peer: r.Peer, opened: r.Opened, step: StepExchange, up: r.Up, down: r.Down})
	}
	return true
}

// serveStream goes on with the answer, and then with the connection.
func (x *exchange) serveStream(body httphead.Body, keep bool, err error) {
	defer x.finish()
	if err != nil {
		x.after(x.answerEnds(err))
		return
	}
	x.after(x.relayBody(body, keep))
}
