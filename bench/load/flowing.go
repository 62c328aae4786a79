package load

import "time"

// FlowArgs says how the bulk tunnels stream towards the client.
type FlowArgs struct {
	On   bool
	Rate int // bytes a second over all of them; 0 is as fast as the sockets take them
}

// portion is what a paced stream may send at a time: enough for a proxy to have
// a backlog of it, as of an answer that a server has in memory.
const portion = 256 << 10

// flowing is a paced Flow under way.
type flowing struct {
	interval float64 // nanoseconds between two portions
	due      float64
	next     int // index of the stream whose turn it is
}

func newFlowing(rate int, now int64) *flowing {
	return &flowing{interval: portion * float64(time.Second) / float64(rate), due: float64(now)}
}

// grant lets streams send what is due and says how long to wait, as Loop.tick does.
// A stream that could not send its last portion yet gets the next one too: the
// proxy has to catch up, and the rate does not depend on whether it does.
func (f *flowing) grant(w *upstreamWorker, now int64) (wait int64) {
	if len(w.bulks) == 0 {
		return -1
	}
	for float64(now) >= f.due {
		if f.next >= len(w.bulks) {
			f.next = 0
		}
		w.bulks[f.next].grant(portion)
		f.next++
		f.due += f.interval
	}
	return int64(f.due) - now
}

// Flow starts or stops the bulk tunnels' streams towards the client.
func (u *Upstream) Flow(a FlowArgs, _ *struct{}) error {
	for _, w := range u.workers {
		w.loop.do(func() {
			w.flow = a
			w.flowing = nil
			if a.On && a.Rate > 0 {
				w.flowing = newFlowing(a.Rate, Now())
			}
			for _, b := range w.bulks {
				b.flow()
			}
		})
	}
	return nil
}
