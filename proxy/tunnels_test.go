//go:build linux

package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
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

// A noise is a stream of bytes that its seed determines.
type noise struct {
	src *rand.ChaCha8
	sum hash.Hash
}

func newNoise(seed int) *noise {
	var key [32]byte
	copy(key[:], strconv.Itoa(seed))
	return &noise{rand.NewChaCha8(key), sha256.New()}
}

// send writes n bytes of noise in pieces of uneven sizes and adds what went out
// to written.
func (n *noise) send(w io.Writer, total int64, written *atomic.Int64) error {
	buf := make([]byte, 48<<10)
	for total > 0 {
		piece := buf[:min(total, int64(1+n.src.Uint64()%uint64(len(buf))))]
		n.src.Read(piece)
		m, err := w.Write(piece)
		if written != nil {
			written.Add(int64(m))
		}
		if err != nil {
			return err
		}
		n.sum.Write(piece)
		total -= int64(m)
	}
	return nil
}

// check reads to the clean end of r what send has sent.
func (n *noise) check(r io.Reader, total int64) error {
	if err := n.send(io.Discard, total, nil); err != nil {
		return err
	}
	got := sha256.New()
	m, err := io.CopyBuffer(got, struct{ io.Reader }{r}, make([]byte, 32<<10))
	if err != nil || m != total {
		return fmt.Errorf("want %d bytes, got %d and then %v", total, m, err)
	}
	if !bytes.Equal(got.Sum(nil), n.sum.Sum(nil)) {
		return fmt.Errorf("%d bytes with another checksum", m)
	}
	return nil
}

// exchange sends its noise to c, half-closes, and checks the noise that comes.
func exchange(c *peer, r io.Reader, out, in int, size int64) error {
	sent := make(chan error, 1)
	go func() {
		err := newNoise(out).send(c, size, nil)
		if err == nil {
			err = c.halfClose()
		}
		sent <- err
	}()
	err := newNoise(in).check(r, size)
	if serr := <-sent; serr != nil {
		return fmt.Errorf("send: %w", serr)
	}
	return err
}

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
		case "echo":
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
		// A small window, so that what is bounded is the proxy's part.
		c.Conn.(*net.TCPConn).SetReadBuffer(16 << 10)
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
	// While they stall others work. Their round trips are the clock: long after
	// the stalled ones have filled what there is to fill.
	echo := p.dial(t)
	if err := openTunnel(echo, "/echo/0"); err != nil {
		t.Fatal(err)
	}
	still := func() (sum int64) {
		for i := range written {
			sum += written[i].Load()
		}
		return sum
	}
	for last := int64(-1); last != still(); {
		last = still()
		for range 2000 {
			if err := ask(echo, "ping", "ping"); err != nil {
				t.Fatal(err)
			}
		}
	}
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

// TestLastBytes closes right behind the last byte: nothing may be lost.
func TestLastBytes(t *testing.T) {
	for _, size := range []int64{1, 1000, 16 << 10, 64<<10 + 1, 1 << 20, 5 << 20} {
		t.Run(strconv.FormatInt(size, 10), func(t *testing.T) {
			t.Parallel()
			sums := make(chan error, 1)
			up := listenFor(t, func(c net.Conn) {
				newPeer(c)
				r := bufio.NewReader(c)
				req, err := http.ReadRequest(r)
				if err != nil {
					sums <- err
					return
				}
				if req.URL.Path != "/plain" {
					io.WriteString(c, accepted)
				} else {
					io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
				}
				if req.URL.Path == "/up" {
					sums <- newNoise(1).check(r, size)
				} else {
					sums <- newNoise(2).send(c, size, nil)
				}
			})
			p := serve(t, proxy.Config{Upstream: up})

			c := p.dial(t)
			if err := openTunnel(c, "/up"); err != nil {
				t.Fatal(err)
			}
			if err := newNoise(1).send(c, size, nil); err != nil {
				t.Fatal(err)
			}
			c.Close()
			if err := <-sums; err != nil {
				t.Errorf("up: %v", err)
			}

			for _, path := range []string{"/down", "/plain"} {
				c := p.dial(t)
				var err error
				if path == "/down" {
					err = openTunnel(c, path)
				} else {
					err = ask(c, plainHead(path), "HTTP/1.1 200 OK\r\n\r\n")
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := newNoise(2).check(c, size); err != nil {
					t.Errorf("%s: %v", path, err)
				}
				if err := <-sums; err != nil {
					t.Errorf("%s: send: %v", path, err)
				}
			}
		})
	}
}

// TestBigBodies sends 64 MiB up and down without much memory.
func TestBigBodies(t *testing.T) {
	const size = 64 << 20
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if err := newNoise(1).check(req.Body, size); err != nil {
				t.Errorf("upstream: %v", err)
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", int64(size))
			if err := newNoise(2).send(c, size, nil); err != nil {
				t.Errorf("upstream: %v", err)
			}
		}
	})
	p := serve(t, proxy.Config{Upstream: up})
	c := p.dial(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", int64(size))
	if err := newNoise(1).send(c, size, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.want(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", int64(size))); err != nil {
		t.Fatal(err)
	}
	if err := newNoise(2).check(io.LimitReader(c, size), size); err != nil {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 16<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
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
