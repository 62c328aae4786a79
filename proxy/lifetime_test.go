//go:build linux

package proxy_test

import (
	"testing"

	"github.com/wssplice/wssplice/proxy"
)

// Whatever the proxy itself ends in these stories has lived long enough, and the
// counters say so: of tunnels as of event streams.
func TestLifetimeIsTheReason(t *testing.T) {
	stories, err := readStories("testdata/wire/lifetime.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range stories {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			st.seen = func(s proxy.Stats) {
				for _, c := range s.Closed {
					if c.By == proxy.ByProxy && c.Reason != "lifetime" && c.Reason != "stopped" {
						t.Errorf("ended by the proxy as %q", c.Reason)
					}
				}
			}
			if err := st.play(); err != nil {
				t.Error(err)
			}
		})
	}
}
