package load

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain makes room for the loops of every test: each keeps a P while it
// waits, and none ends before the process does.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(200)
	os.Exit(m.Run())
}

// between starts an upstream and a client with a relay before it that may
// spoil what comes down.
func between(t *testing.T, spoil func(b []byte) []byte) (*Client, *Upstream) {
	t.Helper()
	to := freeAddr(t)
	u, err := NewUpstream(to)
	if err != nil {
		t.Fatal(err)
	}
	if spoil != nil {
		to = relay(t, to, spoil)
	}
	c, err := NewClient(Target{Addr: to, Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	return c, u
}

func freeAddr(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// relay passes bytes on, those that come down through spoil.
func relay(t *testing.T, to netip.AddrPort, spoil func([]byte) []byte) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", to.String())
			if err != nil {
				down.Close()
				continue
			}
			go passOn(up, down, func(b []byte) []byte { return b })
			go passOn(down, up, spoil)
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func passOn(to, from net.Conn, change func([]byte) []byte) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(change(buf[:n])); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// tally waits until both ends' totals please f.
func tally(t *testing.T, c *Client, u *Upstream, f func(c, u *Tally) bool) (client, upstream Tally) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := c.Mark(struct{}{}, &client); err != nil {
			t.Fatal(err)
		}
		if err := u.Mark(struct{}{}, &upstream); err != nil {
			t.Fatal(err)
		}
		if f(&client, &upstream) {
			return client, upstream
		}
	}
	for _, h := range []*Histogram{&client.Latency, &client.Handshake, &upstream.Lateness} {
		*h = Histogram{}
	}
	t.Fatalf("never came: client %+v, upstream %+v", client, upstream)
	return client, upstream
}

func opened(t *testing.T, c *Client, path string, n int) {
	t.Helper()
	var took int64
	if err := c.Open(OpenArgs{Path: path, Count: n, InFlight: 16, Within: 20 * time.Second}, &took); err != nil {
		t.Fatal(err)
	}
}

func none(t *testing.T, ends ...Tally) {
	t.Helper()
	for _, e := range ends {
		if e.Errors > 0 {
			t.Errorf("%d errors, the first: %s", e.Errors, e.First)
		}
	}
}

func TestPushesArriveWholeAndAreCounted(t *testing.T) {
	c, u := between(t, nil)
	opened(t, c, "push", 50)
	var due int64
	if err := u.Push(PushArgs{Size: 200, Rate: 50_000, Count: 5000}, &due); err != nil {
		t.Fatal(err)
	}
	if err := c.Speak(200, nil); err != nil {
		t.Fatal(err)
	}
	cl, up := tally(t, c, u, func(c, u *Tally) bool { return c.Messages == 5000 && u.Replies == 50 })
	none(t, cl, up)
	if cl.Latency.Count == 0 && up.Lateness.Count == 0 {
		t.Error("no latency was recorded")
	}
	if err := c.Close(struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	cl, up = tally(t, c, u, func(c, u *Tally) bool { return c.Open == 0 && u.Open == 0 })
	none(t, cl, up)
}

func TestStreamsBothWaysAndBehindAStall(t *testing.T) {
	c, u := between(t, nil)
	opened(t, c, "slow", 4)
	if err := c.Stream(StreamArgs{Up: true, Stall: true}, nil); err != nil {
		t.Fatal(err)
	}
	if err := u.Flow(FlowArgs{On: true}, nil); err != nil {
		t.Fatal(err)
	}
	tally(t, c, u, func(_, u *Tally) bool { return u.Up > 1<<20 && u.Down > 0 })
	if err := c.Stream(StreamArgs{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := u.Halt(struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	cl, up := tally(t, c, u, func(c, u *Tally) bool { return c.Down == u.Down && c.Up == u.Up })
	none(t, cl, up)
}

func TestClosedLoops(t *testing.T) {
	loops := map[string]func(c *Client) error{
		"visits": func(c *Client) error { return c.Visits(VisitsArgs{InFlight: 4}, nil) },
		"echo":   func(c *Client) error { return c.Echo(200, nil) },
		"get":    func(c *Client) error { return c.Requests(RequestsArgs{Connections: 4, Size: 1 << 20}, nil) },
		"post":   func(c *Client) error { return c.Requests(RequestsArgs{Connections: 4, Size: 1 << 20, Post: true}, nil) },
		"small":  func(c *Client) error { return c.Requests(RequestsArgs{Connections: 4, Size: 200}, nil) },
	}
	for name, start := range loops {
		t.Run(name, func(t *testing.T) {
			c, u := between(t, nil)
			if name == "echo" {
				opened(t, c, "echo", 8)
			}
			if err := start(c); err != nil {
				t.Fatal(err)
			}
			tally(t, c, u, func(c, _ *Tally) bool { return c.Closed+c.Messages+c.Requests > 20 })
			if err := c.Halt(struct{}{}, nil); err != nil {
				t.Fatal(err)
			}
			cl, up := tally(t, c, u, func(c, u *Tally) bool { return true })
			none(t, cl, up)
		})
	}
}

// A proxy that spoils bytes must not go unnoticed, in whatever scenario.
func TestDamageIsNoticed(t *testing.T) {
	spoiled := map[string]func([]byte) []byte{
		"bit": func(b []byte) []byte {
			b = bytes.Clone(b)
			b[len(b)-10] ^= 1
			return b
		},
		"loss":  func(b []byte) []byte { return append(bytes.Clone(b[:50]), b[51:]...) },
		"twice": func(b []byte) []byte { return append(bytes.Clone(b), b[len(b)-100:]...) },
	}
	for name, spoil := range spoiled {
		// Heads pass unharmed.
		behind := func(b []byte) []byte {
			if bytes.HasPrefix(b, []byte("HTTP/1.1 101")) || len(b) < 200 {
				return b
			}
			return spoil(b)
		}
		t.Run("push "+name, func(t *testing.T) {
			c, u := between(t, behind)
			opened(t, c, "push", 2)
			var due int64
			if err := u.Push(PushArgs{Size: 200, Rate: 1000, Count: 50}, &due); err != nil {
				t.Fatal(err)
			}
			tally(t, c, u, func(c, _ *Tally) bool { return c.Errors > 0 })
		})
		t.Run("events "+name, func(t *testing.T) {
			c, u := between(t, func(b []byte) []byte {
				if bytes.HasPrefix(b, []byte("HTTP/1.1 200")) || len(b) < 200 {
					return b
				}
				return spoil(b)
			})
			opened(t, c, "events", 2)
			var due int64
			if err := u.Push(PushArgs{Size: 200, Rate: 1000, Count: 50}, &due); err != nil {
				t.Fatal(err)
			}
			tally(t, c, u, func(c, _ *Tally) bool { return c.Errors > 0 })
		})
		t.Run("bulk "+name, func(t *testing.T) {
			c, u := between(t, behind)
			opened(t, c, "bulk", 1)
			if err := u.Flow(FlowArgs{On: true}, nil); err != nil {
				t.Fatal(err)
			}
			tally(t, c, u, func(c, _ *Tally) bool { return c.Errors > 0 })
			if err := u.Halt(struct{}{}, nil); err != nil {
				t.Fatal(err)
			}
		})
		t.Run("plain "+name, func(t *testing.T) {
			c, u := between(t, behind)
			if err := c.Requests(RequestsArgs{Connections: 1, Size: 100_000}, nil); err != nil {
				t.Fatal(err)
			}
			if name == "loss" {
				// The answer may never end: then nothing may be counted as whole.
				cl, _ := tally(t, c, u, func(_, u *Tally) bool { return u.Requests > 0 })
				if cl.Requests > 0 {
					t.Error("an answer that lacks a byte was counted as whole")
				}
				return
			}
			tally(t, c, u, func(c, _ *Tally) bool { return c.Errors > 0 })
		})
	}
}

func TestUpstreamDemandsTheHeader(t *testing.T) {
	at := freeAddr(t)
	u, err := NewUpstream(at)
	if err != nil {
		t.Fatal(err)
	}
	// A client that relies on a proxy, and there is none.
	c, err := NewClient(Target{Addr: at})
	if err != nil {
		t.Fatal(err)
	}
	var took int64
	if err := c.Open(OpenArgs{Path: "push", Count: 1, InFlight: 1, Within: 20 * time.Second}, &took); err != nil {
		t.Fatal(err)
	}
	cl, up := tally(t, c, u, func(_, u *Tally) bool { return u.Errors > 0 })
	if cl.Open != 0 || !strings.Contains(cl.First, "401") || !strings.Contains(up.First, "Authorization") {
		t.Errorf("client: %+v, upstream: %+v", cl, up)
	}
}
