//go:build linux && !portable

package proxy_test

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wssplice/wssplice/proxy"
)

// TestMeetsItself redials a server that is down, from a range of local ports that is but
// one: the server's own. TCP connects such a socket to itself, and the proxy must neither
// take that for the server nor keep it from its port.
func TestMeetsItself(t *testing.T) {
	if !alone(t, "40000 40001") {
		return
	}
	for name, head := range map[string]string{"upgrade": upgradeHead("/ws"), "plain": plainHead("/")} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, proxy.Config{
				Listen: []string{"unix:" + filepath.Join(t.TempDir(), "s")}, Upstream: "http://127.0.0.1:40001",
				DialTimeout: time.Second,
			})
			before := failedConnects()
			c := p.dial(t)
			io.WriteString(c, head)
			// The kernel begins with the even port. From there the connect is refused; the
			// next ones find it taken.
			if !eventually(func() bool { return failedConnects() != before }) {
				t.Fatal("no connect was refused")
			}
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if !eventually(func() bool {
				return unix.Bind(fd, &unix.SockaddrInet4{Port: 40000, Addr: [4]byte{127, 0, 0, 1}}) == nil
			}) {
				t.Fatal("the even port is in use")
			}
			if err := c.wantRefusal("502"); err != nil {
				t.Error(err)
			}
			for _, r := range p.Stats().Refusals {
				if r.Count > 0 && r.Reason != "dial" {
					t.Errorf("%s is counted %d times", r.Reason, r.Count)
				}
			}
		})
	}
}
