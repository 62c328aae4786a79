//go:build linux

package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// TestManyTunnels moves bytes both ways through 500 tunnels at once.
func TestManyTunnels(t *testing.T) {
	const tunnels, size = 500, 128 << 10
	up := listenFor(t, func(c net.Conn) {
		p := newPeer(c)
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			t.Errorf("upstream: %v", err)
			return
		}
		n, _ := strconv.Atoi(strings.TrimPrefix(req.URL.Path, "/ws/"))
		io.WriteString(c, accepted)
		if err := exchange(p, r, -n, n, size); err != nil {
			t.Errorf("upstream of tunnel %d: %v", n, err)
		}
	})
	p := serve(t, proxy.Config{Upstream: up, Loops: 2})
	var wg sync.WaitGroup
	all := make(chan struct{}) // closed when every tunnel is open
	var open atomic.Int64
	for n := 1; n <= tunnels; n++ {
		c := p.dial(t)
		wg.Go(func() {
			err := openTunnel(c, "/ws/"+strconv.Itoa(n))
			if open.Add(1) == tunnels {
				close(all)
			}
			if err != nil {
				t.Errorf("tunnel %d: %v", n, err)
				return
			}
			<-all
			if err := exchange(c, c, n, -n, size); err != nil {
				t.Errorf("tunnel %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	settle(t, p)
	if s := p.Stats(); s.Upgrades != tunnels {
		t.Errorf("%d upgrades counted, want %d", s.Upgrades, tunnels)
	}
}

// TestSlowReader stalls the readers of some tunnels and of some plain answers.
// That must cost neither the others nor memory; and when the readers go on they
// find every byte.
func TestSlowReader(t *testing.T) {
	const stalled, goOn, size = 10, 2, 64 << 20
	var written [2 * stalled]atomic.Int64
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			t.Errorf("upstream: %v", err)
			return
		}
		kind, arg, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		n, _ := strconv.Atoi(arg)
		switch kind {
		case "ws":
			io.WriteString(c, accepted)
			io.Copy(struct{ io.Writer }{c}, c)
			return
		case "tunnel":
			io.WriteString(c, accepted)
		case "plain":
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		}
		if err := newNoise(n).send(c, size, &written[n]); err != nil && n%stalled < goOn {
			t.Errorf("upstream of %s %d: %v", kind, n, err)
		}
	})
	p := serve(t, proxy.Config{Upstream: up, Loops: 1})

	var slow []*peer
	for n := range 2 * stalled {
		c := p.dial(t)
		var err error
		if n < stalled {
			err = openTunnel(c, "/tunnel/"+strconv.Itoa(n))
		} else {
			err = ask(c, plainHead("/plain/"+strconv.Itoa(n)), "HTTP/1.1 200 OK\r\n\r\n")
		}
		if err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	untilQuiet(t, p, written[:])
	for n := range written {
		if written[n].Load() == size {
			t.Errorf("the proxy took all %d bytes that nobody reads (%d)", size, n)
		}
	}
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
		t.Errorf("the heap has grown by %d bytes for %d stalled readers", grown, len(slow))
	}
	var wg sync.WaitGroup
	for n, c := range slow {
		if n%stalled >= goOn {
			continue // these leave with the test
		}
		wg.Go(func() {
			if err := newNoise(n).check(c, size); err != nil {
				t.Errorf("slow reader %d: %v", n, err)
			}
		})
	}
	wg.Wait()
}

// TestSlowLoris sends a head so slowly that it never ends: bytes that keep
// coming must not push the limit back.
func TestSlowLoris(t *testing.T) {
	up, err := listenTCP("")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	p := serve(t, proxy.Config{Upstream: up.url, HeadTimeout: 200 * time.Millisecond})
	c := p.dial(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		trickle(c, "GET / HTTP/1.1\r\nX: "+strings.Repeat("a", 8000), 10*time.Millisecond)
	}()
	// What still comes after the refusal may reset the connection: only what
	// arrived before counts here.
	got, _, err := c.end()
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 408 ") {
		t.Errorf("want 408, got %q (%v)", got, err)
	}
	c.Close()
	<-done
	if up.pending() {
		t.Error("the proxy has dialled")
	}
}
