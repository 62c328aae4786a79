package splice

import (
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var networks = []string{"tcp4", "tcp6", "unix"}

// onNetworks runs f once for each kind of socket.
func onNetworks(t *testing.T, f func(t *testing.T, network string)) {
	for _, network := range networks {
		t.Run(network, func(t *testing.T) { f(t, network) })
	}
}

// bothSides runs f for each side as the one that sends.
func bothSides(t *testing.T, f func(t *testing.T, from Side)) {
	t.Run("up", func(t *testing.T) { f(t, Client) })
	t.Run("down", func(t *testing.T) { f(t, Upstream) })
}

func TestTunnelCarriesBytesBothWays(t *testing.T) {
	onNetworks(t, func(t *testing.T, network string) {
		r := newRig(t, Options{})
		x := r.tie(network, Handover{}, nil)
		total := [2]int{}
		for _, n := range []int{1, 200, bufferSize - 1, bufferSize, bufferSize + 1, turnBytes, 3<<20 + 1} {
			var writers sync.WaitGroup
			for side := range Side(2) {
				writers.Go(func() { x.far[side].Write(stream(side).bytes(total[side], n)) })
			}
			for side := range Side(2) {
				x.expect(1-side, stream(side), total[side], n)
				total[side] += n
			}
			writers.Wait()
		}
		x.fin(Client)
		x.expectEOF(Upstream)
		x.fin(Upstream)
		x.expectEOF(Client)
		if e := x.expectEnd(Closed, Client); e.Up != uint64(total[0]) || e.Down != uint64(total[1]) {
			t.Errorf("%d bytes up and %d down were counted, wanted %d and %d", e.Up, e.Down, total[0], total[1])
		}
		x.do(func() {})
		if s := r.loop.Stats(); s.UpBytes != uint64(total[0]) || s.DownBytes != uint64(total[1]) || s.SplicedBytes == 0 || s.Ended[Closed] != 1 {
			t.Errorf("Stats says %+v", s)
		}
	})
}

// After a FIN one way the other way goes on, with small messages and bulk.
func TestHalfClose(t *testing.T) {
	onNetworks(t, func(t *testing.T, network string) {
		bothSides(t, func(t *testing.T, first Side) {
			x := newRig(t, Options{}).tie(network, Handover{}, nil)
			x.write(first, []byte("\x01bye"))
			x.fin(first)
			got := make([]byte, 4)
			io.ReadFull(x.far[1-first], got)
			if string(got) != "\x01bye" {
				t.Fatalf("got %q", got)
			}
			x.expectEOF(1 - first)
			const n = 1 << 20
			for _, m := range []int{1, 200, n} {
				go x.far[1-first].Write(stream(0).bytes(0, m))
				x.expect(first, stream(0), 0, m)
			}
			x.fin(1 - first)
			x.expectEOF(first)
			x.expectEnd(Closed, first)
		})
	})
}

// FINs of both sides at once, with bytes in flight both ways.
func TestBothSidesCloseAtOnce(t *testing.T) {
	onNetworks(t, func(t *testing.T, network string) {
		r := newRig(t, Options{})
		x := r.tie(network, Handover{}, nil)
		goOn := r.hold()
		for side := range Side(2) {
			x.write(side, stream(side).bytes(0, 1000))
			x.fin(side)
		}
		goOn()
		for side := range Side(2) {
			x.expect(1-side, stream(side), 0, 1000)
			x.expectEOF(1 - side)
		}
		if e := x.end(); e.Reason != Closed || e.Up != 1000 || e.Down != 1000 {
			t.Errorf("the tunnel ended as %+v", e)
		}
	})
}

// A side that closes right behind its last byte loses nothing, whether the reader
// reads meanwhile or begins only then.
func TestCloseRightBehindTheLastByte(t *testing.T) {
	onNetworks(t, func(t *testing.T, network string) {
		bothSides(t, func(t *testing.T, from Side) {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprintf("late=%t", late), func(t *testing.T) {
					x := newRig(t, Options{}).tie(network, Handover{}, nil)
					const n = 1 << 20
					sent := make(chan struct{})
					go func() {
						defer close(sent)
						x.far[from].SetDeadline(time.Time{})
						if late { // what a writer that does not linger can leave behind at most
							fill(x, from, n)
						} else {
							x.far[from].Write(stream(1).bytes(0, n))
						}
						x.far[from].Close()
					}()
					if late {
						<-sent
					}
					got, err := io.ReadAll(x.far[1-from])
					if err != nil || len(got) != n && !late {
						t.Fatalf("got %d bytes and %v", len(got), err)
					}
					if string(got) != string(stream(1).bytes(0, len(got))) {
						t.Error("other bytes arrived than were sent")
					}
					x.far[1-from].Close()
					e := x.expectEnd(Closed, from)
					if sum := int(e.Up + e.Down); sum != len(got) || late && len(got) == 0 {
						t.Errorf("%d bytes counted, %d arrived", sum, len(got))
					}
				})
			}
		})
	})
}

// fill writes stream 1 at side until nothing more is taken, max bytes at most, and
// returns how many went.
func fill(x *tied, side Side, max int) (sent int) {
	control(x, x.far[side], func(fd int) {
		var chunk [32 << 10]byte
		for misses := 0; sent < max && misses < 30; {
			stream(1).fill(chunk[:], sent)
			n, err := unix.SendmsgN(fd, chunk[:min(len(chunk), max-sent)], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
			if err != nil {
				misses++
				time.Sleep(time.Millisecond) // the loop may be about to take more
				continue
			}
			sent += n
			misses = 0
		}
	})
	return sent
}

// What the handshake read already goes out first, and what it left unread follows,
// a FIN included: no event comes for either.
func TestHandover(t *testing.T) {
	onNetworks(t, func(t *testing.T, network string) {
		for _, early := range []int{0, 1, 5000, 600_000} {
			r := newRig(t, Options{})
			h := Handover{
				Peer:   netip.MustParseAddrPort("192.0.2.7:4711"),
				Early:  [2][]byte{stream(0).bytes(0, early), stream(1).bytes(0, early)},
				Unread: [2]bool{true, true},
			}
			var x tied
			x.rig = r
			heard := make(chan told, 100)
			for side := range Side(2) {
				x.near[side], x.far[side] = link(t, network)
			}
			r.do(func() {
				x.ref = r.loop.Add(&guestFuncs{ready: func(side Side, ev Events) { heard <- told{side, ev} }})
				for side, fd := range x.near {
					r.loop.Watch(x.ref, Side(side), fd, In|FIN|Urgent)
				}
			})
			for side := range Side(2) {
				x.write(side, stream(side).bytes(early, 100))
				x.fin(side)
			}
			for fins := [2]bool{}; !fins[0] || !fins[1]; { // the guest uses the edges up
				if h := r.hear(heard); h.ev&FIN != 0 {
					fins[h.side] = true
				}
			}
			r.do(func() { r.loop.Tunnel(x.ref, h) })
			for side := range Side(2) {
				x.expect(1-side, stream(side), 0, early+100)
				x.expectEOF(1 - side)
			}
			e := x.end()
			if e.Reason != Closed || e.Peer != h.Peer || e.Up != uint64(early+100) || e.Down != uint64(early+100) {
				t.Errorf("with %d early bytes the tunnel ended as %+v", early, e)
			}
			if age := time.Since(e.Opened); age < 0 || age > limit {
				t.Errorf("the tunnel was opened %v ago", age)
			}
		}
	})
}

// Early bytes are copied: the loop's buffer, where they mostly are, is used again.
func TestEarlyBytesMayBeOverwritten(t *testing.T) {
	r := newRig(t, Options{})
	early := stream(0).bytes(0, 4<<20) // more than sockets hold
	x := r.tie("tcp4", Handover{Early: [2][]byte{early, nil}}, nil)
	clear(early)
	x.expect(Upstream, stream(0), 0, len(early))
}

// A side that is gone before its tunnel begins ends it at once, and Early bytes for
// the other side still arrive.
func TestHandoverToADeadSide(t *testing.T) {
	bothSides(t, func(t *testing.T, dead Side) {
		r := newRig(t, Options{})
		h := Handover{Unread: [2]bool{true, true}}
		h.Early[dead] = []byte("last words")
		h.Early[1-dead] = []byte("too late")
		x := r.tie("tcp4", h, func(x *tied) {
			x.reset(dead)
			if !eventually(func() bool {
				p := []unix.PollFd{{Fd: int32(x.near[dead])}}
				unix.Poll(p, 0)
				return p[0].Revents&unix.POLLERR != 0
			}) {
				t.Fatal("the reset does not arrive")
			}
		})
		got := make([]byte, 10)
		if _, err := io.ReadFull(x.far[1-dead], got); err != nil || string(got) != "last words" {
			t.Errorf("got %q, %v", got, err)
		}
		x.expectReset(1 - dead)
		x.expectEnd(WasReset, dead)
	})
}

// An idle tunnel is two descriptors, no pipe, and no work.
func TestIdleTunnelCostsNothing(t *testing.T) {
	r := newRig(t, Options{IdleTimeout: 24 * time.Hour, HalfCloseTimeout: time.Second})
	r.tie("tcp4", Handover{}, nil) // has the poller's own descriptors opened
	x := &tied{}
	before := len(openFiles())
	x = r.tie("tcp4", Handover{}, nil)
	// Bulk and small messages, so that everything that is borrowed was.
	for _, n := range []int{3 << 20, 200} {
		go x.far[Client].Write(stream(0).bytes(0, n))
		x.expect(Upstream, stream(0), 0, n)
	}
	r.do(func() { r.loop.opt.Pipes.Close() }) // the few that are kept for the next bulk
	if inUse, _ := r.loop.opt.Pipes.Counts(); inUse != 0 {
		t.Errorf("%d pipes are lent to idle tunnels", inUse)
	}
	if n := len(openFiles()) - before - len(x.far); n != 2 {
		t.Errorf("an idle tunnel holds %d descriptors, wanted 2", n)
	}
	r.do(func() {
		if e := r.loop.table.get(x.ref); e.held != [2]int32{} || len(r.loop.spare) != len(r.loop.held) || len(r.loop.half) != 0 {
			t.Errorf("an idle tunnel has %+v, %d of %d held", *e, len(r.loop.held)-len(r.loop.spare), len(r.loop.held))
		}
	})
	// The post above is one turn that may still be under way. From then on: silence.
	was := r.loop.Stats().Wakeups
	eventually(func() bool { now := r.loop.Stats().Wakeups; same := now == was; was = now; return same })
	time.Sleep(10 * tick)
	if now := r.loop.Stats().Wakeups; now != was {
		t.Errorf("%d wake-ups while all tunnels were idle", now-was)
	}
}
