package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// parse reads args and env as run does, for serve.
func parse(t *testing.T, env environ, args ...string) (*settings, error) {
	t.Helper()
	var c cli
	parser, err := newParser(&c, env)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return &c.Serve.settings, err
}

// TestPrecedence: a flag beats its variable, a variable beats the default.
func TestPrecedence(t *testing.T) {
	dial := func(c proxy.Config, s *settings) any { return c.DialTimeout }
	listen := func(c proxy.Config, s *settings) any { return strings.Join(c.Listen, " ") }
	source := func(c proxy.Config, s *settings) any { return strings.Join(c.Source, " ") }
	admin := func(c proxy.Config, s *settings) any { return string(s.Admin) }
	param := func(c proxy.Config, s *settings) any { return c.AuthorizationParam }
	loops := func(c proxy.Config, s *settings) any { return c.Loops }
	lifetime := func(c proxy.Config, s *settings) any { return c.TunnelLifetime }
	for _, tc := range []struct {
		name string
		env  environ
		args []string
		of   func(proxy.Config, *settings) any
		want any
	}{
		{"default", nil, nil, dial, 5 * time.Second},
		{"variable", environ{"WSSPLICE_DIAL_TIMEOUT=7s"}, nil, dial, 7 * time.Second},
		{"flag", nil, []string{"--dial-timeout", "9s"}, dial, 9 * time.Second},
		{"flag over variable", environ{"WSSPLICE_DIAL_TIMEOUT=7s"}, []string{"--dial-timeout=9s"}, dial, 9 * time.Second},
		{"flag over broken variable", environ{"WSSPLICE_DIAL_TIMEOUT=7"}, []string{"--dial-timeout=9s"}, dial, 9 * time.Second},
		{"empty variable", environ{"WSSPLICE_DIAL_TIMEOUT="}, nil, dial, 5 * time.Second},
		{"no lifetime by default", nil, nil, lifetime, time.Duration(proxy.Off)},
		{"lifetime by variable", environ{"WSSPLICE_TUNNEL_LIFETIME=8h"}, nil, lifetime, 8 * time.Hour},
		{"last of two variables", environ{"WSSPLICE_LOOPS=1", "WSSPLICE_LOOPS=2"}, nil, loops, 2},

		{"list default", nil, nil, listen, ":8080"},
		{"list variable", environ{"WSSPLICE_LISTEN=:1, unix:/s"}, nil, listen, ":1 unix:/s"},
		{"list flags", nil, []string{"--listen", ":1", "--listen", ":2,:3"}, listen, ":1 :2 :3"},
		{"list flags replace variable", environ{"WSSPLICE_LISTEN=:1,:2"}, []string{"--listen", ":3"}, listen, ":3"},

		{"list without a default", nil, nil, source, ""},
		{"list without a default by variable", environ{"WSSPLICE_SOURCE=127.0.0.2, 127.0.0.3"}, nil, source, "127.0.0.2 127.0.0.3"},
		{"list without a default by flags", nil, []string{"--source", "127.0.0.2", "--source=127.0.0.3"}, source, "127.0.0.2 127.0.0.3"},

		{"admin default", nil, nil, admin, "127.0.0.1:9090"},
		{"admin off by variable", environ{"WSSPLICE_ADMIN="}, nil, admin, ""},
		{"admin off by flag", nil, []string{"--admin="}, admin, ""},
		{"admin off by flag and blank", nil, []string{"--admin", ""}, admin, ""},
		{"admin on by flag, off by variable", environ{"WSSPLICE_ADMIN="}, []string{"--admin", "[::1]:1"}, admin, "[::1]:1"},

		{"parameter default", nil, nil, param, "authorization"},
		{"parameter off by variable", environ{"WSSPLICE_AUTHORIZATION_PARAM="}, nil, param, proxy.NoParam},
		{"parameter off by flag", nil, []string{"--authorization-param="}, param, proxy.NoParam},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := parse(t, tc.env, append(tc.args, "--upstream", "http://127.0.0.1:1")...)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := s.config()
			if err != nil {
				t.Fatal(err)
			}
			if got := tc.of(cfg, s); got != tc.want {
				t.Errorf("got %#v, want %#v", got, tc.want)
			}
		})
	}
}

// TestZeroIsNoLimit: on the command line 0 takes a time limit away, while zero in
// proxy.Config would bring its default back.
func TestZeroIsNoLimit(t *testing.T) {
	s, err := parse(t, nil, "--upstream", "http://127.0.0.1:1",
		"--head-timeout", "0", "--dial-timeout", "0s", "--answer-timeout", "0", "--idle-timeout", "0",
		"--tunnel-idle-timeout", "0", "--tunnel-lifetime", "0", "--half-close-timeout", "0", "--keepalive-idle", "0", "--user-timeout", "0",
		"--keepalive-interval", "0", "--keepalive-count", "0")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := s.config()
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]time.Duration{
		"head": cfg.HeadTimeout, "dial": cfg.DialTimeout, "answer": cfg.AnswerTimeout, "idle": cfg.IdleTimeout,
		"tunnel idle": cfg.TunnelIdleTimeout, "lifetime": cfg.TunnelLifetime, "half-close": cfg.HalfCloseTimeout,
		"keepalive": cfg.KeepaliveIdle, "user": cfg.UserTimeout,
	} {
		if d >= 0 {
			t.Errorf("%s timeout is %v, want it off", name, d)
		}
	}
}

// TestUsageMistakes: every text names the flag or variable and what to write.
func TestUsageMistakes(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  environ
		args []string
		want []string
	}{
		{"no upstream", nil, []string{}, []string{"--upstream", "http://", "WSSPLICE_UPSTREAM"}},
		{"time without unit", nil, []string{"--dial-timeout", "5"}, []string{"--dial-timeout", `"5"`, "30s"}},
		{"negative time", nil, []string{"--dial-timeout=-5s"}, []string{"--dial-timeout", "negative", "30s"}},
		{"no time", nil, []string{"--idle-timeout", "soon"}, []string{"--idle-timeout", "30s"}},
		{"variable without unit", environ{"WSSPLICE_IDLE_TIMEOUT=75"}, nil, []string{"WSSPLICE_IDLE_TIMEOUT", `"75"`, "30s"}},
		{"size without unit", nil, []string{"--head-bytes", "16384"}, []string{"--head-bytes", "16KiB"}},
		{"size in another unit", nil, []string{"--head-bytes", "16KB"}, []string{"--head-bytes", "16KiB"}},
		{"size beyond measure", nil, []string{"--head-bytes", "9999999999999GiB"}, []string{"--head-bytes", "16KiB"}},
		{"no size", nil, []string{"--head-bytes", "KiB"}, []string{"--head-bytes", "16KiB"}},
		{"size zero", nil, []string{"--head-bytes", "0B"}, []string{"--head-bytes", "default"}},
		{"no count", nil, []string{"--loops", "many"}, []string{"--loops", "whole number"}},
		{"signed count", nil, []string{"--loops=+1"}, []string{"--loops", "whole number"}},
		{"negative count", nil, []string{"--loops=-1"}, []string{"--loops", "whole number"}},
		{"count missing", nil, []string{"--loops"}, []string{"--loops N"}},
		{"count zero", nil, []string{"--head-fields", "0"}, []string{"--head-fields", "default"}},
		{"backlog zero", nil, []string{"--backlog", "0"}, []string{"--backlog", "default"}},
		{"probes zero", nil, []string{"--keepalive-count", "0"}, []string{"--keepalive-count", "--keepalive-idle 0"}},
		{"part of a second", nil, []string{"--keepalive-idle", "1500ms"}, []string{"--keepalive-idle", "1s"}},
		{"refused by the proxy", nil, []string{"--head-bytes", "64KiB"}, []string{"65535"}},
		{"level", nil, []string{"--log-level", "warn+1"}, []string{"--log-level", "debug, info, warn or error"}},
		{"format", nil, []string{"--log-format", "xml"}, []string{"--log-format", "text or json"}},
		{"admin port alone", nil, []string{"--admin", "9090"}, []string{"--admin", "127.0.0.1:9090"}},
		{"admin port beyond", nil, []string{"--admin", "127.0.0.1:99999"}, []string{"--admin", "127.0.0.1:9090"}},
		{"empty listen", nil, []string{"--listen="}, []string{"--listen", "default"}},
		{"empty element", environ{"WSSPLICE_ALLOW=/a,,/b"}, nil, []string{"WSSPLICE_ALLOW", "default"}},
		{"unknown flag", nil, []string{"--dail-timeout", "5s"}, []string{"--dial-timeout"}},
		{"unknown command", nil, []string{"start"}, []string{"start"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := tc.args
			if tc.name != "no upstream" {
				args = append(args, "--upstream", "http://127.0.0.1:1")
			}
			s, err := parse(t, tc.env, args...)
			if err == nil {
				_, err = s.config()
			}
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not mention %q", err, want)
				}
			}
		})
	}
}

// TestValues: what String writes, UnmarshalText reads, and it is what one would write.
func TestValues(t *testing.T) {
	for _, s := range []string{"500ms", "30s", "5m", "1m15s", "24h", "1h30m", "1h0m5s", "0s"} {
		var d duration
		if err := d.UnmarshalText([]byte(s)); err != nil || d.String() != s {
			t.Errorf("duration %s: got %v, %v", s, d, err)
		}
	}
	for s, bytes := range map[string]size{"512B": 512, "16KiB": 16 << 10, "1MiB": 1 << 20, "2GiB": 2 << 30, "1025B": 1025, "0B": 0} {
		var z size
		if err := z.UnmarshalText([]byte(s)); err != nil || z != bytes || z.String() != s {
			t.Errorf("size %s: got %d, %v, %v", s, z, z, err)
		}
	}
	for _, s := range []string{"debug", "info", "warn", "error"} {
		var l logLevel
		if err := l.UnmarshalText([]byte(s)); err != nil || l.String() != s {
			t.Errorf("level %s: got %v, %v", s, l, err)
		}
	}
}

// TestHelpBeatsMissing: help needs no other flag to be right.
func TestHelpBeatsMissing(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"check", "--help"}, {"demo", "-h"}, {"serve", "--dial-timeout", "5s", "--help"}} {
		if _, err := parse(t, nil, args...); !errors.Is(err, errHelp) {
			t.Errorf("%q: got %v, want the help", args, err)
		}
	}
}
