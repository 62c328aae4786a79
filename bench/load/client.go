package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Target is what clients connect to.
type Target struct {
	Addr   netip.AddrPort
	Direct bool // no proxy: the client sends the Authorization field itself
}

// Client is the browsers' side. Its methods are called over net/rpc. As with
// Upstream, bulk tunnels have a loop of their own.
type Client struct {
	workers [2]*clientWorker
}

// clientWorker is one loop with its tunnels.
type clientWorker struct {
	loop   *Loop
	target Target
	tally  Tally
	number int // of this worker, so that tunnel ids never meet
	ids    int

	tunnels []tunnel
	running bool // closed loops start their next round
	busy    int  // rounds under way

	toOpen, opening int // handshakes of an Open still to start, under way
	path            string
	tolerant        bool // a failed handshake is counted, and no error
}

// tunnel is an open tunnel at the client's end.
type tunnel interface {
	guest
	feed([]byte)
	base() *wire
	close()
}

func (w *wire) base() *wire { return w }

// NewClient makes clients of a target.
func NewClient(t Target) (*Client, error) {
	c := &Client{}
	for i := range c.workers {
		l, err := NewLoop()
		if err != nil {
			return nil, err
		}
		c.workers[i] = &clientWorker{loop: l, target: t, number: i}
	}
	return c, nil
}

// id numbers the next connection.
func (w *clientWorker) id() uint32 {
	w.ids++
	return uint32(w.ids*2 + w.number)
}

// worker is the one that has the tunnels of a path.
func (c *Client) worker(path string) *clientWorker {
	if path == "bulk" || path == "slow" {
		return c.workers[1]
	}
	return c.workers[0]
}

// OpenArgs says which tunnels to open.
type OpenArgs struct {
	Path     string // echo, push, events, bulk, or slow: bulk with small socket buffers
	Count    int
	InFlight int // handshakes at a time; Count makes it a storm
	Within   time.Duration
	Tolerant bool // count handshakes that fail, instead of calling them errors
}

// Open opens tunnels and returns once all are up or failed, with the nanoseconds it took.
func (c *Client) Open(a OpenArgs, took *int64) error {
	start := Now()
	w := c.worker(a.Path)
	w.loop.do(func() {
		w.path, w.toOpen, w.tolerant = a.Path, a.Count, a.Tolerant
		for range max(1, a.InFlight) {
			w.openNext()
		}
	})
	err := c.wait(a.Within, func(w *clientWorker) bool { return w.toOpen == 0 && w.opening == 0 })
	*took = Now() - start
	return err
}

var errTooSlow = errors.New("not done in time")

// wait looks at every loop until all say done.
func (c *Client) wait(within time.Duration, done func(w *clientWorker) bool) error {
	deadline := time.Now().Add(within)
	for {
		all := true
		for _, w := range c.workers {
			w.loop.do(func() { all = all && done(w) })
		}
		if all {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v: %w", within, errTooSlow)
		}
		time.Sleep(500 * time.Microsecond)
	}
}

func (w *clientWorker) openNext() {
	if w.toOpen == 0 {
		return
	}
	w.toOpen--
	w.opening++
	(&upgrade{w: w, path: w.path, done: w.opened, failed: w.notOpened}).start()
}

func (w *clientWorker) notOpened() {
	w.opening--
	w.openNext()
}

// opened gives a fresh tunnel the guest that its path asks for.
func (w *clientWorker) opened(u *upgrade, rest []byte) {
	base := wire{loop: w.loop, tally: &w.tally, fd: u.fd, slot: u.slot, id: u.id}
	var t tunnel
	switch u.path {
	case "echo":
		t = &echoing{wire: base, w: w}
	case "bulk", "slow":
		t = &stream{wire: base, gotSum: &w.tally.Down, outSum: &w.tally.Up}
		if u.path == "slow" {
			base.shrink(unix.SO_RCVBUF)
		}
	default:
		s := &subscriber{wire: base, mute: u.path == eventsPath}
		if u.chunked {
			s.chunks = &chunks{}
		}
		t = s
	}
	w.tally.Open++
	w.tunnels = append(w.tunnels, t)
	w.loop.slots[u.slot].guest = t
	if len(rest) > 0 {
		t.feed(rest)
	}
	w.opening--
	w.openNext()
}

// each runs f for both workers.
func (c *Client) each(f func(w *clientWorker)) {
	for _, w := range c.workers {
		w.loop.do(func() { f(w) })
	}
}

// Echo lets every echo tunnel send a message, await it and send the next, until Halt.
func (c *Client) Echo(size int, _ *struct{}) error {
	if _, err := newFrame(size, true); err != nil {
		return err
	}
	c.each(func(w *clientWorker) {
		w.running = true
		for _, t := range w.tunnels {
			if e, ok := t.(*echoing); ok {
				e.frame, _ = newFrame(size, true)
				e.size = size
				w.busy++
				e.next()
			}
		}
	})
	return nil
}

// Speak sends one message over each push tunnel.
func (c *Client) Speak(size int, _ *struct{}) error {
	frame, err := newFrame(size, true)
	if err != nil {
		return err
	}
	c.each(func(w *clientWorker) {
		for _, t := range w.tunnels {
			if s, ok := t.(*subscriber); ok && !s.mute {
				seal(frame, size, message{due: Now(), tunnel: s.id, sequence: s.said})
				s.said++
				s.send(frame)
				w.tally.Replies++
			}
		}
	})
	return nil
}

// StreamArgs says what the bulk tunnels do.
type StreamArgs struct {
	Up    bool // send the pattern
	Stall bool // read nothing
}

// Stream changes what the bulk tunnels do.
func (c *Client) Stream(a StreamArgs, _ *struct{}) error {
	c.each(func(w *clientWorker) {
		for _, t := range w.tunnels {
			if s, ok := t.(*stream); ok && !s.gone {
				s.set(a.Up, a.Stall)
			}
		}
	})
	return nil
}

// VisitsArgs says how many visits run at a time.
type VisitsArgs struct{ InFlight int }

// Visits connects, upgrades, closes and begins again, until Halt.
func (c *Client) Visits(a VisitsArgs, _ *struct{}) error {
	w := c.workers[0]
	w.loop.do(func() {
		w.running = true
		for range a.InFlight {
			w.busy++
			(&visit{w: w}).next()
		}
	})
	return nil
}

// Requests sends plain requests over keep-alive connections, until Halt.
func (c *Client) Requests(a RequestsArgs, _ *struct{}) error {
	w := c.workers[0]
	w.loop.do(func() {
		w.running = true
		for range a.Connections {
			w.busy++
			(&exchange{w: w, RequestsArgs: a}).connect()
		}
	})
	return nil
}

// Halt ends the closed loops and waits for the rounds under way.
func (c *Client) Halt(_ struct{}, _ *struct{}) error {
	c.each(func(w *clientWorker) { w.running = false })
	return c.wait(30*time.Second, func(w *clientWorker) bool { return w.busy == 0 })
}

// Hurry lets this end have a processor at once when it wants one.
func (c *Client) Hurry(_ struct{}, _ *struct{}) error { return hurry() }

// Background lets bulk tunnels give way to messages that are timed.
func (c *Client) Background(_ struct{}, _ *struct{}) error {
	return background(c.workers[1].loop)
}

// Mark gives what was counted and starts new histograms.
func (c *Client) Mark(_ struct{}, t *Tally) error {
	*t = Tally{}
	for _, w := range c.workers {
		var one Tally
		w.loop.do(func() {
			w.tally.Busy = []int64{w.loop.busy}
			one = w.tally.take()
		})
		t.Merge(&one)
	}
	return nil
}

// Close closes every tunnel without a word, as a browser does whose machine goes to sleep.
func (c *Client) Close(_ struct{}, _ *struct{}) error {
	c.each(func(w *clientWorker) {
		for _, t := range w.tunnels {
			if !t.base().gone {
				t.close()
			}
		}
		w.tunnels = nil
	})
	return nil
}
