//go:build linux && !portable

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// TestLifetimeGoesAlong has a stream go from its loop to a goroutine and back, more
// often than its life is long: if it were born again each time it would not end.
func TestLifetimeGoesAlong(t *testing.T) {
	const burst = 16 << 20 // more than the kernel takes on the way
	for name, fields := range ways {
		t.Run(name, func(t *testing.T) {
			var p *running
			over := func() bool { return p.Stats().Connections[proxy.StepExchange] == 0 }
			stuck := make(chan bool) // a burst waits for the client to read
			trips := 0
			up := listenFor(t, func(c net.Conn) {
				defer close(stuck)
				newPeer(c)
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					return
				}
				io.WriteString(c, eventsHead)
				for sent := error(nil); sent == nil; trips++ {
					if !eventually(func() bool { return served() == 0 }) {
						t.Error("the stream has not gone to its loop")
						return
					}
					writing := make(chan error)
					go func() {
						_, err := fmt.Fprintf(c, "%x\r\n%s\r\n", burst, make([]byte, burst))
						writing <- err
					}()
					eventually(func() bool { return served() > 0 || over() })
					stuck <- true
					sent = <-writing
				}
			})
			p = serve(t, proxy.Config{Upstream: up, TunnelLifetime: 3500 * time.Millisecond})
			c := p.dial(t)
			if err := ask(c, eventsRequest("/events", fields), eventsHead); err != nil {
				t.Fatal(err)
			}
			var err error
			for range stuck {
				if err == nil {
					_, err = io.CopyN(io.Discard, c, int64(len(fmt.Sprintf("%x\r\n\r\n", burst))+burst))
				}
			}
			if err != io.EOF {
				t.Errorf("the stream ended with %v, wanted a FIN", err)
			}
			settle(t, p)
			want := proxy.ClosedCount{Step: proxy.StepExchange, By: proxy.ByProxy, Reason: "lifetime", Count: 1}
			if got := p.Stats().Closed; len(got) != 1 || got[0] != want {
				t.Errorf("closed %v, want %v", got, want)
			}
			if trips < 2 {
				t.Errorf("%d trips: this test shows nothing", trips)
			}
		})
	}
}
