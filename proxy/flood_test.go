//go:build linux

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wssplice/wssplice/proxy"
)

// TestFlood sends without end what nobody takes: early bytes behind an upgrade
// whose 101 does not come, requests behind one whose answer does not come, a
// body and a tunnel's bytes that the upstream does not read. The proxy may hold
// some of it, not all, and must go on with everything else.
func TestFlood(t *testing.T) {
	const size = 64 << 20
	hold := make(chan struct{})
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		r := bufio.NewReaderSize(c, 512)
		req, err := http.ReadRequest(r)
		if err != nil {
			t.Errorf("upstream: %v", err)
			return
		}
		if strings.HasPrefix(req.URL.Path, "/ws") {
			io.WriteString(c, accepted)
		}
		if req.URL.Path == "/ws/echo" {
			io.Copy(struct{ io.Writer }{c}, r)
			return
		}
		<-hold
	})
	p := serve(t, proxy.Config{Upstream: up, Loops: 1})
	t.Cleanup(func() { close(hold) }) // before the upstream's own, which waits for it
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	heads := []string{
		upgradeHead("/never"),
		plainHead("/never"),
		fmt.Sprintf("POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", int64(size)),
		"POST /never HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000\r\n",
		upgradeHead("/ws/never"),
	}
	var written [10]atomic.Int64
	done := make(chan struct{}, len(written))
	for n := range written {
		c := p.dial(t)
		go func() {
			io.WriteString(c, heads[n%len(heads)])
			newNoise(n).send(c, size, &written[n])
			done <- struct{}{}
		}()
		t.Cleanup(func() {
			c.Close()
			<-done
		})
	}
	untilQuiet(t, p, written[:])
	for n := range written {
		if got := written[n].Load(); got == size {
			t.Errorf("the proxy took all of %q", heads[n%len(heads)])
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}

// untilQuiet lets a tunnel to /ws/echo work until the counters do not move any
// more. Its round trips are the clock, so that a busy machine's counters get
// their time, and they show that one tunnel does not wait for the others.
func untilQuiet(t *testing.T, p *running, counters []atomic.Int64) {
	t.Helper()
	echo := p.dial(t)
	if err := openTunnel(echo, "/ws/echo"); err != nil {
		t.Fatal(err)
	}
	sum := func() (n int64) {
		for i := range counters {
			n += counters[i].Load()
		}
		return n
	}
	for last := int64(-1); last != sum(); {
		last = sum()
		for range 2000 {
			if err := ask(echo, "ping", "ping"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
