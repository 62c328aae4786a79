//go:build linux

package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// serve runs a proxy for the length of a test.
func serve(t testing.TB, cfg proxy.Config) *running {
	t.Helper()
	r, err := start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// dial connects to the proxy.
func (r *running) dial(t testing.TB) *peer {
	t.Helper()
	c, err := net.Dial(r.network, r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newPeer(c)
}

// listenFor accepts connections and lets handle have each, in a goroutine of
// its own, until the test ends. It returns the URL for Config.Upstream.
func listenFor(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	return listenAt(t, "127.0.0.1:0", handle)
}

// listenAt is listenFor at a place of the test's choice.
func listenAt(t testing.TB, addr string, handle func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err != nil: // out of descriptors, for a test of just that
				time.Sleep(time.Millisecond)
				continue
			}
			wg.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
	})
	return "http://" + ln.Addr().String()
}

// upgradeHead is the head of an upgrade as a browser's terminator sends it.
func upgradeHead(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: mail.example\r\nConnection: keep-alive, Upgrade\r\n" +
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + sampleKey + "\r\n\r\n"
}

const accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: " + sampleAccept + "\r\n\r\n"

// openTunnel sends an upgrade over c and reads the 101, and not a byte more.
func openTunnel(c net.Conn, target string) error {
	if _, err := io.WriteString(c, upgradeHead(target)); err != nil {
		return err
	}
	got := make([]byte, len(accepted))
	if _, err := io.ReadFull(c, got); err != nil {
		return fmt.Errorf("read the 101: got %q and then %w", got, err)
	}
	if string(got) != accepted {
		return fmt.Errorf("want the 101, got %q", got)
	}
	return nil
}

// manyMinded is an upstream that does, by the path, whatever an upstream may do.
func manyMinded(c net.Conn) {
	p := newPeer(c)
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		if strings.HasPrefix(req.URL.Path, "/ws") {
			io.WriteString(c, accepted)
			io.WriteString(c, "hello")
		}
		switch req.URL.Path {
		case "/ok", "/plain":
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		case "/chunks":
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		case "/untilclose":
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nsome")
			return
		case "/cut":
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
			return
		case "/endless":
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			for err == nil {
				_, err = c.Write(make([]byte, 1024))
			}
			return
		case "/events", "/events/end", "/events/cut":
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			io.WriteString(c, "9\r\ndata: 1\n\n\r\n")
			switch req.URL.Path {
			case "/events":
				io.Copy(io.Discard, r)
				return
			case "/events/cut":
				io.WriteString(c, "9\r\ndata")
				return
			}
			io.WriteString(c, "0\r\n\r\n")
		case "/401":
			io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno")
			return
		case "/lie":
			io.WriteString(c, strings.Replace(accepted, "s3p", "AAA", 1))
			io.Copy(io.Discard, r)
			return
		case "/never":
			io.Copy(io.Discard, r)
			return
		case "/close":
			return
		case "/reset", "/ws/reset":
			p.reset()
			return
		case "/ws/bye":
			p.halfClose()
			io.Copy(io.Discard, r)
			return
		case "/ws":
			io.Copy(struct{ io.Writer }{c}, r) // not by splice: its pipes would be counted
			return
		}
	}
}

// trickle writes text to c piece by piece until it is all written or the
// other side does not want it any more.
func trickle(c net.Conn, text string, pause time.Duration) {
	for i := range len(text) {
		if _, err := c.Write([]byte(text[i : i+1])); err != nil {
			return
		}
		time.Sleep(pause)
	}
}
