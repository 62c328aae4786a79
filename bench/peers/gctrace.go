package peers

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"time"
)

// TraceGC is the environment that lets a Go program report its collections.
const TraceGC = "GODEBUG=gctrace=1"

// Collections is what a Go program's garbage collector has done so far.
type Collections struct {
	Cycles int
	// Pause is the longest time that the program stood still; a cycle has two of them.
	Pause time.Duration
	// CPU is the processor time of all cycles, that of idle processors included.
	CPU  time.Duration
	Heap int64 // bytes that were live after the last cycle, to the MB
}

// gcTrace reads the lines of gctrace=1 (see package runtime) out of what a
// program prints. The runtime writes a line in pieces.
type gcTrace struct {
	mu   sync.Mutex
	part []byte
	sum  Collections
}

func (g *gcTrace) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.part = append(g.part, b...)
	for {
		line, rest, ok := bytes.Cut(g.part, []byte("\n"))
		if !ok {
			break
		}
		g.sum.add(string(line))
		g.part = rest
	}
	// What is not a trace may have no lines at all.
	if len(g.part) > 4096 {
		g.part = nil
	}
	return len(b), nil
}

func (g *gcTrace) collections() Collections {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sum
}

// add reads a line such as
//
//	gc 7 @1.2s 0%: 0.03+0.5+0.01 ms clock, 0.06+0.1/0.4/0.2+0.02 ms cpu, 4->4->2 MB, 5 MB goal, ...
func (c *Collections) add(line string) {
	head, rest, ok := strings.Cut(line, ": ")
	if !ok || !strings.HasPrefix(head, "gc ") {
		return
	}
	parts := strings.Split(rest, ", ")
	if len(parts) < 3 {
		return
	}
	clock, ok1 := strings.CutSuffix(parts[0], " ms clock")
	cpu, ok2 := strings.CutSuffix(parts[1], " ms cpu")
	heap, ok3 := strings.CutSuffix(parts[2], " MB")
	if !ok1 || !ok2 || !ok3 {
		return
	}
	c.Cycles++
	phases := milliseconds(clock, "+")
	if len(phases) == 3 {
		c.Pause = max(c.Pause, phases[0], phases[2])
	}
	for _, d := range milliseconds(cpu, "+/") {
		c.CPU += d
	}
	if sizes := strings.Split(heap, "->"); len(sizes) == 3 {
		if n, err := strconv.ParseInt(sizes[2], 10, 64); err == nil {
			c.Heap = n << 20
		}
	}
}

func milliseconds(list, separators string) []time.Duration {
	var all []time.Duration
	for _, f := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if v, err := strconv.ParseFloat(f, 64); err == nil {
			all = append(all, time.Duration(v*float64(time.Millisecond)))
		}
	}
	return all
}
