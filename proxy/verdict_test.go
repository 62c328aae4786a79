//go:build linux

package proxy_test

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/wssplice/wssplice/proxy"
)

// surplus looks for bytes and connections that the story does not mention. The
// proxy has stopped, so all that it sent is there.
func (s *stage) surplus() error {
	for who, p := range s.peers {
		rest, _, err := p.end()
		if len(rest) > 0 {
			return fmt.Errorf("%s: got bytes that the story does not mention: %s", who, quote(rest))
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("%s: not closed by the proxy's Close: %w", who, err)
		}
	}
	if s.up.pending() {
		return errors.New("the proxy has dialled more often than the story mentions")
	}
	return nil
}

// counted compares the proxy's counters with what its peers have sent and got.
// Where nothing was reset they agree; but the proxy need not read all that comes
// behind a refused head.
func (s *stage) counted() error {
	var sent, got [2]uint64
	for who, p := range s.peers {
		if p.broken {
			return nil
		}
		i := strings.Index("CU", who[:1])
		sent[i] += p.written
		got[i] += p.read
	}
	n := s.proxy.Stats()
	switch {
	case n.ClientSentBytes != got[0] || n.UpstreamSentBytes != got[1]:
		return fmt.Errorf("client got %d bytes, counted %d; upstream got %d, counted %d",
			got[0], n.ClientSentBytes, got[1], n.UpstreamSentBytes)
	case n.ClientReceivedBytes > sent[0] || n.UpstreamReceivedBytes > sent[1],
		!s.vague && refusals(n) == 0 && (n.ClientReceivedBytes < sent[0] || n.UpstreamReceivedBytes < sent[1]):
		return fmt.Errorf("client sent %d bytes, counted %d; upstream sent %d, counted %d",
			sent[0], n.ClientReceivedBytes, sent[1], n.UpstreamReceivedBytes)
	}
	return nil
}

// judge checks a line that begins with stats or closed.
func judge(s proxy.Stats, l line) error {
	if l.verb == "closed" {
		for _, c := range s.Closed {
			if got := fmt.Sprintf("%v %v %s", c.Step, c.By, c.Reason); got == l.arg || strings.HasPrefix(got, l.arg+" ") {
				return nil
			}
		}
		return fmt.Errorf("want a connection closed in step %s, got %v", l.arg, s.Closed)
	}
	got := map[string]uint64{
		"upgrades": s.Upgrades, "requests": s.Requests, "refused": refusals(s), "accepted": s.Accepted,
	}
	for _, kv := range strings.Fields(l.arg) {
		key, value, _ := strings.Cut(kv, "=")
		if n, ok := got[key]; !ok || strconv.FormatUint(n, 10) != value {
			return fmt.Errorf("want %s, got %d", kv, n)
		}
	}
	return nil
}
