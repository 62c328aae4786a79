package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/wssplice/wssplice/proxy"
)

// resolvePatience bounds the only thing that check asks of the network.
const resolvePatience = 3 * time.Second

// check says whether serve would accept the settings, and what they mean.
func (h *host) check(s *settings) int {
	cfg, err := s.config()
	if err != nil {
		return h.fail(exitUsage, err)
	}
	for _, v := range h.env.unknown() {
		hint := ""
		if v.near != "" {
			hint = ", is " + v.near + " meant?"
		}
		fmt.Fprintf(h.stderr, "wssplice: variable %s is unknown%s\n", v.name, hint)
	}
	if err := cfg.CheckSources(); err != nil {
		return h.fail(exitFailed, err)
	}
	explain(h.stdout, s, &cfg, lookAround(&cfg))
	return exitStopped
}

// surroundings are what the machine has to say to a configuration.
type surroundings struct {
	found       []netip.Addr // where the upstream leads; none: to a unix socket, or nowhere
	lookUp      string       // what else there is to say of its name; empty: it is none
	ports       ports
	connections int // the connection limit; 0 or less: none
	descriptors string
}

func lookAround(cfg *proxy.Config) surroundings {
	ctx, cancel := context.WithTimeout(context.Background(), resolvePatience)
	defer cancel()
	full, err := cfg.WithDefaults()
	if err != nil {
		full = *cfg // it is valid: this does not happen
	}
	here := surroundings{ports: localPorts("/proc"), connections: full.MaxConnections, descriptors: descriptors()}
	here.found, here.lookUp = resolve(ctx, cfg.Upstream)
	return here
}

// explain writes what s, and the cfg that it made, come to here.
func explain(w io.Writer, s *settings, cfg *proxy.Config, here surroundings) {
	p := explainer{w}
	fmt.Fprintln(w, "The configuration is valid.")

	p.heading("Listening")
	for _, addr := range cfg.Listen {
		p.line("on", listenMeaning(addr))
	}
	p.line("backlog", fmt.Sprintf("%d connections, if net.core.somaxconn allows", cfg.Backlog))
	p.line("event loops", some(cfg.Loops, "one for two CPUs", ""))

	p.heading("Upstream")
	p.line("address", cfg.Upstream)
	if here.lookUp != "" {
		p.line("resolves to", here.lookUp)
	}
	p.line("from", sourceMeaning(cfg.Source))
	p.line("ports", portsMeaning(cfg.Source, &here))
	p.line("dial", within(s.DialTimeout, "to connect, redials while it is down included"))
	p.line("answer", within(s.AnswerTimeout, "from the end of a request to the head of its answer"))

	p.heading("Requests")
	for _, prefix := range cfg.Allow {
		p.line("may pass", allowMeaning(prefix))
	}
	p.line("token", paramMeaning(s.TokenParam, "Authorization: Bearer VALUE"))
	p.line("credential", paramMeaning(s.AuthorizationParam, "Authorization: VALUE, for Basic and Bearer only"))
	p.line("head", within(s.HeadTimeout, fmt.Sprintf("for at most %v and %d fields", s.HeadBytes, cfg.HeadFields)))

	p.heading("Connections")
	p.line("in all", connectionsMeaning(cfg.MaxConnections, &here))
	p.line("per address", some(cfg.MaxConnectionsPerAddress, "no limit", "at once"))
	p.line("plain, idle", ends(s.IdleTimeout))
	p.line("tunnel, idle", ends(s.TunnelIdleTimeout))
	p.line("tunnel, age", lifetimeMeaning(s.TunnelLifetime))
	p.line("half-closed, idle", ends(s.HalfCloseTimeout))
	p.line("dead peers", keepaliveMeaning(s, cfg))
	p.line("unacknowledged", ends(s.UserTimeout))
	p.line("drain", drainMeaning(s.DrainTimeout))

	p.heading("Observing")
	p.line("admin", adminMeaning(string(s.Admin)))
	p.line("log", fmt.Sprintf("%v and above, as %v, to standard error", s.LogLevel, s.LogFormat))
}

type explainer struct{ w io.Writer }

func (p explainer) heading(s string) { fmt.Fprintf(p.w, "\n%s\n", s) }

func (p explainer) line(what, meaning string) { fmt.Fprintf(p.w, "  %-18s %s\n", what, meaning) }

func listenMeaning(addr string) string {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return "the socket " + path
	}
	if strings.HasPrefix(addr, ":") {
		return addr + ", on every address of this host"
	}
	return addr
}

func allowMeaning(prefix string) string {
	trimmed := strings.TrimSuffix(prefix, "/")
	if trimmed == "" {
		return "every path"
	}
	return fmt.Sprintf("%s and what is below it; a path that no line lets pass gets 404", trimmed)
}

func paramMeaning(name text, becomes string) string {
	if name == "" {
		return "off: no parameter is moved"
	}
	return fmt.Sprintf("?%s=VALUE leaves the query and becomes %s", name, becomes)
}

func within(d duration, what string) string {
	if d == 0 {
		return "no time limit " + what
	}
	return fmt.Sprintf("%v %s", d, what)
}

func ends(d duration) string {
	if d == 0 {
		return "never closed for that"
	}
	return fmt.Sprintf("closed after %v", d)
}

func lifetimeMeaning(d duration) string {
	if d == 0 {
		return ends(d)
	}
	return fmt.Sprintf("closed at %v to %v, each at its own", d-d/8, d)
}

func some(n int, zero, unit string) string {
	if n == 0 {
		return zero
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, unit))
}

func keepaliveMeaning(s *settings, cfg *proxy.Config) string {
	if s.KeepaliveIdle == 0 {
		return "not looked for: TCP keepalive is off"
	}
	return fmt.Sprintf("probed after %v idle, closed when %d probes, %v apart, stay unanswered",
		s.KeepaliveIdle, cfg.KeepaliveCount, s.KeepaliveInterval)
}

func drainMeaning(d duration) string {
	if d == 0 {
		return "after SIGTERM tunnels stay until they end by themselves"
	}
	return fmt.Sprintf("after SIGTERM tunnels stay up to %v, then they are closed", d)
}

func adminMeaning(addr string) string {
	if addr == "" {
		return "off"
	}
	return fmt.Sprintf("http://%s, with /metrics, /healthz and /readyz", addr)
}

func connectionsMeaning(asked int, here *surroundings) string {
	switch {
	case asked > 0:
		return fmt.Sprintf("%d at once", asked)
	case here.connections > 0:
		return fmt.Sprintf("%d at once, at two descriptors each%s", here.connections, here.descriptors)
	}
	return "no limit"
}

func descriptors() string {
	if n, ok := descriptorLimit(); ok {
		return fmt.Sprintf(" of the %d that the process may have", n)
	}
	return ""
}

// resolve says where the upstream leads now: information only, for serve asks again
// whenever it dials. Of an address there is nothing to look up, and nothing to say.
func resolve(ctx context.Context, upstream string) (found []netip.Addr, lookUp string) {
	u, err := url.Parse(upstream)
	if err != nil || u.Hostname() == "" {
		return nil, ""
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return []netip.Addr{ip.Unmap()}, ""
	}
	found, err = net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) {
			err = errors.New(dns.Err)
		}
		return nil, fmt.Sprintf("no address now (%v); serve asks again when it dials", err)
	}
	text := make([]string, len(found))
	for i, ip := range found {
		found[i] = ip.Unmap()
		text[i] = found[i].String()
	}
	return found, strings.Join(text, ", ")
}
