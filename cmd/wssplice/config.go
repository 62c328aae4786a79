package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// config turns the command line's values into the proxy's and checks them as far
// as can be done without binding or dialling. An error is the operator's to mend.
func (s *settings) config() (proxy.Config, error) {
	cfg := proxy.Config{
		Listen:             s.Listen,
		Upstream:           string(s.Upstream),
		Source:             s.Source,
		Allow:              s.Allow,
		TokenParam:         param(s.TokenParam),
		AuthorizationParam: param(s.AuthorizationParam),

		Loops:   int(s.Loops),
		Backlog: int(s.Backlog),

		HeadTimeout: limit(s.HeadTimeout),
		HeadBytes:   int(s.HeadBytes),
		HeadFields:  int(s.HeadFields),

		DialTimeout:   limit(s.DialTimeout),
		AnswerTimeout: limit(s.AnswerTimeout),
		IdleTimeout:   limit(s.IdleTimeout),

		TunnelIdleTimeout: limit(s.TunnelIdleTimeout),
		TunnelLifetime:    limit(s.TunnelLifetime),
		HalfCloseTimeout:  limit(s.HalfCloseTimeout),

		KeepaliveIdle:     limit(s.KeepaliveIdle),
		KeepaliveInterval: time.Duration(s.KeepaliveInterval),
		KeepaliveCount:    int(s.KeepaliveCount),
		UserTimeout:       limit(s.UserTimeout),

		MaxConnections:           int(s.MaxConnections),
		MaxConnectionsPerAddress: int(s.MaxConnectionsPerAddress),
	}
	if err := s.usable(&cfg); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

// usable catches what has no meaning on the command line though the Config that
// it leads to has: there, zero stands for the default.
func (s *settings) usable(cfg *proxy.Config) error {
	if cfg.Upstream == "" {
		return errors.New("--upstream is missing: write --upstream http://HOST:PORT, the mail server's plain HTTP address, " +
			"or set " + variable("upstream"))
	}
	for _, n := range []struct {
		flag  string
		value int
	}{
		{"backlog", cfg.Backlog},
		{"head-bytes", cfg.HeadBytes},
		{"head-fields", cfg.HeadFields},
	} {
		if n.value == 0 {
			return fmt.Errorf("--%s is 0: leave it out for its default", n.flag)
		}
	}
	if s.KeepaliveIdle != 0 && (s.KeepaliveInterval == 0 || s.KeepaliveCount == 0) {
		return errors.New("--keepalive-interval and --keepalive-count cannot be 0: to turn keepalive off write --keepalive-idle 0")
	}
	for _, d := range []struct {
		flag  string
		value duration
	}{
		{"keepalive-idle", s.KeepaliveIdle},
		{"keepalive-interval", s.KeepaliveInterval},
	} {
		if time.Duration(d.value)%time.Second != 0 {
			return fmt.Errorf("--%s is %v: the kernel counts whole seconds, write 1s or more", d.flag, d.value)
		}
	}
	return s.usableAdmin()
}

func (s *settings) usableAdmin() error {
	if s.Admin == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(string(s.Admin))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("--admin %q is no address: write host:port such as 127.0.0.1:9090, or leave it empty for no admin server", s.Admin)
	}
	return nil
}

// limit gives a time limit its meaning in proxy.Config, where zero asks for the
// default and Off for none; on the command line the default is written out and 0
// is none.
func limit(d duration) time.Duration {
	if d == 0 {
		return proxy.Off
	}
	return time.Duration(d)
}

func param(name text) string {
	if name == "" {
		return proxy.NoParam
	}
	return string(name)
}
