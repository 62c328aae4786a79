//go:build linux

package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// A visit is one client connection from dial to end.
type visit struct {
	name string
	run  func(*peer) error
}

// visitDial is for the visits: an upgrade that the upstream closes without an answer is
// sent again for that long.
const visitDial = 250 * time.Millisecond

// visits are the ways in which a client connection may go.
var visits = []visit{
	{"comes and goes", func(p *peer) error { return nil }},
	{"comes and resets", (*peer).reset},
	{"half a head, then closes", say("GET /ok HTTP/1.1\r\nHo", nil)},
	{"half a head, then resets", say("GET /ok HTTP/1.1\r\nHo", (*peer).reset)},
	{"three requests", func(p *peer) error {
		for range 3 {
			if err := ask(p, plainHead("/ok"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
				return err
			}
		}
		return nil
	}},
	{"three requests at once", func(p *peer) error {
		return ask(p, strings.Repeat(plainHead("/ok"), 3), strings.Repeat("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 3))
	}},
	{"a request that closes", toEnd("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200")},
	{"a chunked body", func(p *peer) error {
		return ask(p, "POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	}},
	{"half a body, then closes", say("POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello", nil)},
	{"half a body, then resets", say("POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello", (*peer).reset)},
	{"a bad chunk", toEnd("POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400")},
	{"until close", toEnd(plainHead("/untilclose"), "HTTP/1.1 200 OK\r\n\r\nsome")},
	{"cut short", toEnd(plainHead("/cut"), "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")},
	{"resets within an answer", func(p *peer) error {
		if err := ask(p, plainHead("/endless"), "HTTP/1.1 200"); err != nil {
			return err
		}
		return p.reset()
	}},
	{"closes within an answer", func(p *peer) error { return ask(p, plainHead("/endless"), "HTTP/1.1 200") }},
	{"events to their end, and more", func(p *peer) error {
		for _, accept := range []string{"Accept: text/event-stream\r\n", "", "Accept: text/event-stream\r\n"} {
			if err := ask(p, "GET /events/end HTTP/1.1\r\nHost: a\r\n"+accept+"\r\n", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"+
				"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n"); err != nil {
				return err
			}
		}
		return ask(p, plainHead("/ok"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}},
	{"events cut short", toEnd("GET /events/cut HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n", "HTTP/1.1 200")},
	{"closes within events", func(p *peer) error {
		return ask(p, "GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n", "HTTP/1.1 200")
	}},
	{"resets within events", func(p *peer) error {
		if err := ask(p, plainHead("/events"), "HTTP/1.1 200"); err != nil {
			return err
		}
		return p.reset()
	}},
	{"asks for events and gets something else", func(p *peer) error {
		return ask(p, "GET /ok HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"+plainHead("/ok"),
			strings.Repeat("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 2))
	}},
	{"asks for events and is reset", toEnd("GET /reset HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n", "HTTP/1.1 502")},
	{"asks for events and leaves", say("GET /never HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n", nil)},
	{"upstream closes instead of an answer", toEnd(plainHead("/close"), "HTTP/1.1 502")},
	{"upstream resets instead of an answer", toEnd(plainHead("/reset"), "HTTP/1.1 502")},
	{"resets before the answer", say(plainHead("/never"), (*peer).reset)},
	{"closes before the answer", say(plainHead("/never"), nil)},
	{"refused", toEnd("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", "HTTP/1.1 400")},
	{"refused and does not listen", say("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", nil)},
	{"refused and resets", say("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", (*peer).reset)},
	{"no token", toEnd(upgradeHead("/ws?access_token=Canary7Q%0d%0a"), "HTTP/1.1 400")},
	{"tunnel", func(p *peer) error {
		if err := ask(p, upgradeHead("/ws?access_token=Canary7Q"), accepted+"hello"); err != nil {
			return err
		}
		if err := ask(p, "echo", "echo"); err != nil {
			return err
		}
		if err := p.halfClose(); err != nil {
			return err
		}
		return p.wantEnd("FIN", nil)
	}},
	{"tunnel that the client closes", func(p *peer) error { return ask(p, upgradeHead("/ws"), accepted+"hello") }},
	{"tunnel that the client resets", func(p *peer) error {
		if err := ask(p, upgradeHead("/ws")+"early", accepted+"hello"); err != nil {
			return err
		}
		return p.reset()
	}},
	{"tunnel that the upstream closes", toEnd(upgradeHead("/ws/bye"), accepted+"hello")},
	{"tunnel that the upstream resets", toEnd(upgradeHead("/ws/reset"), "")},
	{"upgrade refused", toEnd(upgradeHead("/401"), "HTTP/1.1 401")},
	{"upgrade lied to", toEnd(upgradeHead("/lie"), "HTTP/1.1 502")},
	{"upgrade reset by the upstream", toEnd(upgradeHead("/reset"), "HTTP/1.1 502")},
	{"upgrade closed by the upstream", toEnd(upgradeHead("/close"), "HTTP/1.1 502")},
	{"upgrade given up by reset", say(upgradeHead("/never"), (*peer).reset)},
	{"upgrade given up", say(upgradeHead("/never")+"early", nil)},
	{"tunnel behind a request", func(p *peer) error {
		if err := ask(p, plainHead("/ok"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return err
		}
		return ask(p, upgradeHead("/ws")+"early", accepted+"helloearly")
	}},
	{"upgrade refused behind a request", func(p *peer) error {
		if err := ask(p, plainHead("/ok"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return err
		}
		return toEnd(upgradeHead("/401"), "HTTP/1.1 401")(p)
	}},
}

func plainHead(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: mail.example\r\n\r\n"
}

// say sends text and does then what is to be done, or closes.
func say(text string, then func(*peer) error) func(*peer) error {
	return func(p *peer) error {
		_, err := io.WriteString(p, text)
		if err == nil && then != nil {
			return then(p)
		}
		return err
	}
}

// ask sends text and reads an answer that begins with want.
func ask(p *peer, text, want string) error {
	if _, err := io.WriteString(p, text); err != nil {
		return err
	}
	return p.want([]byte(want))
}

// toEnd sends text and reads to the end what must begin with want.
func toEnd(text, want string) func(*peer) error {
	return func(p *peer) error {
		if _, err := io.WriteString(p, text); err != nil {
			return err
		}
		got, _, err := p.end()
		if err != nil || !strings.HasPrefix(string(got), want) {
			return fmt.Errorf("want %q, got %q (%v)", want, got, err)
		}
		return nil
	}
}

// TestLeaks lets 10,000 connections of every kind come and go and looks what is
// left of them.
func TestLeaks(t *testing.T) {
	const total, atOnce = 10_000, 50
	good := serve(t, proxy.Config{Upstream: listenFor(t, manyMinded), Loops: 2, DialTimeout: visitDial})
	dead, err := listenTCP("down")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	bad := serve(t, proxy.Config{Upstream: dead.url, DialTimeout: 5 * time.Millisecond})
	kinds := append([]visit(nil), visits...)

	// One of each first: what a program keeps for good it keeps from then on.
	for _, v := range kinds {
		if err := v.come(good); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	settle(t, good)
	before := inventory()

	var wg sync.WaitGroup
	var next, failed atomic.Int64
	for range atOnce {
		wg.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= total || failed.Load() > 10 {
					return
				}
				v, to := kinds[n%(len(kinds)+2)%len(kinds)], good
				switch n % (len(kinds) + 2) {
				case len(kinds):
					v, to = visit{"upgrade with no upstream", toEnd(upgradeHead("/ws"), "HTTP/1.1 502")}, bad
				case len(kinds) + 1:
					v, to = visit{"request with no upstream", toEnd(plainHead("/ok"), "HTTP/1.1 502")}, bad
				}
				if err := v.come(to); err != nil {
					failed.Add(1)
					t.Errorf("%s: %v", v.name, err)
				}
			}
		})
	}
	wg.Wait()
	if !eventually(func() bool { return good.Stats().Accepted+bad.Stats().Accepted >= total }) {
		t.Errorf("%d and %d connections accepted of %d", good.Stats().Accepted, bad.Stats().Accepted, total)
	}
	settle(t, good)
	settle(t, bad)
	// Pipes that wait for the next bulk transfer are kept on purpose.
	pipes := int(good.Stats().PipesIdle + bad.Stats().PipesIdle)
	for range 2 * pipes {
		before.files[fmt.Sprint("pipe ", len(before.files))] = ""
	}
	if err := back(before); err != nil {
		t.Error(err)
	}
}

// TestSeats lets the visits come one by one where only one client may be at a
// time: a place that is not given back keeps the next one out.
func TestSeats(t *testing.T) {
	p := serve(t, proxy.Config{
		Upstream: listenFor(t, manyMinded), MaxConnections: 1, MaxConnectionsPerAddress: 1, DialTimeout: visitDial,
	})
	for i, v := range visits {
		if err := v.come(p); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
		// Who left before it was accepted still takes its turn.
		if !eventually(func() bool { return p.Stats().Accepted > uint64(i) }) {
			t.Fatalf("%s: was not accepted", v.name)
		}
		settle(t, p)
	}
}

// come makes the visit.
func (v visit) come(to *running) error {
	c, err := net.Dial(to.network, to.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return v.run(newPeer(c))
}

// settle waits until the proxy counts no connection, and judges its counters.
func settle(t *testing.T, r *running) {
	t.Helper()
	var err error
	if !eventually(func() bool { err = balanced(r.Stats()); return err == nil }) {
		t.Error(errors.Join(errors.New("connections are left over"), err))
	}
}
