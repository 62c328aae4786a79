package load

import "math/bits"

// Histogram counts durations in buckets whose width is a 64th of their value,
// which keeps every quantile within 1.6 %.
type Histogram struct {
	Buckets []uint64
	Count   uint64
	Max     int64
}

const subBits = 6

func bucket(v int64) int {
	if v < 1<<subBits {
		return int(max(v, 0))
	}
	shift := bits.Len64(uint64(v)) - subBits - 1
	return (shift+1)<<subBits + int(v>>shift) - 1<<subBits
}

// lowest is the smallest value that bucket i counts.
func lowest(i int) int64 {
	if i < 1<<subBits {
		return int64(i)
	}
	shift := i>>subBits - 1
	return int64(i&(1<<subBits-1)+1<<subBits) << shift
}

// Add counts one duration in nanoseconds; a negative one counts as 0.
func (h *Histogram) Add(v int64) {
	i := bucket(v)
	if i >= len(h.Buckets) {
		grown := make([]uint64, i+1<<subBits)
		copy(grown, h.Buckets)
		h.Buckets = grown
	}
	h.Buckets[i]++
	h.Count++
	h.Max = max(h.Max, v)
}

// Merge adds what o counted.
func (h *Histogram) Merge(o *Histogram) {
	if len(o.Buckets) > len(h.Buckets) {
		grown := make([]uint64, len(o.Buckets))
		copy(grown, h.Buckets)
		h.Buckets = grown
	}
	for i, n := range o.Buckets {
		h.Buckets[i] += n
	}
	h.Count += o.Count
	h.Max = max(h.Max, o.Max)
}

// Quantile is the value that the share q of all durations does not exceed, to
// the bucket's lower bound; 0 if nothing was counted.
func (h *Histogram) Quantile(q float64) int64 {
	if h.Count == 0 {
		return 0
	}
	rank := uint64(q * float64(h.Count))
	rank = min(rank, h.Count-1)
	for i, n := range h.Buckets {
		if rank < n {
			return lowest(i)
		}
		rank -= n
	}
	return h.Max
}

// take hands over what was counted and starts anew.
func (h *Histogram) take() Histogram {
	t := *h
	*h = Histogram{Buckets: make([]uint64, len(t.Buckets))}
	return t
}
