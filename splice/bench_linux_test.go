package splice

import (
	"io"
	"sync"
	"testing"
	"time"
)

// message is as long as a usual push.
const message = 200

// forGood takes the time limits off the far ends: benchmarks run as long as they like.
func (x *tied) forGood() *tied {
	for _, c := range x.far {
		c.SetDeadline(time.Time{})
	}
	return x
}

// BenchmarkEcho sends a message up and one down, one at a time, through one tunnel.
func BenchmarkEcho(b *testing.B) {
	x := newRig(b, Options{}).tie("tcp4", Handover{}, nil).forGood()
	p := make([]byte, message)
	b.SetBytes(2 * message)
	b.ReportAllocs()
	for b.Loop() {
		for side := range Side(2) {
			x.far[side].Write(p)
			if _, err := io.ReadFull(x.far[1-side], p); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkPush sends one message down each of a thousand tunnels per round; the
// time is that of one message.
func BenchmarkPush(b *testing.B) {
	const many = 1000
	r := newRig(b, Options{})
	xs := make([]*tied, many)
	for i := range xs {
		xs[i] = r.tie("tcp4", Handover{}, nil).forGood()
	}
	p, got := make([]byte, message), make([]byte, message)
	b.SetBytes(message)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		n := min(many, b.N-done)
		for _, x := range xs[:n] {
			x.far[Upstream].Write(p)
		}
		for _, x := range xs[:n] {
			if _, err := io.ReadFull(x.far[Client], got); err != nil {
				b.Fatal(err)
			}
		}
		done += n
	}
}

// BenchmarkBulk sends a mebibyte at a time down one tunnel, as fast as it goes.
func BenchmarkBulk(b *testing.B) {
	const block = 1 << 20
	x := newRig(b, Options{}).tie("tcp4", Handover{}, nil).forGood()
	var writer sync.WaitGroup
	b.SetBytes(block)
	b.ReportAllocs()
	p, got := make([]byte, block), make([]byte, 256<<10)
	writer.Go(func() {
		for range b.N {
			if _, err := x.far[Upstream].Write(p); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ResetTimer()
	for left := b.N * block; left > 0; {
		n, err := x.far[Client].Read(got)
		if err != nil {
			b.Fatal(err)
		}
		left -= n
	}
	writer.Wait()
}

// A message allocates nothing once the tunnel is warm, small or bulk.
func TestMessagesAllocateNothing(t *testing.T) {
	r := newRig(t, Options{})
	for _, n := range []int{message, bufferSize, 1 << 20} {
		x := r.tie("tcp4", Handover{}, nil)
		p, got := stream(0).bytes(0, n), make([]byte, n)
		next := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() {
			for range next {
				x.far[Client].Write(p)
			}
		})
		allocs := testing.AllocsPerRun(300, func() {
			next <- struct{}{}
			if _, err := io.ReadFull(x.far[Upstream], got); err != nil {
				t.Fatal(err)
			}
		})
		close(next)
		writer.Wait()
		if allocs > 0 {
			t.Errorf("a message of %d bytes makes %v allocations", n, allocs)
		}
	}
}
