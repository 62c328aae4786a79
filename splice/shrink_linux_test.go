package splice

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"
)

// heapNow is what the heap holds after a collection.
func heapNow() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What a peak took is given back: the collector finds the chunks of all but the few
// that stay, whichever of them that are.
func TestTableMemoryGoesBack(t *testing.T) {
	const peak = 400 * chunkSize // some 9 MB
	var tab table
	refs := make([]Ref, 0, peak)
	before := heapNow()
	for range peak {
		ref, _ := tab.take(kindTunnel)
		refs = append(refs, ref)
	}
	grown := heapNow() - before
	if least := int64(peak * unsafe.Sizeof(entry{})); grown < least || grown > least+least/8 {
		t.Errorf("%d entries take %d bytes, wanted hardly more than the %d that they are", peak, grown, least)
	}
	for i, ref := range refs {
		if i%(100*chunkSize) != 0 { // four stay, far from each other
			tab.put(ref)
		}
	}
	// Their four chunks, one spare, and the list of chunks.
	most := int64(5*unsafe.Sizeof(chunk{})) + 2*peak/chunkSize*8 + 64<<10
	if left := heapNow() - before; left > most {
		t.Errorf("%d bytes are kept for 4 entries after a peak of %d, wanted %d at most", left, grown, most)
	}
	runtime.KeepAlive(&tab)
	runtime.KeepAlive(refs)
}

// BenchmarkCollect is a whole collection, with as many tunnels in the table.
func BenchmarkCollect(b *testing.B) {
	for _, many := range []int{0, 9_500, 100_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			var tab table
			for range many {
				tab.take(kindTunnel)
			}
			for b.Loop() {
				runtime.GC()
			}
			runtime.KeepAlive(&tab)
		})
	}
}
