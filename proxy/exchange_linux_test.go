//go:build linux && !portable

package proxy

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testLimit is how long these tests wait for what must come.
const testLimit = 20 * time.Second

// newPair makes an exchange of p, whose client's buffers are small, and the client.
func newPair(t *testing.T, p *Proxy) (*exchange, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	// The accepted socket inherits it.
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) })
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10)
	to := &unix.SockaddrInet4{Port: ln.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	unix.SetNonblock(fd, true)
	x := &exchange{p: p, client: newSock(fd)}
	t.Cleanup(func() { x.client.Close() })
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(testLimit))
	t.Cleanup(func() { c.Close() })
	return x, c
}

// newIdle is a proxy that does not serve.
func newIdle(t *testing.T, cfg Config) *Proxy {
	t.Helper()
	cfg.Upstream, cfg.Listen = "http://127.0.0.1:1", []string{"127.0.0.1:0"}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// haltedWhenArmed is told to stop at the last moment before the deadline of a head that
// has begun is set.
type haltedWhenArmed struct {
	sock
	x *exchange
}

func (s *haltedWhenArmed) SetReadDeadline(t time.Time) error {
	if s.x.in.len() > 0 && !s.x.stop.Load() {
		s.x.halt()
	}
	return s.sock.SetReadDeadline(t)
}

// A halt that comes while the deadline of a head is set is not lost by that.
func TestHaltWhileAHeadBegins(t *testing.T) {
	x, c := newPair(t, newIdle(t, Config{HeadTimeout: time.Hour}))
	x.client = &haltedWhenArmed{x.client, x}
	io.WriteString(c, "GET / ")
	read := make(chan bool, 1)
	go func() {
		_, ok := x.readHead()
		read <- ok
	}()
	select {
	case ok := <-read:
		if ok || x.end.why != endStopped {
			t.Errorf("the head was read: %v, ended as %v", ok, x.end.why)
		}
	case <-time.After(testLimit):
		t.Error("it goes on reading")
		x.client.Close()
		<-read
	}
}

// A reader that takes little at a time is not cut off within one long write: the idle
// limit is for the next bytes.
func TestSlowReaderWithinOneWrite(t *testing.T) {
	const size, piece = 64 << 10, 1 << 10 // every 40 ms: more than two limits in all
	x, c := newPair(t, newIdle(t, Config{IdleTimeout: time.Second}))
	written := make(chan error, 1)
	go func() {
		written <- x.toClient(make([]byte, size))
		x.client.Close()
	}()
	for got := 0; got < size; got += piece {
		if _, err := io.ReadFull(c, make([]byte, piece)); err != nil {
			t.Errorf("cut off after %d bytes at a steady pace: %v", got, err)
			break
		}
		time.Sleep(40 * time.Millisecond)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// lines is a log handler that is called for each line.
type lines func(message string)

func (f lines) Enabled(context.Context, slog.Level) bool { return true }

func (f lines) Handle(_ context.Context, r slog.Record) error {
	f(r.Message)
	return nil
}

func (f lines) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f lines) WithGroup(string) slog.Handler      { return f }

// Bytes behind an upgrade's head are counted by the loop that sends them on, and not
// before that by the exchange that has read them: a total only grows.
func TestEarlyBytesAreCountedOnce(t *testing.T) {
	const (
		plain   = "GET /one HTTP/1.1\r\nHost: mail.example\r\n\r\n"
		upgrade = "GET /ws HTTP/1.1\r\nHost: mail.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
		early = "early"
	)
	up, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	var p *Proxy
	before := make(chan uint64, 1)
	p, err = New(Config{
		Upstream: "http://" + up.Addr().String(), Listen: []string{"127.0.0.1:0"},
		Logger: slog.New(lines(func(message string) {
			if message == "tunnel opened" {
				before <- p.count.fromClient.Load()
			}
		})),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve() }()
	defer func() {
		p.Close()
		<-served
	}()
	c, err := net.Dial("tcp", p.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, plain+upgrade+early)
	// Two connections: one for the request, one for the tunnel.
	for _, answer := range []string{"HTTP/1.1 204 No Content\r\n\r\n", accepted} {
		u, err := up.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		u.SetDeadline(time.Now().Add(testLimit))
		r := bufio.NewReader(u)
		if _, err := http.ReadRequest(r); err != nil {
			t.Fatal(err)
		}
		io.WriteString(u, answer)
		if answer != accepted {
			continue
		}
		got := make([]byte, len(early))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != early {
			t.Fatalf("got %q of the early bytes: %v", got, err)
		}
	}
	was := <-before
	p.Close()
	served <- <-served
	if is := p.count.fromClient.Load(); is < was {
		t.Errorf("%d bytes were counted, and then %d", was, is)
	}
	if got, want := p.Stats().ClientReceivedBytes, uint64(len(plain+upgrade+early)); got != want {
		t.Errorf("%d bytes counted, want %d", got, want)
	}
}

// An exchange that waits for a name that does not come is not held up by that when it
// is told to stop.
func TestHaltWhileANameIsLookedUp(t *testing.T) {
	p := newIdle(t, Config{DialTimeout: time.Hour})
	p.set.up.host, p.set.up.busy = "mail.example", true // a look-up that never ends
	p.set.up.known.Store(nil)
	x, _ := newPair(t, p)
	dialled := make(chan bool, 1)
	go func() {
		_, ok := x.connect()
		dialled <- ok
	}()
	for waits := false; !waits; time.Sleep(time.Millisecond) {
		p.set.up.mu.Lock()
		waits = len(p.set.up.calls) > 0
		p.set.up.mu.Unlock()
	}
	x.halt()
	select {
	case ok := <-dialled:
		if ok || x.end.why != endStopped {
			t.Errorf("connected: %v, ended as %v", ok, x.end.why)
		}
	case <-time.After(testLimit):
		t.Error("it goes on waiting")
	}
}
