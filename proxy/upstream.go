package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// upstream is the mail server: its name and the addresses behind it.
type upstream struct {
	name string // as configured, for people
	host string
	port uint16
	from *sources

	waryUntil atomic.Int64 // time since epoch until which it is thought to close unanswered; 0: it is not

	known atomic.Pointer[resolved]
	mu    sync.Mutex
	calls []func(error) // who waits for the resolving that is under way; nil: none is
	busy  bool
}

type resolved struct {
	addrs []address
	at    time.Time
}

// address is one place to connect to.
type address struct {
	ap   netip.AddrPort
	path string
	raw  rawAddr
	ways []way // at least one
}

func (a *address) String() string {
	if a.path != "" {
		return "unix:" + a.path
	}
	return a.ap.String()
}

// resolveAfter is how old addresses may be before a dial has them looked up again,
// without waiting. The resolver does not tell their TTL; this is below what name
// services of containers and clusters use.
const resolveAfter = 5 * time.Second

// parseUpstream reads http://host:port or unix:/path, to be connected to from the
// given sources.
func parseUpstream(s string, from *sources) (*upstream, error) {
	const form = "write http://host:port or unix:/path"
	if s == "" {
		return nil, errors.New("upstream is missing: " + form)
	}
	u := &upstream{name: s, from: from}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if len(from.all) > 0 {
			return nil, fmt.Errorf("upstream %q is a unix socket: connections to it have no source address, leave those out", s)
		}
		a, err := makeAddress(netip.AddrPort{}, path)
		if err != nil {
			return nil, fmt.Errorf("upstream %q: %w", s, err)
		}
		a.ways = make([]way, 1)
		u.known.Store(&resolved{addrs: []address{a}})
		return u, nil
	}
	p, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, fmt.Errorf("upstream %q is no URL: %s", s, form)
	case p.Scheme == "https" || p.Scheme == "wss":
		return nil, fmt.Errorf("upstream %q: TLS to the mail server is not supported, %s", s, form)
	case p.Scheme != "http" && p.Scheme != "ws" || p.Hostname() == "":
		return nil, fmt.Errorf("upstream %q: %s", s, form)
	case p.Path != "" && p.Path != "/" || p.RawQuery != "" || p.Fragment != "" || p.User != nil:
		return nil, fmt.Errorf("upstream %q holds more than host and port; paths pass as the client sent them: %s", s, form)
	}
	u.host, u.port = p.Hostname(), 80
	if p.Port() != "" {
		n, err := strconv.ParseUint(p.Port(), 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("upstream %q: the port must be 1 to 65535", s)
		}
		u.port = uint16(n)
	}
	if ip, err := netip.ParseAddr(u.host); err == nil {
		a, err := u.address(ip)
		if err != nil {
			return nil, fmt.Errorf("upstream %q: %w", s, err)
		}
		u.known.Store(&resolved{addrs: []address{a}})
		u.host = ""
	}
	return u, nil
}

var errNoSource = errors.New("no source is of its family: add one, or leave the sources out")

// address makes ip one to connect to.
func (u *upstream) address(ip netip.Addr) (address, error) {
	ip = ip.Unmap()
	a, err := makeAddress(netip.AddrPortFrom(ip, u.port), "")
	if err != nil {
		return a, err
	}
	if a.ways = u.from.waysTo(ip); len(a.ways) == 0 {
		return a, fmt.Errorf("%v: %w", ip, errNoSource)
	}
	return a, nil
}

// fixed says that the addresses never change: there is no name to look up.
func (u *upstream) fixed() bool { return u.host == "" }

// addresses are the ones known now, nil if none ever were. If they are old they
// are looked up again in the background: no dial waits for that.
func (u *upstream) addresses(now time.Time) []address {
	k := u.known.Load()
	if u.fixed() {
		return k.addrs
	}
	if k == nil {
		return nil
	}
	if now.Sub(k.at) > resolveAfter {
		u.resolve(nil)
	}
	return k.addrs
}

// waryFor is how long the upstream is expected to close further connections without an
// answer once it has closed one: for as long as a restart may take.
const waryFor = 10 * time.Second

// beWary notes that the upstream has closed a connection without an answer, and wary
// says whether it has done so lately.
func (u *upstream) beWary() { u.waryUntil.Store(int64(time.Since(epoch) + waryFor)) }

func (u *upstream) wary() bool {
	until := u.waryUntil.Load()
	if until == 0 { // nearly always
		return false
	}
	if time.Since(epoch) < time.Duration(until) {
		return true
	}
	u.waryUntil.CompareAndSwap(until, 0)
	return false
}

// resolve looks the name up, or joins a look-up that is under way, and has done
// called with its outcome, on another goroutine. done may be nil.
func (u *upstream) resolve(done func(error)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if done != nil {
		u.calls = append(u.calls, done)
	}
	if !u.busy {
		u.busy = true
		go u.lookUp()
	}
}

// refresh looks a name up again, in the background: none of its addresses answers.
func (u *upstream) refresh() {
	if !u.fixed() {
		u.resolve(nil)
	}
}

var errResolveSlow = errors.New("the name service did not answer in time")

// lookUpTimeout bounds one look-up; who waits for it has a limit of its own.
const lookUpTimeout = 5 * time.Second

func (u *upstream) lookUp() {
	err := u.lookUpNow()
	u.mu.Lock()
	calls := u.calls
	u.calls, u.busy = nil, false
	u.mu.Unlock()
	for _, f := range calls {
		f(err)
	}
}

func (u *upstream) lookUpNow() error {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.host)
	if err != nil {
		return fmt.Errorf("resolve %s: %w", u.host, err)
	}
	// Those of a family without a source are passed over: a name with addresses of
	// both is normal, and so is a machine with one.
	var addrs []address
	err = errors.New("no address")
	for _, ip := range ips {
		a, e := u.address(ip)
		if e != nil {
			err = e
			continue
		}
		addrs = append(addrs, a)
	}
	if len(addrs) == 0 {
		return fmt.Errorf("resolve %s: %w", u.host, err)
	}
	u.known.Store(&resolved{addrs, time.Now()})
	return nil
}
