package splice

import (
	"io"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// flood is a tunnel through which the client sends as fast as it goes, until its far
// end is closed.
func (r *rig) flood(all *sync.WaitGroup) *tied {
	x := r.tie("tcp4", Handover{}, nil).forGood()
	all.Go(func() {
		p := stream(0).bytes(0, 1<<20)
		for {
			if _, err := x.far[Client].Write(p); err != nil {
				return
			}
		}
	})
	all.Go(func() { io.Copy(io.Discard, onlyReader{x.far[Upstream]}) })
	return x
}

// waits is how many bytes wait to be read at the loop's end of side.
func (x *tied) waits(side Side) int {
	n, err := unix.IoctlGetInt(x.near[side], unix.SIOCINQ)
	if err != nil {
		x.Fatal("ask what waits:", err)
	}
	return n
}

// While bulk goes through eight tunnels, a message that waits in each of two hundred
// others gets through before more than one of the eight has had a turn.
func TestOneTurnOfBulkBeforeEverySmallMessage(t *testing.T) {
	const many, bulks, rounds = 200, 8, 20
	r := newRig(t, Options{})
	var writers sync.WaitGroup
	var small, bulk []*tied
	for range many {
		small = append(small, r.tie("tcp4", Handover{}, nil))
	}
	for range bulks {
		bulk = append(bulk, r.flood(&writers))
	}
	moved := func() (of []uint64) {
		for _, x := range bulk {
			of = append(of, r.loop.table.get(x.ref).moved[Client])
		}
		return of
	}
	for round := range rounds {
		// All of what follows comes to the loop at once, and the messages before the post.
		goOn := r.hold()
		for _, x := range small {
			x.write(Upstream, []byte("hello"))
		}
		for _, x := range small {
			x.taken(Upstream)
		}
		if !eventually(func() bool {
			waits := 0
			for _, x := range bulk {
				waits += x.waits(Client)
			}
			return waits >= bulks*bufferSize
		}) {
			t.Errorf("round %d: no bulk comes: this shows nothing", round)
		}
		was := moved() // the loop stands still
		looked := make(chan struct{})
		r.loop.Post(func() {
			defer close(looked)
			turns := 0
			for i, n := range moved() {
				if n -= was[i]; n > turnBytes+bufferSize {
					t.Errorf("round %d: a bulk tunnel moved %d bytes in its turn", round, n)
				} else if n > 2*bufferSize { // what was held back, and the bufferful that shows that it is bulk
					turns++
				}
			}
			if turns > 1 {
				t.Errorf("round %d: %d bulk tunnels had a turn while messages waited", round, turns)
			}
			for i, x := range small {
				if n := r.loop.table.get(x.ref).moved[Upstream]; n != uint64(5*(round+1)) {
					t.Errorf("round %d: tunnel %d has moved %d bytes", round, i, n)
				}
			}
		})
		goOn()
		<-looked
		for _, x := range small {
			got := make([]byte, 5)
			if _, err := io.ReadFull(x.far[Client], got); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range bulk {
		x.far[Client].Close()
	}
	writers.Wait()
}
