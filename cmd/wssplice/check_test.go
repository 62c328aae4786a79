package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestExplain: each setting is told in words, and the words change with it.
func TestExplain(t *testing.T) {
	for _, tc := range []struct {
		name  string
		args  []string
		found string
		want  []string // lines, with blanks squeezed
	}{
		{"defaults", nil, "10.0.0.5, 10.0.0.6", []string{
			"The configuration is valid.",
			"on :8080, on every address of this host",
			"backlog 4096 connections, if net.core.somaxconn allows",
			"event loops chosen by the number of CPUs",
			"address http://mail-server:8080",
			"resolves to 10.0.0.5, 10.0.0.6",
			"dial 5s to connect, redials while it is down included",
			"answer 30s from the end of a request to the head of its answer",
			"may pass every path",
			"token ?access_token=VALUE leaves the query and becomes Authorization: Bearer VALUE",
			"credential ?authorization=VALUE leaves the query and becomes Authorization: VALUE, for Basic and Bearer only",
			"head 10s for at most 16KiB and 100 fields",
			"per address no limit",
			"plain, idle closed after 1m15s",
			"tunnel, idle closed after 24h",
			"half-closed, idle closed after 30s",
			"dead peers probed after 30s idle, closed when 3 probes, 10s apart, stay unanswered",
			"unacknowledged closed after 1m",
			"drain after SIGTERM tunnels stay up to 30s, then they are closed",
			"admin http://127.0.0.1:9090, with /metrics, /healthz and /readyz",
			"log info and above, as text, to standard error",
		}},
		{"everything else", []string{
			"--listen", "127.0.0.1:81", "--listen", "unix:/run/wssplice.sock", "--loops", "2",
			"--allow", "/jmap/", "--allow", "/.well-known", "--token-param=", "--authorization-param", "auth",
			"--dial-timeout", "0", "--head-timeout", "0", "--head-bytes", "8KiB", "--head-fields", "50",
			"--max-connections", "500", "--max-connections-per-address", "5", "--tunnel-idle-timeout", "0",
			"--keepalive-idle", "0", "--drain-timeout", "0", "--admin=", "--log-level", "warn", "--log-format", "json",
		}, "", []string{
			"on 127.0.0.1:81",
			"on the socket /run/wssplice.sock",
			"event loops 2",
			"dial no time limit to connect, redials while it is down included",
			"may pass /jmap and what is below it; a path that no line lets pass gets 404",
			"may pass /.well-known and what is below it; a path that no line lets pass gets 404",
			"token off: no parameter is moved",
			"credential ?auth=VALUE leaves the query and becomes Authorization: VALUE, for Basic and Bearer only",
			"head no time limit for at most 8KiB and 50 fields",
			"in all 500 at once",
			"per address 5 at once",
			"tunnel, idle never closed for that",
			"dead peers not looked for: TCP keepalive is off",
			"drain after SIGTERM tunnels stay until they end by themselves",
			"admin off",
			"log warn and above, as json, to standard error",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := parse(t, nil, append(tc.args, "--upstream", "http://mail-server:8080")...)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := s.config()
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			explain(&b, s, &cfg, tc.found)
			lines := make(map[string]bool)
			for line := range strings.Lines(b.String()) {
				lines[strings.Join(strings.Fields(line), " ")] = true
			}
			for _, want := range tc.want {
				if !lines[want] {
					t.Errorf("not said: %s\n%s", want, b.String())
				}
			}
			if tc.found == "" && strings.Contains(b.String(), "resolves to") {
				t.Error("tells where an address resolves to")
			}
		})
	}
}

// TestResolve: only names are looked up, and one that leads nowhere is no mistake.
func TestResolve(t *testing.T) {
	for upstream, want := range map[string]string{
		"http://127.0.0.1:8080": "",
		"http://[::1]:8080":     "",
		"unix:/run/jmap.sock":   "",
		"http://localhost:8080": "127.0.0.1",
	} {
		if got := resolve(t.Context(), upstream); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", upstream, got, want)
		}
	}

	over, cancel := context.WithCancel(t.Context())
	cancel() // so that no server is asked
	if got := resolve(over, "http://nowhere.invalid:1"); !strings.HasPrefix(got, "no address now (") {
		t.Errorf("a name that cannot be resolved: %q", got)
	}
}
