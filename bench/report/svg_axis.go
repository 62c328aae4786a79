package report

import "math"

// axis is a logarithmic one with round ends.
type axis struct{ from, to float64 }

// axisOver spans values from low to high, to the next 1, 2 or 5 on both sides.
func axisOver(low, high float64) axis {
	a := axis{roundDown(low), roundDown(high)}
	if a.to < high {
		a.to = next(a.to)
	}
	if a.from == a.to {
		a.to = next(a.to)
	}
	return a
}

// roundDown is the largest 1, 2 or 5 times a power of ten that is not above v.
func roundDown(v float64) float64 {
	power := math.Pow10(int(math.Floor(math.Log10(v) + 1e-9)))
	for _, step := range []float64{5, 2} {
		if v >= step*power*(1-1e-9) {
			return step * power
		}
	}
	return power
}

// next is the 1, 2 or 5 times a power of ten that follows v.
func next(v float64) float64 {
	power := math.Pow10(int(math.Floor(math.Log10(v) + 1e-9)))
	for _, step := range []float64{2, 5} {
		if v < step*power*(1-1e-9) {
			return step * power
		}
	}
	return 10 * power
}

// ticks are the lines to draw: powers of ten only where there would be too many.
func (a axis) ticks() []float64 {
	var all, powers []float64
	for v := a.from; v <= a.to*(1+1e-9) && len(all) < 100; v = next(v) {
		all = append(all, v)
		if log := math.Log10(v); math.Abs(log-math.Round(log)) < 1e-6 {
			powers = append(powers, v)
		}
	}
	if len(all) > 8 && len(powers) > 1 {
		return powers
	}
	return all
}

// place is where v lies between both ends, as a share.
func (a axis) place(v float64) float64 {
	if a.from == a.to {
		return 0
	}
	return math.Log(v/a.from) / math.Log(a.to/a.from)
}
