//go:build linux

package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wssplice/wssplice/proxy"
)

// TestCanary plays every story that carries the canary (as a token, good or bad,
// in a query that is refused, not allowed or not answered) and looks for it in
// all that the proxy says of itself.
func TestCanary(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	var stats strings.Builder
	played := 0
	for _, file := range files {
		stories, err := readStories(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range stories {
			if !st.mentions(canary) {
				continue
			}
			played++
			st.log = &log
			st.seen = func(s proxy.Stats) { fmt.Fprintf(&stats, "%+v\n", s) }
			if err := st.play(); err != nil {
				t.Errorf("%s: %v", st.name, err)
			}
		}
	}
	if played < 50 || strings.Count(log.String(), "\n") < played {
		t.Errorf("%d stories with %d lines of log prove nothing", played, strings.Count(log.String(), "\n"))
	}
	if line := log.find(canary); line != "" {
		t.Errorf("the log holds the canary: %s", line)
	}
	for _, form := range forms(canary) {
		if strings.Contains(stats.String(), form) {
			t.Errorf("the counters hold the canary as %s", form)
		}
	}
	// No part of a query at all, not only the tokens.
	for _, part := range []string{"access_token", "authorization=", "?"} {
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, part) {
				t.Errorf("the log holds %q: %s", part, line)
			}
		}
	}
}

// mentions says whether a line of the story holds text.
func (st *story) mentions(text string) bool {
	return slices.ContainsFunc(st.lines, func(l line) bool {
		return slices.ContainsFunc(forms(text), func(form string) bool {
			return strings.Contains(string(l.data), form)
		})
	})
}

// TestFinds shows that the canary would be found: a search that never finds
// anything would make every test of it pass.
func TestFinds(t *testing.T) {
	for _, said := range []string{
		"a Canary7Qx b", "a %43%61%6e%61%72%79%37%51 b", "Basic Q2FuYXJ5N1E6eA==", "eENhbmFyeTdReA==", "eHhDYW5hcnk3UQ==",
		"43616e6172793751",
	} {
		var log logBuffer
		log.logger().Debug("connection ended", "path", said)
		if log.find(canary) == "" {
			t.Errorf("not found in %s", said)
		}
	}
}

// TestLog looks at the one line that a connection leaves when it ends: who, where
// and why; and that no line calls a normal goodbye a warning or worse.
func TestLog(t *testing.T) {
	var log logBuffer
	p, err := start(proxy.Config{Upstream: listenFor(t, manyMinded), Logger: log.logger(), DialTimeout: visitDial})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range visits {
		if err := v.come(p); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	settle(t, p)
	accepted := p.Stats().Accepted
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	var ends, opens uint64
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if line["level"] != "DEBUG" && line["level"] != "INFO" && line["upstream"] == nil {
			t.Errorf("more than a note for a client's doing: %s", text)
		}
		switch {
		case line["duration"] != nil:
			ends++
			for _, key := range []string{"client", "phase", "by", "reason"} {
				if s, _ := line[key].(string); s == "" {
					t.Errorf("no %s in %s", key, text)
				}
			}
		case strings.Contains(fmt.Sprint(line["msg"]), "tunnel"):
			opens++
		}
	}
	if ends != accepted {
		t.Errorf("%d lines of connections that ended, want %d", ends, accepted)
	}
	if s := p.Stats(); opens != s.Upgrades {
		t.Errorf("%d lines of tunnels that opened, want %d", opens, s.Upgrades)
	}
}

// TestReasons holds the labels to a finite alphabet: a reason that is built from
// what a peer sent would be a leak and a metric without bounds.
func TestReasons(t *testing.T) {
	p := serve(t, proxy.Config{Upstream: listenFor(t, manyMinded), DialTimeout: visitDial})
	for _, v := range visits {
		if err := v.come(p); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	settle(t, p)
	word := regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)*$`)
	s := p.Stats()
	seen := map[string]bool{}
	for _, r := range s.Refusals {
		if !word.MatchString(r.Reason) || seen[r.Reason] {
			t.Errorf("refusal %q", r.Reason)
		}
		seen[r.Reason] = true
		if r.Status != 0 && (r.Status < 400 || r.Status > 599) {
			t.Errorf("refusal %s with status %d", r.Reason, r.Status)
		}
	}
	for _, c := range s.Closed {
		if !word.MatchString(c.Reason) || c.Count == 0 {
			t.Errorf("closed row %+v", c)
		}
	}
	if s.ClientReceivedBytes == 0 || s.ClientSentBytes == 0 || s.UpstreamReceivedBytes == 0 || s.UpstreamSentBytes == 0 {
		t.Errorf("bytes not counted: %+v", s)
	}
	var handshakes uint64
	for _, n := range s.Handshake.Counts {
		handshakes += n
	}
	if handshakes != s.Upgrades || s.Upgrades == 0 {
		t.Errorf("%d handshakes timed, %d upgrades", handshakes, s.Upgrades)
	}
}

// TestStoriesCanFail plays stories that are wrong: a runner that passes them
// would prove nothing with the others.
func TestStoriesCanFail(t *testing.T) {
	for name, text := range map[string]string{
		"wrong bytes up":     "C> @get /\nU< @get /x\n",
		"bytes not awaited":  "C> @get /\nU< GET / HTTP/1.1\n",
		"answer not awaited": "C> @get /\nU< @get /\nU> @200 ok\nC< HTTP/1.1 200 OK\n",
		"dial not awaited":   "C> @get /\nC2> @get /\nU< @get /\nU> @200 ok\nC2< ANY\n",
		"no refusal":         "C> @get / | X : y\nC< REFUSED 404\n",
		"refused field":      "C> @get / | X : y\nC< REFUSED 400 Retry-After\n",
		"wrong count":        "tunnel\nstats upgrades=2\n",
		"wrong party":        "tunnel\nC> RST\nU< RST\nclosed tunnel upstream\n",
		"reset for a FIN":    "tunnel\nC> FIN\nU< RST\n",
		"FIN for a reset":    "tunnel\nC> RST\nU< FIN\n",
		"something there":    "tunnel\nC> x\\\nU< x\\\nU> FIN\nC< FIN\nC< NOTHING\n",
	} {
		stories, err := parseStories(strings.ReplaceAll(name, " ", "-"), text)
		if err != nil {
			t.Fatal(err)
		}
		stories[0].config = append(stories[0].config, "idle-timeout=1s", "answer-timeout=100ms")
		if err := stories[0].play(); err == nil {
			t.Errorf("%s: passed", name)
		} else if testing.Verbose() {
			io.WriteString(t.Output(), name+": "+err.Error()+"\n")
		}
	}
}
