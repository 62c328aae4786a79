//go:build linux

package proxy_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// TestWire plays every story of testdata/wire against a proxy of its own.
func TestWire(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		stories, err := readStories(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range stories {
			t.Run(st.name, func(t *testing.T) {
				t.Parallel()
				if err := st.play(); err != nil {
					t.Errorf("%s\n(testdata/wire/%s)", err, filepath.Base(file))
				}
			})
		}
	}
}

// A stage is where one story is played.
type stage struct {
	up    *upstream
	proxy *running
	peers map[string]*peer
	taken int // connections accepted by the upstream
	fails string
}

// play runs the story and says the first thing that went otherwise.
func (st *story) play() (err error) {
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{peers: map[string]*peer{}, fails: failedConnects()}
	defer s.clear()
	if err := s.set(st, dir); err != nil {
		return err
	}
	for i, l := range st.lines {
		if l.verb == "--" {
			if err := s.split(st.lines[:i]); err != nil {
				return fmt.Errorf("line %d: %w", l.no, err)
			}
			continue
		}
		if err := s.do(l); err != nil {
			return fmt.Errorf("line %d: %s: %w", l.no, l.who, err)
		}
	}
	if err := s.proxy.stop(); err != nil {
		return err
	}
	if err := s.surplus(); err != nil {
		return err
	}
	if err := s.counted(); err != nil {
		return err
	}
	if st.seen != nil {
		st.seen(s.proxy.Stats())
	}
	for _, l := range st.after {
		if err := judge(s.proxy.Stats(), l); err != nil {
			return fmt.Errorf("line %d: %w", l.no, err)
		}
	}
	return nil
}

// set opens the upstream and starts the proxy.
func (s *stage) set(st *story, dir string) (err error) {
	cfg := proxy.Config{Logger: st.log.logger()}
	how := ""
	for _, kv := range st.config {
		key, value, _ := strings.Cut(kv, "=")
		switch key {
		case "upstream":
			how = value
		case "listen":
			cfg.Listen = []string{"unix:" + filepath.Join(dir, "proxy.sock")}
		default:
			if err := apply(&cfg, key, value); err != nil {
				return err
			}
		}
	}
	if how == "unix" {
		s.up, err = listenUnix(dir)
	} else {
		s.up, err = listenTCP(how)
	}
	if err != nil {
		return err
	}
	cfg.Upstream = s.up.url
	s.proxy, err = start(cfg)
	return err
}

func (s *stage) clear() {
	for _, p := range s.peers {
		p.Close()
	}
	if s.proxy != nil {
		s.proxy.stop()
	}
	if s.up != nil {
		s.up.Close()
	}
}

// peer is the connection that a story calls who, made if it is the first mention.
func (s *stage) peer(who string) (*peer, error) {
	if p := s.peers[who]; p != nil {
		return p, nil
	}
	if who[0] == 'C' {
		c, err := net.Dial(s.proxy.network, s.proxy.addr)
		if err != nil {
			return nil, err
		}
		s.peers[who] = newPeer(c)
		return s.peers[who], nil
	}
	n := 1
	if who != "U" {
		n, _ = strconv.Atoi(who[1:])
	}
	if n != s.taken+1 {
		return nil, fmt.Errorf("the story has taken up %d connections of the upstream", s.taken)
	}
	c, err := s.up.next()
	if err != nil {
		return nil, fmt.Errorf("no connection from the proxy: %w", err)
	}
	s.taken++
	s.peers[who] = newPeer(c)
	return s.peers[who], nil
}

// do plays one line.
func (s *stage) do(l line) error {
	if l.who == "" {
		return s.world(l.verb)
	}
	if l.verb == "<MOST" && s.peers[l.who] == nil && !s.up.pending() {
		return nil
	}
	p, err := s.peer(l.who)
	if err != nil {
		return err
	}
	switch l.verb {
	case "send":
		_, err = p.Write(l.data)
	case "want":
		err = p.want(l.data)
	case ">FIN":
		err = p.halfClose()
	case ">RST":
		err = p.reset()
	case ">DRIP":
		for i := range l.data {
			if _, err = p.Write(l.data[i : i+1]); err != nil {
				break
			}
		}
	case ">OPEN":
	case ">OOB":
		err = p.urgent(l.arg[0])
	case "<NOTHING":
		err = p.wantNothing()
	case "<REFUSED":
		err = p.wantRefusal(l.arg)
	default:
		err = p.wantEnd(strings.TrimPrefix(l.verb, "<"), l.data)
	}
	return err
}

// world plays a line that concerns the upstream as a whole.
func (s *stage) world(what string) error {
	switch what {
	case "down":
		return s.up.down()
	case "up":
		return s.up.up()
	case "none":
		if s.up.pending() {
			return errors.New("the proxy has dialled")
		}
		return nil
	case "idle":
		if !eventually(func() bool { return s.proxy.Stats().Connections == [proxy.NumSteps]int64{} }) {
			return errors.New("connections are still counted")
		}
		return nil
	case "refused":
		if !eventually(func() bool { return failedConnects() != s.fails }) {
			return errors.New("no connect was refused")
		}
		return nil
	}
	return fmt.Errorf("unknown line U %s", what)
}

// split waits until the proxy has read what the last sender sent. It gives up
// early: bytes that the proxy leaves in the kernel are in segments of their own
// as well, if only by luck.
func (s *stage) split(before []line) error {
	for i := len(before) - 1; i >= 0; i-- {
		if before[i].verb != "send" {
			continue
		}
		p := s.peers[before[i].who]
		for end := time.Now().Add(time.Second); unread(p.Conn) && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	return errors.New("nothing sent before the split")
}

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
		refusals(n) == 0 && (n.ClientReceivedBytes < sent[0] || n.UpstreamReceivedBytes < sent[1]):
		return fmt.Errorf("client sent %d bytes, counted %d; upstream sent %d, counted %d",
			sent[0], n.ClientReceivedBytes, sent[1], n.UpstreamReceivedBytes)
	}
	return nil
}

// judge checks a line that begins with stats or closed.
func judge(s proxy.Stats, l line) error {
	if l.verb == "closed" {
		step, party, _ := strings.Cut(l.arg, " ")
		for _, c := range s.Closed {
			if c.Step.String() == step && c.By.String() == party {
				return nil
			}
		}
		return fmt.Errorf("want a connection closed in step %s by %s, got %v", step, party, s.Closed)
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
