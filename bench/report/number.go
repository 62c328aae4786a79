package report

import (
	"math"
	"strconv"

	"github.com/wssplice/wssplice/bench/method"
)

// number writes three significant digits, and thousands with a comma.
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	if v = round(v, digits); v != 0 {
		// 9.996 has become 10.
		digits = 2 - int(math.Floor(math.Log10(math.Abs(v))))
	}
	s := strconv.FormatFloat(v, 'f', min(max(digits, 0), 4), 64)
	whole := len(s)
	for i, r := range s {
		if r == '.' {
			whole = i
			break
		}
	}
	start := 0
	if s[0] == '-' {
		start = 1
	}
	for i := whole - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// round cuts v to so many digits behind the point; negative ones cut before it.
func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// value writes a metric's figure: counts, which have no unit, as whole numbers
// where they are.
func value(m method.Metric, v float64) string {
	if m.Unit == "" && v == math.Trunc(v) && math.Abs(v) < 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return number(v)
}

// unit is a metric's unit with a space before it, and none for a count.
func unit(m method.Metric) string {
	if m.Unit == "" {
		return ""
	}
	return " " + m.Unit
}

// spread writes the median with the rounds' extremes behind it, if they differ.
func spread(m method.Metric, s method.Spread) string {
	low, high := value(m, s.Min), value(m, s.Max)
	if low == high {
		return value(m, s.Median)
	}
	return value(m, s.Median) + " (" + low + "–" + high + ")"
}
