//go:build linux

package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/wssplice/wssplice/proxy"
)

// tool finds a program that the project's CI installs. Elsewhere the test is
// skipped without it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed, and CI must have it: %v", name, err)
	}
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// TestCurl upgrades as the README does.
func TestCurl(t *testing.T) {
	curl := tool(t, "curl")
	var head bytes.Buffer
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		if err := readHead(c, &head); err != nil {
			t.Errorf("upstream: %v", err)
		}
		io.WriteString(c, accepted+"pushed")
	})
	p := serve(t, proxy.Config{Upstream: up})
	out, err := exec.Command(curl, "-siN", "--http1.1", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
		"-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: "+sampleKey, "--max-time", "20",
		"http://"+p.addr+"/jmap/ws?access_token=Canary7Q%2Bx").CombinedOutput()
	if err != nil || string(out) != accepted+"pushed" {
		t.Errorf("curl printed %q (%v)", out, err)
	}
	settle(t, p) // the upstream is done, its head may be looked at
	if h := head.String(); !strings.HasPrefix(h, "GET /jmap/ws HTTP/1.1\r\n") ||
		!strings.Contains(h, "\r\nAuthorization: Bearer Canary7Q+x\r\n") {
		t.Errorf("the upstream got %q", h)
	}
}

// readHead reads one head, and not a byte more, into b.
func readHead(r io.Reader, b *bytes.Buffer) error {
	one := make([]byte, 1)
	for !bytes.HasSuffix(b.Bytes(), []byte("\r\n\r\n")) {
		if _, err := io.ReadFull(r, one); err != nil {
			return fmt.Errorf("read a head: got %q and then %w", b, err)
		}
		b.Write(one)
	}
	return nil
}

// TestWebSocket lets a real client and a real server exchange messages of a MiB,
// all of them at once.
func TestWebSocket(t *testing.T) {
	const clients, messages, size = 8, 4, 1 << 20
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer Canary7Q+/=" || r.URL.RawQuery != "" || r.Header.Get("Connection") != "Upgrade" {
			t.Errorf("the server got %v with %v", r.URL, r.Header)
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"jmap"}})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(size)
		for {
			typ, msg, err := c.Read(r.Context())
			if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
				return
			}
			if err == nil {
				err = c.Write(r.Context(), typ, msg)
			}
			if err != nil {
				t.Errorf("server: %v", err)
				return
			}
		}
	}))
	defer srv.Close()
	p := serve(t, proxy.Config{Upstream: srv.URL})
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			if err := chat(ctx, "ws://"+p.addr+"/jmap/ws?access_token=Canary7Q%2B%2F%3D", n, messages, size); err != nil {
				t.Errorf("client %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	settle(t, p)
}

// chat sends messages and reads them back while it goes on sending.
func chat(ctx context.Context, url string, seed, messages, size int) error {
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"jmap"}})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if c.Subprotocol() != "jmap" {
		return fmt.Errorf("subprotocol %q", c.Subprotocol())
	}
	c.SetReadLimit(int64(size))
	sent := make(chan error, 1)
	msg := func(n int) []byte {
		b := make([]byte, size)
		newNoise(seed*1000 + n).src.Read(b)
		return b
	}
	go func() {
		for n := range messages {
			if err := c.Write(ctx, websocket.MessageBinary, msg(n)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for n := range messages {
		_, got, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, msg(n)) {
			return fmt.Errorf("message %d came back changed", n)
		}
	}
	if err := <-sent; err != nil {
		return err
	}
	// The server's Close frame must arrive: a proxy that ends both ways at the
	// first FIN loses it.
	return c.Close(websocket.StatusNormalClosure, "")
}
