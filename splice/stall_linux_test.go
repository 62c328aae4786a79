package splice

import (
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// echo sends a small message each way and waits for it.
func (x *tied) echo() {
	x.Helper()
	for side := range Side(2) {
		x.write(side, []byte("ping"))
		got := make([]byte, 4)
		if _, err := x.far[1-side].Read(got); err != nil || string(got) != "ping" {
			x.Fatalf("the message of side %d arrived as %q, %v", side, got, err)
		}
	}
}

// A reader that never reads stalls its own tunnel, takes a bounded amount of memory,
// and gets every byte once it reads.
func TestReaderThatDoesNotRead(t *testing.T) {
	onNetworks(t, func(t *testing.T, network string) {
		bothSides(t, func(t *testing.T, from Side) {
			r := newRig(t, Options{})
			x, other := r.tie(network, Handover{}, nil), r.tie(network, Handover{}, nil)
			sent := fill(x, from, 64<<20)
			if sent == 64<<20 {
				t.Fatal("the tunnel took 64 MiB that nobody read")
			}
			r.do(func() {
				e := r.loop.table.get(x.ref)
				if e.flow[from]&flowBlocked == 0 || e.held[from] == 0 {
					t.Errorf("the tunnel did not stall: %+v", *e)
					return
				}
				h := r.loop.held[e.held[from]-1]
				if h.pipe != nil && h.n > h.pipe.size || h.pipe == nil && len(h.buf.B) > bufferSize {
					t.Errorf("the stalled tunnel holds back too much: %+v", h)
				}
			})
			other.echo()
			// The stalled tunnel's other direction is not stalled.
			x.write(1-from, []byte("other way"))
			if got, _ := x.readPlain(from, 9); string(got) != "other way" {
				t.Errorf("the other direction brings %q", got)
			}
			x.fin(from)
			x.expect(1-from, stream(1), 0, sent)
			x.expectEOF(1 - from)
		})
	})
}

// More tunnels stall in bulk than there are pipes: the others copy, memory stays
// bounded, nothing is lost, and all pipes come back.
func TestMoreStalledTunnelsThanPipes(t *testing.T) {
	r := newRig(t, Options{})
	const many = pipesMost + 12
	ends := pipeFiles()
	var xs [many]*tied
	var sent [many]int
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range xs {
		// All that the source's socket takes comes at once and is more than a bufferful,
		// and the destination takes a part of it: so what is left over waits in a pipe.

		xs[i] = r.tie("tcp4", Handover{}, func(x *tied) {
			rawsock.SetInt(x.near[Client], unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
			rawsock.SetInt(x.near[Upstream], unix.SOL_SOCKET, unix.SO_SNDBUF, 100<<10)
		})
		release := r.hold()
		sent[i] = fill(xs[i], Client, 600<<10)
		release()
	}
	if !eventually(func() bool { inUse, _ := r.loop.opt.Pipes.Counts(); return inUse == pipesMost }) {
		inUse, _ := r.loop.opt.Pipes.Counts()
		t.Errorf("%d pipes are lent to %d stalled tunnels, wanted %d", inUse, many, pipesMost)
	}
	if n := pipeFiles() - ends; n > 2*pipesMost {
		t.Errorf("%d pipe ends are open", n)
	}
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > many*2*bufferSize+8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	for i, x := range xs {
		x.expect(Upstream, stream(1), 0, sent[i])
		x.fin(Client)
		x.expectEOF(Upstream)
	}
	if !eventually(func() bool { inUse, _ := r.loop.opt.Pipes.Counts(); return inUse == 0 }) {
		t.Error("not all pipes came back")
	}
	if _, idle := r.loop.opt.Pipes.Counts(); idle != pipesKept || pipeFiles()-ends != 2*pipesKept {
		t.Errorf("%d pipes are kept, %d ends are open", idle, pipeFiles()-ends)
	}
}

// Bytes of a tunnel that ended in a stall never come out elsewhere: its pipe goes.
func TestPipeWithBytesInItIsNotUsedAgain(t *testing.T) {
	pipes, ends := NewPipes(), pipeFiles()
	r := newRig(t, Options{Pipes: pipes})
	stall := func() {
		x := r.tie("tcp4", Handover{}, func(x *tied) {
			rawsock.SetInt(x.near[Client], unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
			rawsock.SetInt(x.near[Upstream], unix.SOL_SOCKET, unix.SO_SNDBUF, 100<<10)
		})
		release := r.hold()
		fill(x, Client, 600<<10)
		release()
		if !eventually(func() bool { inUse, _ := pipes.Counts(); return inUse == 1 }) {
			t.Fatal("the tunnel did not stall in a pipe: this test shows nothing")
		}
		r.do(func() {
			e := r.loop.table.get(x.ref)
			e.flow[Client] &^= flowBlocked
			if again := r.loop.move(x.ref, e, int(Client)); again || e.flow[Client]&(flowSlow|flowBlocked) != flowSlow|flowBlocked {
				t.Errorf("a reader that makes no room under splice is not taken for slow: %b", e.flow[Client])
			}
		})
	}
	stall()
	r.do(r.loop.endTunnels)
	if inUse, idle := pipes.Counts(); inUse != 0 || idle != 0 || pipeFiles() != ends {
		t.Errorf("%d pipes lent, %d kept, %d ends open after the only one ended full", inUse, idle, pipeFiles()-ends)
	}
	// A pipe that was emptied is kept.
	x := r.tie("tcp4", Handover{}, nil)
	go x.far[Client].Write(stream(0).bytes(0, 3<<20))
	x.expect(Upstream, stream(0), 0, 3<<20)
	if !eventually(func() bool { inUse, idle := pipes.Counts(); return inUse == 0 && idle == 1 }) {
		t.Error("the pipe of a bulk transfer was not kept")
	}
}

// spend opens descriptors until no more are to be had.
func spend(t *testing.T) (giveBack func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	now := was
	now.Cur = uint64(len(openFiles()) + 50)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			break
		}
		files = append(files, f)
	}
	return func() {
		unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
		for _, f := range files {
			f.Close()
		}
	}
}

// When no pipe can be made bulk is copied.
func TestBulkWithoutDescriptorsForPipes(t *testing.T) {
	r := newRig(t, Options{})
	x := r.tie("tcp4", Handover{}, nil)
	giveBack := spend(t)
	defer giveBack()
	const n = 3 << 20
	go x.far[Client].Write(stream(0).bytes(0, n))
	x.expect(Upstream, stream(0), 0, n)
	if s := r.loop.Stats(); s.SplicedBytes != 0 {
		t.Fatalf("%d bytes were spliced: this test shows nothing", s.SplicedBytes)
	}
	inUse, idle := r.loop.opt.Pipes.Counts()
	if inUse != 0 || idle != 0 {
		t.Errorf("%d pipes are lent and %d kept where none can be made", inUse, idle)
	}
	giveBack()
	go x.far[Client].Write(stream(0).bytes(n, n))
	x.expect(Upstream, stream(0), n, n)
	r.do(func() {})
	if s := r.loop.Stats(); s.SplicedBytes == 0 {
		t.Error("nothing is spliced although pipes can be made again")
	}
}

// A loop that cannot be made leaves nothing behind.
func TestNoDescriptorsForALoop(t *testing.T) {
	giveBack := spend(t)
	l, err := NewLoop(Options{})
	giveBack()
	if err == nil {
		l.Close()
		l.Run()
		t.Fatal("a loop was made without descriptors")
	}
}

// A tunnel that is ended in the midst of bulk has bytes that it did not read yet: its
// reader must not take what it got for everything.
func TestEndInTheMidstOfBulkIsAReset(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{})
		x := r.tie("tcp4", Handover{}, func(x *tied) {
			rawsock.SetInt(x.near[from], unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
			rawsock.SetInt(x.near[1-from], unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
		})
		goOn := r.hold()
		sent := fill(x, from, 3<<20)
		r.loop.Post(r.loop.endTunnels) // comes behind the event of the bytes, and in one turn with it
		goOn()
		e := x.expectEnd(Stopped, ByLoop)
		if moved := int(e.Up + e.Down); moved == 0 || moved >= sent {
			t.Skipf("%d of %d bytes had moved", moved, sent)
		}
		if _, err := io.Copy(io.Discard, onlyReader{x.far[1-from]}); !isReset(err) {
			t.Errorf("the reader sees %v, wanted a reset", err)
		}
	})
}

// The same if all was read and a part is held back.
func TestEndWithBytesHeldBackIsAReset(t *testing.T) {
	bothSides(t, func(t *testing.T, from Side) {
		r := newRig(t, Options{})
		x := r.tie("tcp4", Handover{}, func(x *tied) {
			for errno := unix.Errno(0); errno == 0; { // the reader's socket is full from the start
				_, errno = rawsock.Write(x.near[1-from], make([]byte, 64<<10))
			}
		})
		x.write(from, []byte("a last word"))
		if !eventually(func() (held bool) {
			r.do(func() { held = r.loop.table.get(x.ref).held[from] != 0 })
			return held
		}) {
			t.Fatal("nothing is held back")
		}
		r.do(func() {
			if e := r.loop.table.get(x.ref); e.flow[from]&flowMore != 0 || e.held[from] == 0 {
				t.Errorf("nothing is held back alone: %+v", *e)
			}
			r.loop.endTunnels()
		})
		if _, err := io.Copy(io.Discard, onlyReader{x.far[1-from]}); !isReset(err) {
			t.Errorf("the reader sees %v, wanted a reset", err)
		}
	})
}
