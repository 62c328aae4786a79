//go:build linux && !portable

package proxy_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// Hundreds of tunnels without traffic wake nobody: the limits of their handshakes are
// forgotten, and the next look for idle tunnels is hours away.
func TestTunnelsComeToRest(t *testing.T) {
	q := newQuiet(t, 300, proxy.Config{Loops: 2, Logger: slog.New(slog.DiscardHandler)})
	q.dial(q.pairs, quietHead)
	q.accept(q.pairs)
	q.talk(q.pairs)
	wakeups := func() (n uint64) {
		for _, l := range q.Stats().Loops {
			n += l.Wakeups
		}
		return n
	}
	var was uint64
	if !eventually(func() bool {
		was = wakeups()
		time.Sleep(time.Second) // twenty times the loop's tick
		return wakeups() == was
	}) {
		t.Error("the loops go on waking up while every tunnel is idle")
	}
	q.talk(q.pairs)
	if wakeups() == was {
		t.Error("bytes went through and no wake-up was counted: this test shows nothing")
	}
	q.end(q.pairs)
}
