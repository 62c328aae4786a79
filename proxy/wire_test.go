//go:build linux

package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// TestWire plays every story of testdata/wire against a proxy of its own, and once
// more with all that is sent in segments of one byte: no story may end otherwise
// for that.
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
			for _, how := range []string{"", "dripped"} {
				st.dripped = how != ""
				t.Run(filepath.Join(how, st.name), func(t *testing.T) {
					t.Parallel()
					if err := st.play(); err != nil {
						t.Errorf("%s\n(testdata/wire/%s)", err, filepath.Base(file))
					}
				})
			}
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
	vague bool // a line left open what comes

	dripped bool // every byte in a segment of its own
}

// play runs the story and says the first thing that went otherwise.
func (st *story) play() (err error) {
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{peers: map[string]*peer{}, fails: failedConnects(), dripped: st.dripped}
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
		return s.world(l)
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
		if s.dripped && len(l.data) < 4000 {
			drip(p, l.data) // to no avail if the proxy has refused and closed meanwhile
			break
		}
		_, err = p.Write(l.data)
	case "want":
		err = p.want(l.data)
	case ">FIN":
		err = p.halfClose()
	case ">RST":
		err = p.reset()
	case ">DRIP":
		err = drip(p, l.data)
	case ">OPEN":
	case ">OOB":
		err = p.urgent(l.arg[0])
	case "<NOTHING":
		err = p.wantNothing()
	case "<REFUSED":
		err = p.wantRefusal(l.arg)
	default:
		s.vague = s.vague || l.verb == "<ANY"
		err = p.wantEnd(strings.TrimPrefix(l.verb, "<"), l.data)
	}
	return err
}

// drip writes data byte by byte. TCP_NODELAY, Go's default, makes them segments.
func drip(w io.Writer, data []byte) error {
	for i := range data {
		if _, err := w.Write(data[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// world plays a line that concerns the upstream as a whole, or the proxy.
func (s *stage) world(l line) error {
	switch l.verb {
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
		if !eventually(func() bool { return total(s.proxy.Stats()) == 0 }) {
			return errors.New("connections are still counted")
		}
		return nil
	case "wait":
		d, err := time.ParseDuration(l.arg)
		time.Sleep(d)
		return err
	case "drain":
		s.vague = true // what comes behind the last answer need not be read
		go s.proxy.Drain(context.Background())
		if !eventually(func() bool { return !s.proxy.Ready() }) {
			return errors.New("the proxy does not drain")
		}
		return nil
	case "stop":
		return s.proxy.stop()
	case "dialled":
		if !eventually(func() bool { return s.proxy.Stats().Connections[proxy.StepDial] > 0 }) {
			return errors.New("the proxy does not dial")
		}
		return nil
	case "refused":
		// The kernel counts for all stories together, but the step is this one's.
		if !eventually(func() bool {
			return s.proxy.Stats().Connections[proxy.StepDial] > 0 && failedConnects() != s.fails
		}) {
			return errors.New("no connect was refused")
		}
		return nil
	}
	return fmt.Errorf("unknown line U %s", l.verb)
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
		for end := time.Now().Add(time.Second / 4); unread(p.Conn) && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	return errors.New("nothing sent before the split")
}
