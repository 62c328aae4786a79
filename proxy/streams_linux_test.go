//go:build linux && !portable

package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wssplice/wssplice/proxy"
)

const (
	eventsHead   = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	event        = "9\r\ndata: 1\n\n\r\n"
	eventsEnd    = "0\r\n\r\n"
	acceptEvents = "Accept: text/event-stream\r\n"
)

// ways are those in which a stream comes to its loop: it is asked for as browsers do
// and never leaves it; or it only turns out to be one, and a goroutine had it first.
var ways = map[string]string{"asked for": acceptEvents, "found": ""}

func eventsRequest(target, fields string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: mail.example\r\n" + fields + "\r\n"
}

// served is the number of connections that have a goroutine.
func served() int { return strings.Count(goroutines(), "proxy.(*exchange).") }

// TestIdleStreams opens a thousand streams: none has a goroutine, each has two
// descriptors, and all of that comes and goes without a trace.
func TestIdleStreams(t *testing.T) {
	const streams = 1000
	for name, fields := range ways {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var far []net.Conn
			up := listenFor(t, func(c net.Conn) {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					return
				}
				io.WriteString(c, eventsHead)
				mu.Lock()
				far = append(far, c)
				mu.Unlock()
				io.Copy(io.Discard, c)
			})
			p := serve(t, proxy.Config{Upstream: up, Loops: 2})
			before := len(inventory().files)
			near := make([]*peer, streams)
			for i := range near {
				near[i] = p.dial(t)
				if err := ask(near[i], eventsRequest("/events", fields), eventsHead); err != nil {
					t.Fatal(err)
				}
			}
			// Two of the proxy's, and the far ends of both.
			if !eventually(func() bool { return served() == 0 && len(inventory().files) <= before+4*streams }) {
				t.Errorf("%d streams: %d goroutines and %d descriptors more than none", streams, served(), len(inventory().files)-before)
			}
			s := p.Stats()
			if guests := s.Loops[0].Guests + s.Loops[1].Guests; guests < streams || s.Connections[proxy.StepExchange] != streams {
				t.Errorf("%d streams are counted as %d guests and %v", streams, guests, s.Connections)
			}
			mu.Lock()
			for _, c := range far {
				io.WriteString(c, event)
			}
			mu.Unlock()
			for _, c := range near {
				if err := c.want([]byte(event)); err != nil {
					t.Fatal(err)
				}
			}
			if n := served(); n > 0 {
				t.Errorf("%d goroutines after an event each", n)
			}
			for _, c := range near {
				c.Close()
			}
			settle(t, p)
			if s := p.Stats(); s.ClientSentBytes != streams*uint64(len(eventsHead)+len(event)) {
				t.Errorf("%d bytes counted to the clients", s.ClientSentBytes)
			}
		})
	}
}

// TestStreamToSlowReader stalls the reader of a stream: the stream leaves its loop,
// and comes back once the reader has caught up, with no byte lost, none twice, and the
// framing in mind.
func TestStreamToSlowReader(t *testing.T) {
	const size = 16 << 20 // more than the kernel takes on the way
	for name, fields := range ways {
		t.Run(name, func(t *testing.T) {
			var p *running
			var written atomic.Int64
			more := make(chan bool)
			up := listenFor(t, func(conn net.Conn) {
				c := &paced{peer: newPeer(conn), taken: func(n uint64) bool { return p.Stats().UpstreamReceivedBytes >= n || served() > 0 }}
				r := bufio.NewReader(c)
				for {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					io.WriteString(c, eventsHead)
					if !<-more {
						return
					}
					fmt.Fprintf(c, "%x\r\n", size)
					if err := newNoise(1).send(c, size, &written); err != nil {
						t.Errorf("upstream: %v", err)
					}
					io.WriteString(c, "\r\n")
					<-more
					io.WriteString(c, event+eventsEnd)
				}
			})
			p = serve(t, proxy.Config{Upstream: up, Loops: 1})
			c := p.dial(t)
			defer close(more)
			for range 2 { // again on a kept connection, which the stream has left as it was
				if err := ask(c, eventsRequest("/events", fields), eventsHead); err != nil {
					t.Fatal(err)
				}
				onLoop := func() bool { return served() == 0 }
				if !eventually(onLoop) {
					t.Error("the stream has a goroutine")
				}
				more <- true
				if !eventually(func() bool { return served() > 0 }) {
					t.Error("the loop still has a stream whose reader is slow")
				}
				if err := c.want(fmt.Appendf(nil, "%x\r\n", size)); err != nil {
					t.Fatal(err)
				}
				if err := newNoise(1).check(io.LimitReader(c, size), size); err != nil {
					t.Fatal(err)
				}
				if err := c.want([]byte("\r\n")); err != nil {
					t.Fatal(err)
				}
				if !eventually(onLoop) {
					t.Error("the stream has not gone back to its loop")
				}
				more <- true
				if err := c.want([]byte(event + eventsEnd)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// paced writes a piece only when the one before was taken: so a loop is given less at
// a time than would make it let go of the stream for that.
type paced struct {
	*peer
	taken func(written uint64) bool
}

func (p *paced) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = p.peer.Write(b[n:min(n+32<<10, len(b))])
		n += m
		if !eventually(func() bool { return p.taken(p.written) }) {
			return n, errors.New("the proxy does not read")
		}
	}
	return n, err
}

// TestStreamsStop drains a proxy whose streams do not end: they go on until the time
// is up.
func TestStreamsStop(t *testing.T) {
	far := make(chan net.Conn, 2)
	up := listenFor(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		io.WriteString(c, eventsHead)
		far <- c
		io.Copy(io.Discard, c)
	})
	p := serve(t, proxy.Config{Upstream: up})
	var near []*peer
	for _, fields := range ways {
		c := p.dial(t)
		if err := ask(c, eventsRequest("/events", fields), eventsHead); err != nil {
			t.Fatal(err)
		}
		near = append(near, c)
	}
	if !eventually(func() bool { return served() == 0 }) {
		t.Error("streams have goroutines")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	closed := make(chan int)
	go func() { closed <- p.Drain(ctx) }()
	if !eventually(func() bool { return !p.Ready() }) {
		t.Error("ready while draining")
	}
	for range near {
		io.WriteString(<-far, event)
	}
	for _, c := range near {
		if err := c.want([]byte(event)); err != nil {
			t.Errorf("while draining: %v", err)
		}
	}
	cancel()
	if n := <-closed; n != len(near) {
		t.Errorf("Drain closed %d connections, want %d", n, len(near))
	}
	for _, c := range near {
		if err := c.wantEnd("END", nil); err != nil {
			t.Error(err)
		}
	}
	settle(t, p)
	want := proxy.ClosedCount{Step: proxy.StepExchange, By: proxy.ByProxy, Reason: "stopped", Count: uint64(len(near))}
	if got := p.Stats().Closed; len(got) != 1 || got[0] != want {
		t.Errorf("closed %v, want %v", got, want)
	}
}

// TestStreamsStopAtAnyTime closes the proxy while streams go to and fro.
func TestStreamsStopAtAnyTime(t *testing.T) {
	up := listenFor(t, manyMinded)
	for round := range 20 {
		p := serve(t, proxy.Config{Upstream: up, Loops: 2})
		var wg sync.WaitGroup
		for n := range 20 {
			c := p.dial(t)
			fields := ""
			if n%2 == 0 {
				fields = acceptEvents
			}
			wg.Go(func() {
				for c.want([]byte(eventsHead+event+eventsEnd)) == nil {
				}
			})
			io.WriteString(c, strings.Repeat(eventsRequest("/events/end", fields), 10*(round+1)))
		}
		if !eventually(func() bool { return p.Stats().Requests > uint64(round) }) {
			t.Error("no stream was answered")
		}
		p.Close()
		wg.Wait()
		settle(t, p)
	}
}
