package report

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Colours that stay legible on light and dark pages; the first is wssplice's.
var colours = []string{"#0969da", "#8c959f", "#bf8700", "#1a7f37", "#cf222e", "#8250df", "#953800", "#57606a"}

const textColour = "#57606a"

// bar is one bar of a chart.
type bar struct {
	label string
	value float64
	own   bool
}

// bars draws horizontal bars from zero, one below the other.
func bars(title, unit string, list []bar) string {
	const left, width, step, top = 250, 380, 26, 44
	largest := 0.0
	for _, b := range list {
		largest = math.Max(largest, b.value)
	}
	var s strings.Builder
	begin(&s, left+width+110, top+step*len(list)+12, title)
	for i, b := range list {
		y := float64(top + i*step)
		colour := colours[1]
		if b.own {
			colour = colours[0]
		}
		w := 0.0
		if largest > 0 {
			w = b.value / largest * width
		}
		text(&s, left-10, y+14, "end", b.label)
		fmt.Fprintf(&s, `<rect x="%d" y="%.0f" width="%.1f" height="18" rx="2" fill="%s"/>`+"\n", left, y, math.Max(w, 1), colour)
		text(&s, float64(left)+w+8, y+14, "start", strings.TrimSpace(number(b.value)+" "+unit))
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// line is one curve of a chart.
type line struct {
	label string
	own   bool
	x, y  []float64
}

// lines draws curves over logarithmic axes; values are above 0, and there is one at least.
func lines(title, xUnit, yUnit string, list []line) string {
	const left, width, top, height = 90, 470, 44, 300
	xmin, xmax, ymin, ymax := math.Inf(1), 0.0, math.Inf(1), 0.0
	for _, l := range list {
		for i := range l.x {
			xmin, xmax = math.Min(xmin, l.x[i]), math.Max(xmax, l.x[i])
			ymin, ymax = math.Min(ymin, l.y[i]), math.Max(ymax, l.y[i])
		}
	}
	xs, ys := axis{xmin, xmax}, axisOver(ymin, ymax)
	px := func(v float64) float64 { return left + width*xs.place(v) }
	py := func(v float64) float64 { return top + height*(1-ys.place(v)) }

	var s strings.Builder
	begin(&s, left+width+290, top+height+50, title)
	for _, v := range ys.ticks() {
		fmt.Fprintf(&s, `<path d="M%d %.1fH%d" stroke="#d0d7de"/>`+"\n", left, py(v), left+width)
		text(&s, left-8, py(v)+4, "end", strings.TrimSpace(tick(v)+" "+yUnit))
	}
	// Not every curve reaches as far as the longest.
	var longest []float64
	for _, l := range list {
		if len(l.x) > len(longest) {
			longest = l.x
		}
	}
	for _, v := range longest {
		text(&s, px(v), top+height+20, "middle", tick(v))
	}
	text(&s, left+width/2, top+height+40, "middle", xUnit)
	for i, l := range list {
		colour := colours[1+i%(len(colours)-1)]
		if l.own {
			colour = colours[0]
		}
		var path strings.Builder
		for j := range l.x {
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[j == 0], px(l.x[j]), py(l.y[j]))
			fmt.Fprintf(&s, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", px(l.x[j]), py(l.y[j]), colour)
		}
		fmt.Fprintf(&s, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path.String(), colour)
		y := float64(top + 10 + i*20)
		fmt.Fprintf(&s, `<rect x="%d" y="%.0f" width="12" height="12" fill="%s"/>`+"\n", left+width+20, y-10, colour)
		text(&s, left+width+40, y+1, "start", l.label)
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// tick writes a round number without digits that say nothing.
func tick(v float64) string {
	if v >= 1000 {
		return number(v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func begin(s *strings.Builder, width, height int, title string) {
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13">`+"\n",
		width, height, width, height)
	fmt.Fprintf(s, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(s, `<text x="12" y="24" font-size="15" font-weight="600" fill="#1f2328">%s</text>`+"\n", html.EscapeString(title))
}

func text(s *strings.Builder, x, y float64, anchor, what string) {
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, anchor, textColour, html.EscapeString(what))
}
