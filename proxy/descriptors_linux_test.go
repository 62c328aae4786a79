//go:build linux && !portable

package proxy_test

import (
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wssplice/wssplice/proxy"
)

// TestNoDescriptorForAnUpgrade upgrades a kept connection when no descriptor is left: its
// way back to a loop takes one. The client is told so, and the next one is served.
func TestNoDescriptorForAnUpgrade(t *testing.T) {
	p := serve(t, proxy.Config{Upstream: listenFor(t, manyMinded)})
	c := p.dial(t)
	if err := ask(c, plainHead("/plain"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	// Those of the standard streams are taken, and no higher number is given out.
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	io.WriteString(c, upgradeHead("/ws"))
	if err := c.wantRefusal("503 Retry-After"); err != nil {
		t.Error(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := openTunnel(p.dial(t), "/ws"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	for _, r := range p.Stats().Refusals {
		if r.Reason == "descriptors" && r.Count != 1 {
			t.Errorf("counted %d times", r.Count)
		}
	}
}
