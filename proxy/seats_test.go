//go:build linux

package proxy_test

import (
	"testing"

	"github.com/wssplice/wssplice/proxy"
)

// TestRefusedTakeNoSeat frees the only seat while a client that was refused lingers: the
// next one has it.
func TestRefusedTakeNoSeat(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]proxy.Config{
		"in all":           {MaxConnections: 1},
		"from one address": {MaxConnectionsPerAddress: 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Upstream = listenFor(t, manyMinded)
			p := serve(t, cfg)
			first, second := p.dial(t), p.dial(t)
			if err := openTunnel(first, "/ws"); err != nil {
				t.Fatal(err)
			}
			if err := second.wantRefusal("503"); err != nil { // and it does not close its side
				t.Fatal(err)
			}
			first.Close()
			if !eventually(func() bool { return p.Stats().Connections[proxy.StepTunnel] == 0 }) {
				t.Fatal("the tunnel has not ended")
			}
			if err := ask(p.dial(t), plainHead("/ok"), "HTTP/1.1 200 OK\r\n"); err != nil {
				t.Errorf("the seat is not free: %v", err)
			}
		})
	}
}
