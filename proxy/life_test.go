//go:build linux

package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wssplice/wssplice/proxy"
)

// TestListensOnAll serves every address of a list, in its order.
func TestListensOnAll(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "proxy.sock")
	p := serve(t, proxy.Config{
		Upstream: listenFor(t, manyMinded),
		Listen:   []string{"127.0.0.1:0", "unix:" + sock, "127.0.0.1:0"},
		Loops:    2,
	})
	addrs := p.Addrs()
	if len(addrs) != 3 || addrs[1].String() != sock || addrs[0].String() == addrs[2].String() {
		t.Fatalf("listening on %v", addrs)
	}
	for _, a := range addrs {
		c, err := net.Dial(a.Network(), a.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := openTunnel(newPeer(c), "/ws"); err != nil {
			t.Errorf("%v: %v", a, err)
		}
	}
}

// TestAddressTaken names the address that cannot be bound.
func TestAddressTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = proxy.New(proxy.Config{Upstream: "http://127.0.0.1:1", Listen: []string{"127.0.0.1:0", ln.Addr().String()}})
	if err == nil || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

// TestUpstreamByName finds an upstream by a name, although the name may have
// addresses where nothing listens.
func TestUpstreamByName(t *testing.T) {
	url := listenFor(t, manyMinded)
	p := serve(t, proxy.Config{Upstream: strings.Replace(url, "127.0.0.1", "localhost", 1)})
	for range 2 {
		c := p.dial(t)
		if err := openTunnel(c, "/ws"); err != nil {
			t.Error(err)
		}
		c = p.dial(t)
		if err := ask(c, plainHead("/ok"), "HTTP/1.1 200 OK\r\n"); err != nil {
			t.Error(err)
		}
	}
}

// TestDrain stops accepting, lets a request finish and a tunnel go on, and
// closes what is left when its time is up.
func TestDrain(t *testing.T) {
	begun, answer := make(chan struct{}), make(chan struct{})
	up := listenFor(t, func(c net.Conn) {
		newPeer(c)
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			switch req.URL.Path {
			case "/slow":
				close(begun)
				<-answer
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
			case "/quick":
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nquick")
			case "/ws":
				io.WriteString(c, accepted)
				io.Copy(struct{ io.Writer }{c}, r)
				return
			}
		}
	})
	p := serve(t, proxy.Config{Upstream: up})
	if !eventually(p.Ready) {
		t.Fatal("not ready")
	}
	const quick = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nquick"
	tunnel, busy, idle := p.dial(t), p.dial(t), p.dial(t)
	if err := openTunnel(tunnel, "/ws"); err != nil {
		t.Fatal(err)
	}
	if err := ask(idle, plainHead("/quick"), quick); err != nil {
		t.Fatal(err)
	}
	if err := ask(busy, plainHead("/quick")+plainHead("/slow"), quick); err != nil {
		t.Fatal(err)
	}
	<-begun
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	closed := make(chan int)
	go func() { closed <- p.Drain(ctx) }()

	if !eventually(func() bool { return !p.Ready() }) {
		t.Error("ready while draining")
	}
	// Nobody answers on the port any more: refused, or ended without an answer.
	if !eventually(func() bool {
		c, err := net.Dial(p.network, p.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	}) {
		t.Error("accepts while draining")
	}
	if err := idle.wantEnd("FIN", nil); err != nil {
		t.Errorf("connection without a request: %v", err)
	}
	close(answer)
	got, reset, err := busy.end()
	if err != nil || reset || !bytes.HasPrefix(got, []byte("HTTP/1.1 200 OK\r\n")) || !bytes.HasSuffix(got, []byte("\r\n\r\nslow")) {
		t.Errorf("request in flight: got %q (%v)", got, err)
	}
	idle.Close()
	busy.Close()
	if !eventually(func() bool { s := p.Stats(); return total(s) == 1 && s.Connections[proxy.StepTunnel] == 1 }) {
		t.Errorf("want the tunnel alone, got %v", p.Stats().Connections)
	}
	if err := ask(tunnel, "ping", "ping"); err != nil {
		t.Errorf("tunnel while draining: %v", err)
	}
	select {
	case n := <-closed:
		t.Errorf("Drain has returned %d while a tunnel lives", n)
	default:
	}
	cancel()
	if n := <-closed; n != 1 {
		t.Errorf("Drain closed %d connections, want the tunnel alone", n)
	}
	if err := tunnel.wantEnd("END", nil); err != nil {
		t.Error(err)
	}
	settle(t, p)
}

// TestDrainEnds returns by itself once the last tunnel has ended.
func TestDrainEnds(t *testing.T) {
	p := serve(t, proxy.Config{Upstream: listenFor(t, manyMinded)})
	c := p.dial(t)
	if err := openTunnel(c, "/ws"); err != nil {
		t.Fatal(err)
	}
	closed := make(chan int)
	go func() { closed <- p.Drain(context.Background()) }()
	if !eventually(func() bool { return !p.Ready() }) {
		t.Error("ready while draining")
	}
	c.Close()
	if n := <-closed; n != 0 {
		t.Errorf("Drain closed %d connections, want none", n)
	}
}

// TestDrainBeforeServe is told to stop before it has begun: nobody runs the loops,
// so nobody must be waited for.
func TestDrainBeforeServe(t *testing.T) {
	p, err := proxy.New(proxy.Config{Upstream: "http://127.0.0.1:1", Listen: []string{"127.0.0.1:0"}, Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan int, 1)
	go func() { closed <- p.Drain(context.Background()) }()
	select {
	case n := <-closed:
		if n != 0 {
			t.Errorf("Drain closed %d connections, want none", n)
		}
	case <-time.After(limit):
		t.Fatal("Drain does not return")
	}
	if c, err := net.Dial("tcp", p.Addrs()[0].String()); err == nil {
		c.Close()
		t.Error("listens after Drain")
	}
	if err := p.Serve(); err != nil {
		t.Errorf("Serve after Drain: %v", err)
	}
}

// TestNoDescriptors runs the process out of descriptors: clients that come then
// wait or are turned away, and those that come later are served.
func TestNoDescriptors(t *testing.T) {
	var log logBuffer
	p := serve(t, proxy.Config{Upstream: listenFor(t, manyMinded), Logger: log.logger()})
	if err := openTunnel(p.dial(t), "/ws"); err != nil { // what is made once is made now
		t.Fatal(err)
	}
	sa := &unix.SockaddrInet4{Port: p.Addrs()[0].(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	var clients []int
	for range 64 { // sockets of their own, as long as there are any
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { unix.Close(fd) }()
		clients = append(clients, fd)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: uint64(clients[len(clients)-1] + 8), Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	for _, fd := range clients {
		// The kernel completes the connect though nobody can accept it.
		if err := unix.Connect(fd, sa); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, []byte(plainHead("/ok"))); err != nil {
			t.Fatal(err)
		}
	}
	// The first ones are accepted, then no descriptor is left, and the log says so:
	// not once for each client that waits.
	const said = "too many open files"
	if !eventually(func() bool { return strings.Contains(log.String(), said) }) {
		t.Errorf("no word about the descriptors: %s", log.String())
	}
	if n := strings.Count(log.String(), said); n > 10 {
		t.Errorf("%d lines about the descriptors", n)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	c := p.dial(t)
	if err := ask(c, plainHead("/ok"), "HTTP/1.1 200 OK\r\n"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := openTunnel(p.dial(t), "/ws"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if !eventually(func() bool { return p.Stats().Accepted >= uint64(len(clients)) }) {
		t.Errorf("%d accepted of %d that waited", p.Stats().Accepted, len(clients))
	}
}
