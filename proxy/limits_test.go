//go:build linux

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// TestSlowReaderOfABody reads a long body at a steady pace, at which a pipeful takes more
// than two idle limits: as long as it reads it must not be cut off.
func TestSlowReaderOfABody(t *testing.T) {
	t.Parallel()
	const (
		body  = 64 << 20
		quick = 16 << 20 // read at once first: the sockets between grow by it
		slow  = 1800 << 10
		piece = 8 << 10 // every 40 ms
	)
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", body)
		newNoise(1).send(c, body, nil)
	})
	// The kernel says that a unix socket has room when 160 KiB of it are free; with
	// loopback TCP that may be as much as a pipeful.
	p := serve(t, proxy.Config{
		Upstream: up, Listen: []string{"unix:" + filepath.Join(t.TempDir(), "proxy.sock")}, IdleTimeout: 3 * time.Second,
	})
	c := p.dial(t)
	if err := ask(c, plainHead("/"), fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", body)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, struct{ io.Reader }{c}, quick); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, piece)
	for got := 0; got < slow; got += piece {
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatalf("cut off after %d bytes at a steady pace: %v", got, err)
		}
		time.Sleep(40 * time.Millisecond)
	}
}

// TestUploadEndsWithinTheAnswer ends a request while its answer is under way: the time
// limit for an answer to begin must not come to hold for the rest of it.
func TestUploadEndsWithinTheAnswer(t *testing.T) {
	t.Parallel()
	const answer = 50 * time.Millisecond
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		time.Sleep(10 * answer)
		io.WriteString(c, "56789")
		io.Copy(io.Discard, r)
	})
	p := serve(t, proxy.Config{Upstream: up, AnswerTimeout: answer})
	c := p.dial(t)
	const head = "POST / HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 2\r\n\r\n"
	if err := ask(c, head+"x", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"); err != nil {
		t.Fatal(err)
	}
	if err := ask(c, "y", "56789"); err != nil {
		t.Errorf("behind the end of the request: %v", err)
	}
}
