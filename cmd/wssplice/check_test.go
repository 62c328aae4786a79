package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExplain: each setting is told in words, and the words change with it.
func TestExplain(t *testing.T) {
	addrs := func(list ...string) (ips []netip.Addr) {
		for _, s := range list {
			ips = append(ips, netip.MustParseAddr(s))
		}
		return ips
	}
	usual := ports{low: 32768, high: 60999}
	for _, tc := range []struct {
		name string
		args []string
		here surroundings
		want []string // lines, with blanks squeezed
	}{
		{"defaults", nil, surroundings{
			found: addrs("10.0.0.5", "10.0.0.6"), lookUp: "10.0.0.5, 10.0.0.6", ports: usual,
			connections: 9872, descriptors: " of the 20000 that the process may have",
		}, []string{
			"The configuration is valid.",
			"on :8080, on every address of this host",
			"backlog 4096 connections, if net.core.somaxconn allows",
			"event loops one for two CPUs",
			"address http://mail-server:8080",
			"resolves to 10.0.0.5, 10.0.0.6",
			"from the address that the kernel chooses",
			"ports 56464 connections at once: 28232 ports (32768-60999) by 2 pairs of source and upstream address",
			"in all 9872 at once, at two descriptors each of the 20000 that the process may have",
			"dial 5s to connect, redials while it is down included",
			"answer 30s from the end of a request to the head of its answer",
			"may pass every path",
			"token ?access_token=VALUE leaves the query and becomes Authorization: Bearer VALUE",
			"credential ?authorization=VALUE leaves the query and becomes Authorization: VALUE, for Basic and Bearer only",
			"head 10s for at most 16KiB and 100 fields",
			"per address no limit",
			"plain, idle closed after 1m15s",
			"tunnel, idle closed after 24h",
			"tunnel, age never closed for that",
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
			"--max-connections", "500", "--max-connections-per-address", "5", "--tunnel-idle-timeout", "0", "--tunnel-lifetime", "8h",
			"--keepalive-idle", "0", "--drain-timeout", "0", "--admin=", "--log-level", "warn", "--log-format", "json",
		}, surroundings{}, []string{
			"on 127.0.0.1:81",
			"ports none are taken: the upstream is a unix socket",
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
			"tunnel, age closed at 7h to 8h, each at its own",
			"dead peers not looked for: TCP keepalive is off",
			"drain after SIGTERM tunnels stay until they end by themselves",
			"admin off",
			"log warn and above, as json, to standard error",
		}},
		{"sources", []string{"--source", "10.0.0.2,10.0.0.3", "--source", "fd00::2", "--max-connections", "100000"}, surroundings{
			found: addrs("10.0.0.5", "fd00::5"), lookUp: "10.0.0.5, fd00::5", ports: ports{low: 40000, high: 49999, reserved: 1000}, connections: 100_000,
		}, []string{
			"from 10.0.0.2, 10.0.0.3, fd00::2, in turn",
			"ports 27000 connections at once: 9000 ports (40000-49999) by 3 pairs of source and upstream address; " +
				"fewer than the limit below: give more --source addresses",
			"in all 100000 at once",
		}},
		{"a source of one family", []string{"--source", "10.0.0.2"}, surroundings{
			found: addrs("10.0.0.5", "fd00::5"), lookUp: "10.0.0.5, fd00::5", ports: usual,
		}, []string{
			"from 10.0.0.2",
			"ports 28232 connections at once: 28232 ports (32768-60999); 1 of its addresses not used, for want of a source of the family",
			"in all no limit",
		}},
		{"a source of the other family", []string{"--source", "10.0.0.2"}, surroundings{found: addrs("fd00::5"), lookUp: "fd00::5", ports: usual}, []string{
			"ports none: no source is of the family of the upstream's addresses, add one or leave the sources out",
		}},
		{"no address", nil, surroundings{lookUp: "no address now (why); serve asks again when it dials", ports: usual}, []string{
			"resolves to no address now (why); serve asks again when it dials",
			"ports unknown while the upstream has no address",
		}},
		{"another system", []string{"--source", "10.0.0.2, 10.0.0.3"}, surroundings{found: addrs("10.0.0.5")}, []string{
			"ports as many connections as the system has ports, times 2",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			upstream := "http://mail-server:8080"
			if tc.here.lookUp == "" && tc.here.found == nil {
				upstream = "unix:/run/jmap.sock"
			}
			s, err := parse(t, nil, append(tc.args, "--upstream", upstream)...)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := s.config()
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			explain(&b, s, &cfg, tc.here)
			lines := make(map[string]bool)
			for line := range strings.Lines(b.String()) {
				lines[strings.Join(strings.Fields(line), " ")] = true
			}
			for _, want := range tc.want {
				if !lines[want] {
					t.Errorf("not said: %s\n%s", want, b.String())
				}
			}
			if tc.here.lookUp == "" && strings.Contains(b.String(), "resolves to") {
				t.Error("tells where an address resolves to")
			}
		})
	}
}

// TestResolve: only names are looked up, and one that leads nowhere is no mistake.
func TestResolve(t *testing.T) {
	for upstream, want := range map[string]struct{ found, lookUp string }{
		"http://127.0.0.1:8080": {"127.0.0.1", ""},
		"http://[::1]:8080":     {"::1", ""},
		"unix:/run/jmap.sock":   {"", ""},
		"http://localhost:8080": {"127.0.0.1", "127.0.0.1"},
	} {
		found, lookUp := resolve(t.Context(), upstream)
		if text := fmt.Sprint(found); !strings.Contains(text, want.found) || (want.found == "") != (len(found) == 0) {
			t.Errorf("%s: found %s, want %q", upstream, text, want.found)
		}
		if !strings.Contains(lookUp, want.lookUp) || (want.lookUp == "") != (lookUp == "") {
			t.Errorf("%s: got %q, want %q", upstream, lookUp, want.lookUp)
		}
	}

	over, cancel := context.WithCancel(t.Context())
	cancel() // so that no server is asked
	if found, got := resolve(over, "http://nowhere.invalid:1"); found != nil || !strings.HasPrefix(got, "no address now (") {
		t.Errorf("a name that cannot be resolved: %v, %q", found, got)
	}
}

func TestLocalPorts(t *testing.T) {
	for _, tc := range []struct {
		portRange, reserved string
		count               int
	}{
		{"32768\t60999\n", "\n", 28232},
		{"32768\t60999\n", "", 28232},
		{"1024\t65535\n", "8080,9000-9009\n", 64512 - 11},
		{"40000\t40009\n", "8080,39000-40001,40009-41000\n", 7},
		{"", "8080", 1}, // unknown
		{"7 x", "", 1},
		{"9 8", "", 1},
	} {
		proc := t.TempDir()
		dir := filepath.Join(proc, "sys/net/ipv4")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"ip_local_port_range": tc.portRange, "ip_local_reserved_ports": tc.reserved} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p := localPorts(proc)
		if known := tc.count > 1; known != (p.low > 0) || known && p.count() != tc.count {
			t.Errorf("%q without %q: got %+v, want %d", tc.portRange, tc.reserved, p, tc.count)
		}
	}
	if p := localPorts(t.TempDir()); p != (ports{}) {
		t.Errorf("where nothing says what they are there are %+v", p)
	}
}

// TestCheckSource: a source that this machine does not have is found before serving.
func TestCheckSource(t *testing.T) {
	for source, want := range map[string]int{
		"127.0.0.1": exitStopped,
		"192.0.2.1": exitFailed, // RFC 5737: nobody's
		"mail":      exitUsage,
	} {
		var out, errs bytes.Buffer
		h := &host{stdout: &out, stderr: &errs}
		if got := h.run([]string{"check", "--upstream", "http://127.0.0.1:1", "--source", source}); got != want {
			t.Errorf("%s: exit code %d, want %d: %s", source, got, want, errs.String())
		}
		if want != exitStopped && !strings.Contains(errs.String(), source) {
			t.Errorf("%s is not said to be wrong: %s", source, errs.String())
		}
	}
}
