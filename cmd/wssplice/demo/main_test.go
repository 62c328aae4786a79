package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// patience bounds every wait for something that must happen.
const patience = 10 * time.Second

// TestMain fails the tests if they leave goroutines behind. A fuzzing run is let
// off: its own workers are still there.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run())
	}
	before := runtime.NumGoroutine()
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "%d goroutines before the tests, %d after:\n", before, runtime.NumGoroutine())
			pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			os.Exit(1)
		}
	}
	os.Exit(code)
}

// startUpstream serves a stand-in that pushes fast, and gives its host:port.
func startUpstream(t *testing.T) (*Upstream, string) {
	t.Helper()
	u := NewUpstream(DefaultToken)
	u.PushInterval = time.Millisecond
	s := httptest.NewServer(u)
	t.Cleanup(s.Close)
	t.Cleanup(u.Close)
	return u, s.Listener.Addr().String()
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// client is a WebSocket client that fails its test on any error.
type client struct {
	*testing.T
	*websocket.Conn
}

// dial connects to url with token in the header; none if it is empty.
func dial(t *testing.T, url, token string) client {
	t.Helper()
	opts := &websocket.DialOptions{Subprotocols: []string{"jmap"}, HTTPHeader: http.Header{}}
	if token != "" {
		opts.HTTPHeader.Set("Authorization", "Bearer "+token)
	}
	c, _, err := websocket.Dial(within(t), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	if got := c.Subprotocol(); got != "jmap" {
		t.Fatalf("subprotocol %q, want jmap", got)
	}
	return client{t, c}
}

func (c client) say(text string) {
	c.Helper()
	if err := c.Write(within(c.T), websocket.MessageText, []byte(text)); err != nil {
		c.Fatal(err)
	}
}

// hear gives the next message, decoded and encoded again: keys sorted.
func (c client) hear() (m object, text string) {
	c.Helper()
	if err := wsjson.Read(within(c.T), c.Conn, &m); err != nil {
		c.Fatal(err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		c.Fatal(err)
	}
	return m, string(b)
}

// ask sends raw bytes to addr and gives the answer to them.
func ask(t *testing.T, addr, raw string) *http.Response {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(raw)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// upgradeHead is an upgrade with the lines of fields in place of Connection and Authorization.
func upgradeHead(target string, fields ...string) string {
	lines := append([]string{
		"GET " + target + " HTTP/1.1", "Host: demo.example", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// printed is where a demo under test writes.
type printed struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await waits until text has been printed n times.
func (p *printed) await(t *testing.T, text string, n int) {
	t.Helper()
	for end := time.Now().Add(patience); strings.Count(p.String(), text) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("want %d of %q in:\n%s", n, text, p)
		}
	}
}
