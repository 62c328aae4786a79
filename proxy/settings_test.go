//go:build linux

package proxy_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// The settings of a story's config lines are the fields of proxy.Config, and
//
//	upstream=down    nothing listens at first
//	upstream=full    it listens, but its queue is full: connects hang
//	upstream=unix    it listens on a unix socket
//	listen=unix      so does the proxy

// apply sets the field of cfg that a story calls key.
func apply(cfg *proxy.Config, key, value string) (err error) {
	durations := map[string]*time.Duration{
		"head-timeout":        &cfg.HeadTimeout,
		"dial-timeout":        &cfg.DialTimeout,
		"answer-timeout":      &cfg.AnswerTimeout,
		"idle-timeout":        &cfg.IdleTimeout,
		"tunnel-idle-timeout": &cfg.TunnelIdleTimeout,
		"tunnel-lifetime":     &cfg.TunnelLifetime,
		"half-close-timeout":  &cfg.HalfCloseTimeout,
	}
	counts := map[string]*int{
		"loops":                       &cfg.Loops,
		"head-bytes":                  &cfg.HeadBytes,
		"head-fields":                 &cfg.HeadFields,
		"max-connections":             &cfg.MaxConnections,
		"max-connections-per-address": &cfg.MaxConnectionsPerAddress,
	}
	param := func() string {
		if value == "off" {
			return proxy.NoParam
		}
		return value
	}
	switch {
	case durations[key] != nil:
		*durations[key], err = time.ParseDuration(value)
	case counts[key] != nil:
		*counts[key], err = strconv.Atoi(value)
	case key == "allow":
		cfg.Allow = strings.Split(value, ",")
	case key == "token-param":
		cfg.TokenParam = param()
	case key == "authorization-param":
		cfg.AuthorizationParam = param()
	default:
		err = fmt.Errorf("unknown setting %q", key)
	}
	return err
}

// A running is a proxy that serves.
type running struct {
	*proxy.Proxy
	network, addr string
	served        chan error
	stopped       bool
}

// start runs a proxy that logs everything into logs. Without an address in cfg
// it listens on a free port of loopback.
func start(cfg proxy.Config) (*running, error) {
	if cfg.Listen == nil {
		cfg.Listen = []string{"127.0.0.1:0"}
	}
	if cfg.Logger == nil {
		cfg.Logger = logs.logger()
	}
	p, err := proxy.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	a := p.Addrs()[0]
	r := &running{Proxy: p, network: a.Network(), addr: a.String(), served: make(chan error, 1)}
	go func() { r.served <- p.Serve() }()
	return r, nil
}

// stop closes the proxy, waits until Serve has returned and judges what the
// counters say then. A second call does nothing.
func (r *running) stop() error {
	if r.stopped {
		return nil
	}
	r.stopped = true
	r.Close()
	select {
	case err := <-r.served:
		if err != nil {
			return fmt.Errorf("serve: %w", err)
		}
	case <-time.After(limit):
		return fmt.Errorf("Serve has not returned %v after Close; %s", limit, goroutines())
	}
	return balanced(r.Stats())
}

// balanced checks a snapshot taken when no connection is left.
func balanced(s proxy.Stats) error {
	for step, n := range s.Connections {
		if n != 0 {
			return fmt.Errorf("%d connections still counted in step %v", n, proxy.Step(step))
		}
	}
	var closed uint64
	for _, c := range s.Closed {
		closed += c.Count
	}
	if s.Accepted != closed {
		return fmt.Errorf("%d connections accepted, %d ended: %v", s.Accepted, closed, s.Closed)
	}
	for i, l := range s.Loops {
		if l.Tunnels != 0 {
			return fmt.Errorf("loop %d still counts %d tunnels", i, l.Tunnels)
		}
	}
	return nil
}

// total is the number of connections that there are now.
func total(s proxy.Stats) (n int64) {
	for _, c := range s.Connections {
		n += c
	}
	return n
}

// refusals adds up the refusals that were answered or not.
func refusals(s proxy.Stats) (n uint64) {
	for _, r := range s.Refusals {
		n += r.Count
	}
	return n
}
