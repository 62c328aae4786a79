package splice

import (
	"hash/crc64"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

var crcTable = crc64.MakeTable(crc64.ECMA)

// Five hundred tunnels at once on two loops that share their pipes, each with its
// own amount of bytes both ways, small and bulk, a FIN behind them, and a checksum.
func TestManyTunnels(t *testing.T) {
	many, bulk := 500, 4<<20
	if testing.Short() {
		many, bulk = 60, 1<<20
	}
	pipes := NewPipes()
	loops := [2]*rig{newRig(t, Options{Pipes: pipes}), newRig(t, Options{Pipes: pipes})}
	var all sync.WaitGroup
	totals := [2]uint64{}
	for i := range many {
		random := rand.New(rand.NewPCG(5, uint64(i)))
		x := loops[i%2].tie(networks[[]int{0, 0, 1, 2}[i%4]], Handover{}, nil)
		for side := range Side(2) {
			n := random.IntN(20_000)
			if random.IntN(25) == 0 {
				n = random.IntN(bulk)
			}
			totals[side] += uint64(n)
			sums := make(chan uint64, 1)
			seed := random.Uint64()
			all.Go(func() { sums <- send(t, x.far[side], n, seed) })
			all.Go(func() {
				sum := crc64.New(crcTable)
				got, err := io.Copy(sum, onlyReader{x.far[1-side]})
				if err != nil || got != int64(n) {
					t.Errorf("tunnel %d: side %d got %d bytes of %d and %v", i, 1-side, got, n, err)
				} else if sum.Sum64() != <-sums {
					t.Errorf("tunnel %d: side %d got other bytes than were sent", i, 1-side)
				}
			})
		}
	}
	all.Wait()
	var up, down uint64
	for i := range many {
		e := loops[i%2].end()
		if e.Reason != Closed {
			t.Errorf("a tunnel ended as %s", e.Reason)
		}
		up, down = up+e.Up, down+e.Down
	}
	if up != totals[0] || down != totals[1] {
		t.Errorf("%d bytes up and %d down were counted, wanted %d and %d", up, down, totals[0], totals[1])
	}
}

// send writes n random bytes in pieces of random sizes, then a FIN, and returns
// their checksum.
func send(t *testing.T, to net.Conn, n int, seed uint64) uint64 {
	random := rand.New(rand.NewPCG(seed, 0))
	source := rand.NewChaCha8([32]byte{0: byte(seed), 1: byte(seed >> 8), 2: byte(seed >> 16)})
	sum := crc64.New(crcTable)
	for n > 0 {
		piece := 1 + random.IntN(1000)
		if random.IntN(3) == 0 {
			piece = 1 + random.IntN(200_000)
		}
		p := make([]byte, min(n, piece))
		source.Read(p)
		sum.Write(p)
		if _, err := to.Write(p); err != nil {
			t.Errorf("write: %v with %d bytes to go", err, n)
			break
		}
		n -= len(p)
	}
	to.(interface{ CloseWrite() error }).CloseWrite()
	return sum.Sum64()
}

// A tunnel in bulk must not keep the others of its loop waiting.
func TestSmallMessagesBesideBulk(t *testing.T) {
	r := newRig(t, Options{})
	small := r.tie("tcp4", Handover{}, nil)
	stop := make(chan struct{})
	var bulk sync.WaitGroup
	for range 4 {
		x := r.tie("tcp4", Handover{}, nil)
		bulk.Go(func() { // without end, until the test closes it
			p := make([]byte, 1<<20)
			for {
				select {
				case <-stop:
					x.far[Client].Close()
					return
				default:
				}
				if _, err := x.far[Client].Write(p); err != nil {
					return
				}
			}
		})
		bulk.Go(func() { io.Copy(io.Discard, onlyReader{x.far[Upstream]}) })
	}
	for range 300 {
		small.echo()
	}
	close(stop)
	bulk.Wait()
	r.do(func() {})
	if s := r.loop.Stats(); s.SplicedBytes == 0 {
		t.Error("nothing was spliced: this test shows nothing")
	}
}
