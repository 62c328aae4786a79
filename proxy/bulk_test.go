//go:build linux

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"testing"

	"github.com/wssplice/wssplice/proxy"
)

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
