package splice

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/wssplice/wssplice/splice/rawsock"
	"golang.org/x/sys/unix"
)

// The instructions of a script are two bytes each: what to do and which side does it
// in the first, how much of it in the second.
const (
	opWrite   = iota // send so many more bytes
	opFin            // send a FIN behind them
	opReset          // reset the connection
	opStall          // stop reading, or go on reading
	opRead           // read so much, also if stalled
	opUrgent         // send an urgent byte
	opTurn           // let the loop have a turn
	opHold           // stop the loop: what happens now comes to it at once
	opRelease        // let it go on
	opRest           // pump until nothing moves any more
	opAgain          // opWrite, so that most of a random script sends
	numOps

	upstreamDoes = 0x80
)

// Sizes for writes and reads, and for sockets' buffers (0: as the kernel has it).
var (
	scriptSizes = [16]int{1, 2, 100, 1000, 4096, 20_000, bufferSize - 1, bufferSize, bufferSize + 1, 2 * bufferSize,
		200_000, turnBytes, turnBytes + 1, 1 << 20, 2_000_000, 3 << 20}
	socketSizes = [4]int{0, 1, 20_000, 400_000}
)

// receiveLeast is the smallest receive buffer. A smaller one drops segments that were
// within the window it had offered, and then every acknowledgement that comes from
// beyond them, until somebody reads: nobody does at a side that is about to be reset,
// and its tunnel ends by HalfCloseTimeout only.
const receiveLeast = 20_000

// scriptHead is the length of what stands before a script's instructions: the kind
// of socket and how the tunnel begins, and the sizes of the four sockets' buffers.
const scriptHead = 5

// scriptMost is how many bytes a script may send in all: enough to fill everything.
const scriptMost = 8 << 20

// FuzzTunnel plays a script of writes, FINs, resets, stalls, short reads and urgent
// bytes against one tunnel, and compares with the model (see actor).
func FuzzTunnel(f *testing.F) {
	for _, head := range scriptHeads {
		for _, ops := range scriptSeeds {
			f.Add(append(head[:scriptHead:scriptHead], ops...))
		}
	}
	f.Fuzz(playAlone)
}

const up, down = 0, upstreamDoes

var scriptHeads = [][]byte{
	{0, 0, 0, 0, 0},
	{2, 0, 0, 0, 0},
	{4 | 2, 2, 1, 2, 3},
	{1 | 8 | 1<<4, 0, 10, 1, 10},
	{2<<4 | 1<<6, 0, 0, 1, 4},
	{3<<4 | 2<<6 | 8 | 4, 10, 1, 10, 1},
}

var scriptSeeds = [][]byte{
	{opWrite | up, 0, opWrite | down, 3, opRest, 0, opFin | up, 0, opWrite | down, 5, opFin | down, 0},
	{opWrite | up, 15, opFin | up, 0, opWrite | down, 15, opFin | down, 0},
	{opStall | down, 0, opWrite | up, 14, opRest, 0, opRead | down, 8, opReset | up, 0},
	{opStall | up, 0, opWrite | down, 15, opRest, 0, opReset | up, 0},
	{opWrite | up, 4, opUrgent | up, 0, opWrite | up, 4, opUrgent | up, 0, opFin | up, 0},
	{opHold, 0, opWrite | up, 10, opUrgent | up, 0, opFin | up, 0, opRelease, 0, opWrite | down, 13},
	{opHold, 0, opWrite | up, 6, opFin | up, 0, opReset | up, 0, opRelease, 0},
	{opHold, 0, opWrite | up, 3, opWrite | down, 3, opReset | up, 0, opReset | down, 0, opRelease, 0},
	{opWrite | up, 5, opFin | up, 0, opRest, 0, opReset | up, 0, opWrite | down, 5},
	{opFin | down, 0, opRest, 0, opWrite | up, 3, opReset | down, 0},
	{opStall | up, 0, opStall | down, 0, opWrite | up, 13, opWrite | down, 13, opRest, 0, opRead | up, 5, opTurn, 0, opStall | up, 0, opRest, 0, opStall | down, 0},
}

// playAlone plays a script on a loop of its own, of which nothing may be left.
func playAlone(t *testing.T, script []byte) {
	if len(script) < scriptHead {
		return
	}
	r := newScriptRig(t)
	actors := playScript(t, r, script)
	e := r.end()
	if !actors[0].closed && !actors[1].closed {
		up, down := actors[1].got+actors[1].urgent, actors[0].got+actors[0].urgent
		if e.Reason != Closed || e.Up != uint64(up) || e.Down != uint64(down) {
			t.Errorf("the tunnel ended as %+v, wanted %d bytes up and %d down", e, up, down)
		}
	}
	r.nothingHeld()
}

func newScriptRig(t *testing.T) *rig {
	r := newRig(t, Options{HalfCloseTimeout: time.Hour})
	r.segment = 1400 // as on a network
	return r
}

// nothingHeld checks that no tunnel is left and that all they held is given back.
func (r *rig) nothingHeld() {
	r.do(func() {
		if l := r.loop; l.count.Tunnels != 0 || len(l.spare) != len(l.held) {
			r.Errorf("%d tunnels are left, and %d of %d places for what is held back are in use", l.count.Tunnels, len(l.held)-len(l.spare), len(l.held))
		}
	})
}

func playScript(t *testing.T, r *rig, script []byte) []*actor {
	kind, sizes, ops := script[0], script[1:scriptHead], script[scriptHead:]
	network := networks[kind%3]
	id := stream(2 * linkNames.Add(1)) // no two tunnels carry the same bytes
	actors := []*actor{{t: t, out: id}, {t: t, out: id + 1}}
	var h Handover
	for side, a := range actors {
		a.peer, a.resetOK = actors[1-side], network != "unix"
		h.Early[side] = a.out.bytes(0, []int{0, 7, 5000, 100_000}[kind>>(4+2*side)&3])
		h.Unread[side] = kind&8 != 0
		a.want = len(h.Early[side])
		a.sent = a.want
	}
	r.tie(network, h, func(x *tied) {
		for side, a := range actors {
			control(t, x.far[side], func(fd int) { a.fd, _ = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) })
			x.far[side].Close()
			for i, fd := range []int{a.fd, x.near[side]} {
				size := sizes[2*i+side]
				if n := socketSizes[size&3]; n > 0 {
					rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, n)
				}
				if n := socketSizes[size>>2&3]; n > 0 {
					rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, max(n, receiveLeast))
				}
				rawsock.SetInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, int(kind>>2&1))
			}
		}
	})
	held := func() {}
	release := func() { held(); held = func() {} }
	defer func() {
		release()
		for _, a := range actors {
			if !a.closed {
				rawsock.Close(a.fd)
			}
		}
	}()
	total := 0
	for n := 0; len(ops) >= 2 && n < 200; n, ops = n+1, ops[2:] {
		a, size := actors[ops[0]>>7], scriptSizes[ops[1]&15]
		switch op := ops[0] &^ upstreamDoes % numOps; op {
		case opWrite, opAgain:
			if total+size <= scriptMost && !a.endWant {
				total += size
				a.want += size
			}
		case opFin:
			a.endWant = true
		case opReset:
			a.reset()
		case opStall:
			a.stalled = !a.stalled
		case opRead:
			a.pull(size)
		case opUrgent:
			a.oob()
		case opTurn:
			release()
			r.do(func() {})
		case opHold:
			release()
			held = r.hold()
		case opRelease:
			release()
		case opRest:
			release()
			for quiet := 0; quiet < 3; quiet++ {
				if actors[0].pump() || actors[1].pump() {
					quiet = 0
				}
				r.do(func() {})
			}
		}
		actors[0].pump()
		actors[1].pump()
	}
	release()
	settle(t, actors)
	return actors
}

// TestRandomScripts plays scripts that are made, not mutated: every instruction is
// likely, and most have an effect.
func TestRandomScripts(t *testing.T) {
	first, many := uint64(0), uint64(8)
	if s := os.Getenv("SPLICE_SCRIPTS"); s != "" { // a longer run: "first,many"
		if _, err := fmt.Sscanf(s, "%d,%d", &first, &many); err != nil {
			t.Fatal(err)
		}
	}
	for seed := first; seed < first+many; seed++ {
		script := randomScript(seed)
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { playAlone(t, script) }) {
			t.Logf("script %d: %q", seed, script)
		}
	}
}

func randomScript(seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 9))
	script := append([]byte(nil), scriptHeads[random.IntN(len(scriptHeads))]...)
	few := func(max byte) byte { // few bits: most settings stay as they are
		a, b := random.IntN(256), random.IntN(256)
		return byte(a&b) & max
	}
	script[0] ^= few(255)
	for i := 1; i < scriptHead; i++ {
		script[i] = few(15)
	}
	for range 4 + random.IntN(40) {
		op := random.IntN(numOps)
		if op == opReset && random.IntN(6) > 0 || op == opFin && random.IntN(3) > 0 {
			op = opWrite
		}
		script = append(script, byte(op)|byte(random.IntN(2))<<7, byte(random.IntN(len(scriptSizes))))
	}
	return script
}

// Scripts beside each other on one loop: slots, places and pipes change hands while
// other tunnels are in full swing.
func TestScriptsSideBySide(t *testing.T) {
	r := newScriptRig(t)
	const players, each = 10, 3
	var playing sync.WaitGroup
	for player := range uint64(players) {
		playing.Go(func() {
			for n := range uint64(each) {
				playScript(t, r, randomScript(1000*player+n))
			}
		})
	}
	playing.Wait()
	if t.Failed() {
		return
	}
	for range players * each {
		r.end()
	}
	r.nothingHeld()
}
