//go:build linux

package proxy_test

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// How many tunnels there can be follows from the local ports, ten in these tests,
// and the ways: pairs of a source and an upstream address.
func TestPortsRunOut(t *testing.T) {
	const ports = 10
	if !alone(t, "40000 40009") {
		return
	}
	name(t, "127.0.0.1 two.test\n127.0.0.2 two.test\n127.0.0.1 both.test\n::1 both.test\n")
	for _, c := range []struct {
		name     string
		upstream string
		source   []string
		from     []string // where the tunnels come from
		to       []string // what they go to
	}{
		{"no source", "http://127.0.0.1:900", nil, []string{"127.0.0.1"}, []string{"127.0.0.1"}},
		{"one source", "http://127.0.0.1:900", []string{"127.0.0.7"}, []string{"127.0.0.7"}, []string{"127.0.0.1"}},
		{"two sources", "http://127.0.0.1:900", []string{"127.0.0.7", "127.0.0.8"}, []string{"127.0.0.7", "127.0.0.8"}, []string{"127.0.0.1"}},
		{"IPv6", "http://[::1]:900", nil, []string{"::1"}, []string{"::1"}},
		{"IPv6 source", "http://[::1]:900", []string{"::1"}, []string{"::1"}, []string{"::1"}},
		{"two addresses", "http://two.test:900", nil, []string{"127.0.0.1"}, []string{"127.0.0.1", "127.0.0.2"}},
		{"two sources and two addresses", "http://two.test:900", []string{"127.0.0.7", "127.0.0.8"},
			[]string{"127.0.0.7", "127.0.0.8"}, []string{"127.0.0.1", "127.0.0.2"}},
		{"a source of each family", "http://both.test:900", []string{"127.0.0.7", "::1"}, []string{"127.0.0.7", "::1"}, []string{"127.0.0.1", "::1"}},
		{"sources of one family", "http://both.test:900", []string{"127.0.0.7"}, []string{"127.0.0.7"}, []string{"127.0.0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			crowd := gather(t, c.upstream, c.source, c.to)
			defer crowd.disperse()
			want, pairs := 0, map[string]int{}
			for _, to := range c.to {
				for _, from := range c.from {
					if strings.Contains(to, ":") != strings.Contains(from, ":") {
						continue
					}
					pairs[from+" "+to] = ports
					want += ports
				}
			}
			for i := range want {
				crowd.add(i)
			}
			if got := crowd.ends(); fmt.Sprint(got) != fmt.Sprint(pairs) {
				t.Errorf("the tunnels are\n%v, wanted\n%v", got, pairs)
			}
			crowd.wantRefused(len(c.source), len(c.to))
			crowd.wantPlainRefused()
			// The port of a tunnel that ends is one for the next, though not at once.
			crowd.endOne()
			if !eventually(func() bool {
				client := crowd.dial(crowd)
				err := openTunnel(client, "/ws")
				if err != nil {
					client.Close()
				}
				return err == nil
			}) {
				t.Error("there is no room again after the end of a tunnel")
			}
		})
	}
}

// A crowd is tunnels that stay until the test ends.
type crowd struct {
	*testing.T
	*running
	log logBuffer

	mu    sync.Mutex
	conns []net.Conn // of the upstream's side
}

// gather starts an upstream on port 900 of each address, and a proxy on a unix
// socket: clients take no ports there.
func gather(t *testing.T, url string, source, to []string) *crowd {
	t.Helper()
	c := &crowd{T: t}
	for _, ip := range to {
		listenAt(t, net.JoinHostPort(ip, "900"), c.answer)
	}
	c.running = serve(t, proxy.Config{
		Listen: []string{"unix:" + filepath.Join(t.TempDir(), "s")}, Upstream: url, Source: source,
		DialTimeout: 100 * time.Millisecond, Logger: c.log.logger(),
	})
	return c
}

// answer upgrades and keeps the connection.
func (c *crowd) answer(conn net.Conn) {
	b := make([]byte, 1024)
	if _, err := conn.Read(b); err != nil {
		return
	}
	c.mu.Lock()
	c.conns = append(c.conns, conn)
	c.mu.Unlock()
	io.WriteString(conn, accepted)
	conn.Read(b) // until the end
}

// add opens a tunnel.
func (c *crowd) add(i int) {
	c.Helper()
	if err := openTunnel(c.dial(c), "/ws"); err != nil {
		c.Fatalf("tunnel %d: %v", i, err)
	}
}

// ends counts the upstream's connections by both their addresses.
func (c *crowd) ends() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := map[string]int{}
	for _, conn := range c.conns {
		n[ip(conn.RemoteAddr())+" "+ip(conn.LocalAddr())]++
	}
	return n
}

func ip(a net.Addr) string { return a.(*net.TCPAddr).AddrPort().Addr().String() }

// wantRefused wants an upgrade to be refused for want of a port, and the log to say so.
func (c *crowd) wantRefused(sources, addresses int) {
	c.Helper()
	client := c.dial(c)
	io.WriteString(client, upgradeHead("/ws"))
	c.wantPorts(client)
	const phrase = `"msg":"no local port left towards the upstream: `
	if text := c.log.String(); strings.Count(text, phrase) != 1 || !strings.Contains(text, fmt.Sprintf(`"sources":%d`, sources)) {
		c.Errorf("want one line with %s, got %s", phrase, text)
	}
}

// wantPlainRefused is the same for a plain request, whose way to the upstream is
// another, and which the log need not mention again so soon.
func (c *crowd) wantPlainRefused() {
	c.Helper()
	client := c.dial(c)
	io.WriteString(client, "GET /plain HTTP/1.1\r\nHost: mail.example\r\n\r\n")
	c.wantPorts(client)
}

func (c *crowd) wantPorts(client net.Conn) {
	c.Helper()
	answer, err := io.ReadAll(client)
	client.Close() // the proxy waits for that
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") || !strings.Contains(string(answer), "no free port") {
		c.Errorf("want 503 for want of a port, got %q, %v", answer, err)
	}
}

// endOne resets one connection at the upstream's end: a FIN would leave the port
// taken for a minute. false: there was none.
func (c *crowd) endOne() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.conns) == 0 {
		return false
	}
	conn := c.conns[0]
	c.conns = c.conns[1:]
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	return true
}

// disperse ends all tunnels before the test does, such that no port stays taken.
func (c *crowd) disperse() {
	for c.endOne() {
	}
	if !eventually(func() bool { return total(c.Stats()) == 0 }) {
		c.Error("connections are left though the upstream has ended all")
	}
}

// Sources take turns from the first connection on.
func TestSourcesTakeTurns(t *testing.T) {
	from := make(chan string, 6)
	url := listenFor(t, func(c net.Conn) {
		from <- ip(c.RemoteAddr())
		manyMinded(c)
	})
	sources := []string{"127.0.0.11", "127.0.0.12", "127.0.0.13"}
	r := serve(t, proxy.Config{Upstream: url, Source: sources})
	for round := range 2 {
		var got []string
		for range sources {
			c := r.dial(t)
			if err := openTunnel(c, "/ws"); err != nil {
				t.Fatal(err)
			}
			got = append(got, <-from)
		}
		slices.Sort(got)
		if !slices.Equal(got, sources) {
			t.Errorf("round %d comes from %v", round, got)
		}
	}
}

// A plain request's connection comes from a source as a tunnel's does.
func TestPlainRequestsComeFromASource(t *testing.T) {
	from := make(chan string, 1)
	url := listenFor(t, func(c net.Conn) {
		from <- ip(c.RemoteAddr())
		manyMinded(c)
	})
	c := serve(t, proxy.Config{Upstream: url, Source: []string{"127.0.0.11"}}).dial(t)
	io.WriteString(c, "GET /ok HTTP/1.1\r\nHost: mail.example\r\n\r\n")
	if got := <-from; got != "127.0.0.11" {
		t.Errorf("it comes from %s", got)
	}
}

// What is no source is found out before anything is served.
func TestWrongSources(t *testing.T) {
	for _, c := range []struct {
		upstream string
		source   []string
		want     string
	}{
		{"http://127.0.0.1:1", []string{"127.0.0.1", "192.0.2.1"}, "source 192.0.2.1 is no address of this machine"}, // RFC 5737
		{"http://[::1]:1", []string{"2001:db8::1"}, "source 2001:db8::1 is no address of this machine"},
		{"http://127.0.0.1:1", []string{"127.0.0.1:80"}, `source "127.0.0.1:80": write an IP address`},
		{"http://127.0.0.1:1", []string{"localhost"}, `source "localhost": write an IP address`},
		{"http://127.0.0.1:1", []string{"0.0.0.0"}, `source "0.0.0.0" cannot be`},
		{"http://127.0.0.1:1", []string{"127.0.0.2", "::ffff:127.0.0.2"}, "source 127.0.0.2 is there twice"},
		{"http://127.0.0.1:1", []string{"::1"}, "no source is of its family"},
		{"http://[::1]:1", []string{"127.0.0.2"}, "no source is of its family"},
		{"unix:/run/jmap.sock", []string{"127.0.0.2"}, "connections to it have no source"},
	} {
		_, err := proxy.New(proxy.Config{Listen: []string{"127.0.0.1:0"}, Upstream: c.upstream, Source: c.source})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s from %v: got %v, want %q", c.upstream, c.source, err, c.want)
		}
	}
}

// Ports are what is wanting only if they are with every address: here, one has none
// left and nobody listens at the other.
func TestOneAddressWithoutPortsOneWithoutServer(t *testing.T) {
	if !alone(t, "40000 40001") {
		return
	}
	name(t, "127.0.0.1 first.test\n127.0.0.9 first.test\n127.0.0.9 second.test\n127.0.0.1 second.test\n")
	for _, host := range []string{"first.test", "second.test"} {
		t.Run(host, func(t *testing.T) {
			c := gather(t, "http://"+host+":900", nil, []string{"127.0.0.1"})
			defer c.disperse()
			c.add(0)
			c.add(1)
			client := c.dial(t)
			io.WriteString(client, upgradeHead("/ws"))
			answer, err := io.ReadAll(client)
			client.Close() // the proxy waits for that
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 502 ") {
				t.Errorf("want 502, got %q, %v", answer, err)
			}
			if !strings.Contains(c.log.String(), `"msg":"upstream unreachable"`) {
				t.Errorf("the log is %s", c.log.String())
			}
		})
	}
}

// A name with addresses of a family that no source has leads nowhere.
func TestNameWithoutASourceOfItsFamily(t *testing.T) {
	if !alone(t, "40000 40009") {
		return
	}
	name(t, "::1 six.test\n")
	c := gather(t, "http://six.test:900", []string{"127.0.0.7"}, []string{"::1"})
	defer c.disperse()
	client := c.dial(t)
	io.WriteString(client, upgradeHead("/ws"))
	answer, err := io.ReadAll(client)
	client.Close()
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 502 ") {
		t.Errorf("want 502, got %q, %v", answer, err)
	}
	if !strings.Contains(c.log.String(), "::1: no source is of its family") {
		t.Errorf("the log is %s", c.log.String())
	}
}
