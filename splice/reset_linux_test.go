package splice

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

func TestResetIsPassedOn(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		t.Run(network, func(t *testing.T) {
			bothSides(t, func(t *testing.T, from Side) {
				x := newRig(t, Options{}).tie(network, Handover{}, nil)
				x.write(from, stream(0).bytes(0, 10))
				x.expect(1-from, stream(0), 0, 10)
				x.reset(from)
				x.expectReset(1 - from)
				x.expectEnd(WasReset, from)
			})
		})
	}
}

// All that the kernel had acknowledged when the reset came still arrives, and then
// the reset, however late the reader begins. What is held back in a buffer or pipe
// and what waits in the socket's own queue are both part of it.
func TestResetComesAfterTheBytesBeforeIt(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		x := newRig(t, Options{}).tie("tcp4", Handover{}, func(x *tied) {
			shrink(x.near[1-from], 16<<10)
			control(x, x.far[1-from], func(fd int) { shrink(fd, 16<<10) })
		})
		const n = 120 << 10
		x.write(from, stream(1).bytes(0, n))
		x.taken(from)
		x.reset(from)
		x.do(func() {})
		if s := x.loop.Stats(); s.UpBytes+s.DownBytes >= n {
			t.Error("the tunnel did not stall: this test shows nothing")
		}
		x.expect(1-from, stream(1), 0, n)
		x.expectReset(1 - from)
		x.expectEnd(WasReset, from)
	})
}

// The reset comes to splice(2), which takes the socket's error with it.
func TestResetInBulk(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{})
		x := r.tie("tcp4", Handover{}, func(x *tied) {
			for side := range 2 {
				rawsock.SetInt(x.near[side], unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
				rawsock.SetInt(x.near[side], unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
			}
		})
		goOn := r.hold()
		const n = 4*bufferSize + 100 // a bufferful is copied, the rest spliced
		x.write(from, stream(0).bytes(0, n))
		x.taken(from)
		x.reset(from)
		goOn()
		x.expect(1-from, stream(0), 0, n)
		x.expectReset(1 - from)
		x.expectEnd(WasReset, from)
		r.do(func() {})
		if r.loop.Stats().SplicedBytes == 0 {
			t.Error("nothing was spliced: this test shows nothing")
		}
	})
}

// A reset that comes after the same side's FIN was passed on must reach the other
// side as well: it would wait for the half-close time-out otherwise, or write into
// the void.
func TestResetAfterFin(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		x := newRig(t, Options{HalfCloseTimeout: time.Hour}).tie("tcp4", Handover{}, nil)
		x.write(from, stream(0).bytes(0, 10))
		x.fin(from)
		x.expect(1-from, stream(0), 0, 10)
		x.expectEOF(1 - from)
		x.reset(from)
		// The other side has read its end already: the reset shows when it writes.
		expectBroken(x, 1-from)
		x.expectEnd(WasReset, from)
	})
}

// The same, with FIN and reset in one event.
func TestResetRightBehindFin(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{HalfCloseTimeout: time.Hour})
		x := r.tie("tcp4", Handover{}, nil)
		goOn := r.hold()
		x.write(from, stream(0).bytes(0, 10))
		x.fin(from)
		x.taken(from)
		x.reset(from)
		goOn()
		x.expect(1-from, stream(0), 0, 10)
		expectBroken(x, 1-from)
		x.expectEnd(WasReset, from)
	})
}

// A side closes for good, and what the other still sends is answered with a reset:
// the sender has to learn that nobody gets it.
func TestSendingToAClosedSide(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		x := newRig(t, Options{HalfCloseTimeout: time.Hour}).tie("tcp4", Handover{}, nil)
		x.far[from].Close()
		x.expectEOF(1 - from)
		x.write(1-from, []byte("anybody there?"))
		expectBroken(x, 1-from)
		x.expectEnd(WasReset, from)
	})
}

// expectBroken waits until the far end of side can send no more, without sending.
func expectBroken(x *tied, side Side) {
	x.Helper()
	control(x, x.far[side], func(fd int) {
		if !eventually(func() bool {
			p := []unix.PollFd{{Fd: int32(fd)}}
			unix.Poll(p, 0)
			return p[0].Revents&unix.POLLERR != 0
		}) {
			x.Fatalf("side %d is not told that its bytes go nowhere", side)
		}
	})
}

func TestBothSidesReset(t *testing.T) {
	r := newRig(t, Options{})
	x := r.tie("tcp4", Handover{}, nil)
	goOn := r.hold()
	x.reset(Client)
	x.reset(Upstream)
	goOn()
	if e := x.end(); e.Reason != WasReset {
		t.Errorf("the tunnel ended as %s", e.Reason)
	}
}

// A reader that resets while bytes for it are held back, and one that does after
// all was written but not acknowledged: the tunnel ends, and the sender is told.
func TestStalledReaderResets(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		x := newRig(t, Options{}).tie("tcp4", Handover{}, nil)
		if sent := fill(x, from, 64<<20); sent == 64<<20 {
			t.Fatal("a tunnel to a reader that does not read took 64 MiB")
		}
		x.reset(1 - from)
		if _, err := io.Copy(io.Discard, onlyReader{x.far[from]}); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the sender reads %v", err)
		}
		x.expectEnd(WasReset, 1-from)
	})
}

// A tunnel that only waits until its last bytes are acknowledged, so that it can
// pass a reset on, ends at once if nobody is left to acknowledge them.
func TestResetWhileAResetWaits(t *testing.T) {
	r := newRig(t, Options{HalfCloseTimeout: time.Hour})
	x := r.tie("tcp4", Handover{}, func(x *tied) {
		// The reader's window is small, and the loop's socket for it takes the rest.
		control(x, x.far[Upstream], func(fd int) { rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
		rawsock.SetInt(x.near[Upstream], unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	})
	waitingReset(x)
	x.reset(Upstream)
	x.expectEnd(WasReset, Client)
}

// waitingReset has the client send stream 0 and reset, such that the reset waits
// until the upstream, which does not read, has acknowledged what was written.
func waitingReset(x *tied) (sent int) {
	x.Helper()
	sent = bufferSize - 1 // copied, not spliced
	x.write(Client, stream(0).bytes(0, sent))
	x.taken(Client) // a reset throws away what is still to be sent
	x.reset(Client)
	if !eventually(func() bool { return x.loop.Stats().UpBytes == uint64(sent) }) {
		x.Fatal("the loop's socket does not take a bufferful")
	}
	x.do(func() {
		if e := x.loop.table.get(x.ref); e == nil || e.broken != 1<<Client || rawsock.Unsent(x.near[Upstream]) == 0 {
			x.Error("no reset waits: this test shows nothing")
		}
	})
	return sent
}

// A reader that takes the last bytes before a reset slowly is given time as long as
// it takes any, although the loop itself has none left to move.
func TestSlowReaderOfTheBytesBeforeAReset(t *testing.T) {
	r := newRig(t, Options{HalfCloseTimeout: time.Hour})
	r.segment = 1400
	x := r.tie("tcp4", Handover{}, func(x *tied) {
		control(x, x.far[Upstream], func(fd int) { rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
		rawsock.SetInt(x.near[Upstream], unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	})
	sent := waitingReset(x)
	r.look()
	got := 0
	for range 3 {
		got += x.progress(Upstream, got)
		r.look()
	}
	x.expect(Upstream, stream(0), got, sent-got)
	x.expectReset(Upstream)
	x.expectEnd(WasReset, Client)
}

// A side that resets while the other does not read is found by its event alone: the
// tunnel is not kept for as long as the reader likes.
func TestResetBehindAStalledReader(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{HalfCloseTimeout: time.Hour})
		x := r.tie("tcp4", Handover{}, nil)
		fill(x, from, 64<<20)
		x.reset(from)
		if !eventually(func() (half bool) {
			r.do(func() { half = len(r.loop.half) == 1 })
			return half
		}) {
			t.Fatal("the tunnel has no time limit")
		}
		for range 2 { // at the first look the reader might have been at it until now
			x.age(2 * time.Hour)
			r.look()
		}
		x.expectEnd(HalfClosed, ByLoop)
		if _, err := io.Copy(io.Discard, onlyReader{x.far[1-from]}); !isReset(err) {
			t.Errorf("the reader sees %v, wanted a reset", err)
		}
	})
}

// A side that stops acknowledging is lost: the kernel gives up after
// TCP_USER_TIMEOUT, also if the peer only keeps its window shut.
func TestLostSide(t *testing.T) {
	x := newRig(t, Options{}).tie("tcp4", Handover{}, func(x *tied) {
		rawsock.SetInt(x.near[Upstream], unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 100)
	})
	if _, err := x.far[Client].Write(make([]byte, 64<<20)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side's write ends with %v, wanted a reset", err)
	}
	x.expectEnd(Lost, Upstream)
}

// A program that shuts its socket for reading and stays has no reset to tell, only
// that nothing can be written to it: its tunnel ends all the same.
func TestWritingToASideThatDoesNotReceive(t *testing.T) {
	bothSides(t, func(t *testing.T, deaf Side) {
		x := newRig(t, Options{HalfCloseTimeout: time.Hour}).tie("unix", Handover{}, nil)
		x.write(deaf, []byte("last words"))
		x.far[deaf].(*net.UnixConn).CloseRead()
		if got, _ := x.readPlain(1-deaf, 10); string(got) != "last words" {
			t.Errorf("got %q", got)
		}
		x.write(1-deaf, []byte("too late"))
		x.expectEnd(WasReset, deaf)
	})
}
