package method

import "slices"

// Spread is a metric over all rounds.
type Spread struct {
	Median, Min, Max float64
	Rounds           int
}

// Overlaps says that some round of one was better than some round of the other,
// and some worse.
func (s Spread) Overlaps(o Spread) bool { return s.Min <= o.Max && o.Min <= s.Max }

// SpreadOf sums up rounds; the median of an even number is the mean of the middle two.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1], Rounds: n}
}
