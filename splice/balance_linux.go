package splice

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// saturated is the share of a window from which on a loop has too much to do.
	saturated = 0.9
	// calm is the share that two loops may be busy together to become one again: far
	// below saturated, lest tunnels go back and forth.
	calm = 0.4
	// spare is how many processors must have been idle for another loop to make
	// sense: one. With less, two loops take turns at what is left, and a saturated loop
	// has this for it, that it finds many messages at a time: flat out on two
	// processors a second loop cost a third of the rate and half as much CPU again.
	spare = 0.9
)

// balance lets loops share their tunnels.
type balance struct {
	loops []*Loop

	mu      sync.Mutex
	reports []report
	looking bool // a relieve is on its way

	// Used by relieve only.
	stat   string    // /proc/stat, or a test's
	ticks  float64   // idle time of all processors
	sample time.Time // of ticks
}

// Balance has loops share their tunnels, before any of them runs. All work is best
// done by one loop, since every message that finds a loop awake costs no wake-up; so
// connections should come to the first, and nothing happens until it is saturated.
// Then, while the machine has processors idle, it gives half of the tunnels that
// wait for a turn to the loop with the fewest, and Spill says where new connections
// should go; and so do the others. When two loops have little to do, the tunnels go
// back to the one that comes first, each as it has something to do. A tunnel may
// therefore end on another loop than it began on, and Options.Ended of that one is
// told. All must have been made with the same Options.Pipes.
func Balance(loops ...*Loop) {
	if len(loops) < 2 {
		return
	}
	b := &balance{loops: loops, reports: make([]report, len(loops)), stat: "/proc/stat"}
	for i, l := range loops {
		l.balance, l.index = b, i
	}
}

// report takes down what l did, on l's goroutine, and acts on it.
func (b *balance) report(l *Loop, r report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports[l.index] = r
	if r.busy >= saturated {
		if !b.looking {
			b.looking = true
			go b.relieve(l)
		}
		return
	}
	if r.tunnels == 0 {
		return
	}
	for i := range l.index {
		if r.busy+b.now(i, r.at).busy < calm {
			l.giveAway(int(r.tunnels), b.loops[i])
			return
		}
	}
}

// now is what is known of a loop at that time. One that has not reported for long is
// asleep.
func (b *balance) now(i int, at time.Time) report {
	if r := b.reports[i]; at.Sub(r.at) < 2*window {
		return r
	}
	return report{}
}

// relieve looks for a loop that can take some of l's work. It reads a file, so it
// has a goroutine of its own.
func (b *balance) relieve(l *Loop) {
	idle := b.idle()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looking = false
	if idle < spare {
		return
	}
	mine := b.reports[l.index]
	to, least := l, mine
	for i, other := range b.loops {
		r := b.now(i, mine.at)
		if r.depth < least.depth || r.depth == least.depth && r.busy < least.busy {
			to, least = other, r
		}
	}
	if to == l {
		return
	}
	n := (mine.depth - least.depth) / 2
	l.Post(func() {
		l.giveAway(n, to)
		if least.busy < saturated {
			l.spillTo = to
		}
	})
}

// idle is how many processors had nothing to do since it was asked last: 0 if that
// is too long ago to tell, and without end if the system does not say.
// The kernel counts hundredths of a second: in less than half a window, one of them too
// many would be a processor.
func (b *balance) idle() float64 {
	before, at := b.ticks, b.sample
	if time.Since(at) < window/2 {
		return 0
	}
	var ok bool
	if b.ticks, ok = idleTicks(b.stat); !ok {
		return float64(len(b.loops))
	}
	b.sample = time.Now()
	took := b.sample.Sub(at)
	if took > 10*window {
		return 0
	}
	return (b.ticks - before) / 100 / took.Seconds()
}

// idleTicks reads how long the processors have been idle since the machine started,
// in hundredths of a second: the fourth number of the first line, proc_stat(5).
func idleTicks(path string) (ticks float64, ok bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 5 || string(fields[0]) != "cpu" {
		return 0, false
	}
	ticks, err = strconv.ParseFloat(string(fields[4]), 64)
	return ticks, err == nil
}
